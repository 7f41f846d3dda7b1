import { assert, assertEquals, assertThrows } from "@std/assert";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { WebSocketInput } from "../../transports/node_websocket_input.ts";
import { Pacer } from "../../transports/pacer.ts";
import { ManualTurns, settled } from "../support/manual_turns.ts";

/** The size of an empty frame of a client, and how many are in one chunk of the system. */
const FRAME = 6;
const FRAMES = 10_922;

/** A connection and its WebSocket, which takes a while for each frame. */
class FakeSocket extends EventEmitter {
  readonly feed: WebSocketInput;
  readyState = 1;
  paused = false;
  writableEnded = false;
  /** How many frames were read. */
  frames = 0;
  /** The reason that it was closed with. */
  readonly ended: string[] = [];
  /** What the stream has buffered. */
  buffered: Uint8Array | null = null;
  #bytes = 0;

  constructor(manual: ManualTurns, ms: number, ends?: Pacer) {
    super();
    this.on("data", (piece: Uint8Array) => {
      this.#bytes += piece.length;
      const frames = Math.floor(this.#bytes / FRAME);
      manual.spend(ms * (frames - this.frames));
      this.frames = frames;
    });
    for (const event of ["end", "close"]) this.on(event, () => this.ended.push(event));
    this.feed = new WebSocketInput(this as unknown as Socket, this, manual.turns.join(), ends);
  }

  /** The system delivers what the peer sends without end. */
  receive(): void {
    if (!this.paused) this.emit("data", new Uint8Array(FRAMES * FRAME));
  }

  read(): Uint8Array | null {
    const { buffered } = this;
    this.buffered = null;
    return buffered;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

Deno.test("of 10,922 empty frames in one chunk, as many are read as there is time for", async () => {
  const manual = new ManualTurns();
  const socket = new FakeSocket(manual, 0.005);
  socket.receive();
  const first = socket.frames;
  assert(first > 0 && first <= 1000, `${first} frames were read in one turn`);
  assertEquals([socket.paused, socket.feed.isWaiting], [true, true]);
  for (let looks = 0; socket.frames < FRAMES; looks++) {
    const before = socket.frames;
    await manual.networkLook();
    const more = socket.frames - before;
    assert(
      more > 0 && more <= 2000,
      `${more} frames were read between two turns of the event loop`,
    );
  }
  assertEquals([socket.frames, socket.paused, socket.feed.isWaiting], [FRAMES, false, false]);
});

Deno.test("frames of 30 flooding peers are read for at most 10 ms between two turns of the event loop", async () => {
  const manual = new ManualTurns();
  const sockets = Array.from({ length: 30 }, () => new FakeSocket(manual, 0.005));
  let before = manual.now();
  for (let looks = 0; looks < 300; looks++) {
    for (const socket of sockets) socket.receive();
    await manual.networkLook();
    const passed = manual.now() - before;
    // Data that arrives while nothing waits, and the next turns.
    assert(passed <= 2 * 10, `${passed} ms passed`);
    before = manual.now();
  }
  const frames = sockets.map((socket) => socket.frames);
  assert(Math.max(...frames) <= 2 * Math.min(...frames), `${frames}`);
});

Deno.test("cheap frames are delivered as they arrive", () => {
  const manual = new ManualTurns();
  const socket = new FakeSocket(manual, 0);
  for (let i = 0; i < 10; i++) {
    socket.receive();
    assertEquals([socket.frames, socket.paused], [(i + 1) * FRAMES, false]);
  }
});

Deno.test("nothing is read after a close frame, nor from a dropped peer", async () => {
  const manual = new ManualTurns();
  const gone = new FakeSocket(manual, 0.005);
  gone.readyState = 2;
  gone.receive();
  const cut = new FakeSocket(manual, 0.005);
  cut.receive();
  const { frames } = cut;
  cut.emit("end");
  cut.readyState = 2;
  cut.emit("close");
  assertEquals([gone.frames, gone.paused], [0, true], "nothing more of it is read");
  assertEquals(cut.ended, ["end", "close"]);
  await manual.networkLook();
  assertEquals([cut.frames, cut.ended], [frames, ["end", "close"]]);
});

Deno.test("if a peer disconnects while its data waits for its turn, the data is delivered before the end", async () => {
  const manual = new ManualTurns();
  const socket = new FakeSocket(manual, 0.005);
  socket.receive();
  socket.buffered = new Uint8Array(2 * FRAME);
  socket.emit("end");
  socket.emit("close", false);
  assertEquals(socket.ended, []);
  let looks = 0;
  for (; socket.ended.length === 0; looks++) await manual.networkLook();
  assert(looks > 5, `it was read in ${looks} turns`);
  assertEquals([socket.frames, socket.ended], [FRAMES + 2, ["end", "close"]]);
});

Deno.test("thousands of peers that disconnect at once are handled a few at a time", async () => {
  const manual = new ManualTurns();
  let afterLook = () => {};
  const ends = new Pacer((callback) => afterLook = callback);
  const sockets = Array.from({ length: 1000 }, () => new FakeSocket(manual, 0, ends));
  const remaining = () => sockets.filter(({ ended }) => ended.length > 0).length;
  for (const socket of sockets) socket.emit("end");
  for (let before = 0; before < 1000;) {
    const more = remaining() - before;
    assert(more > 0 && more <= 20, `${more} ended in one turn of the event loop`);
    before += more;
    afterLook();
    await settled();
  }
  assert(sockets.every(({ ended: [first, ...more] }) => first === "end" && more.length === 0));
});

Deno.test("if a connection is closed while its end waits for its turn, both are reported at once, in order", async () => {
  const manual = new ManualTurns();
  let afterLook = () => {};
  const ends = new Pacer((callback) => afterLook = callback);
  const sockets = Array.from({ length: 30 }, () => new FakeSocket(manual, 0, ends));
  for (const socket of sockets) socket.emit("end");
  const last = sockets.at(-1)!;
  assertEquals(last.ended, []);
  last.emit("close", false);
  for (let looks = 0; looks < 10; looks++) {
    assertEquals(last.ended, ["end", "close"]);
    afterLook();
    await settled();
  }
});

Deno.test("a connection with a few waiting bytes is not paused before it sends more", async () => {
  const manual = new ManualTurns();
  const socket = new FakeSocket(manual, 0);
  /** The event loop has not turned for long: others have their turn first. */
  const work = () => {
    const other = manual.turns.join();
    other.mayAccept();
    manual.spend(20);
    other.charge(20);
  };
  work();
  const receiveFrames = (frames: number) => socket.emit("data", new Uint8Array(frames * FRAME));
  const state = () => [socket.frames, socket.feed.isWaiting, socket.paused];
  receiveFrames(10);
  assertEquals(state(), [0, true, false]);
  receiveFrames(1);
  assertEquals(state(), [0, true, true]);
  await manual.networkLook();
  assertEquals(state(), [11, false, false]);
  work();
  receiveFrames(1000);
  assertEquals(state(), [11, true, true]);
});

Deno.test("Node's errors for a peer have no long stacks, and all others have theirs", () => {
  const { stackTraceLimit } = Error;
  const socket = new EventEmitter() as unknown as FakeSocket;
  const limits: number[] = [];
  for (const event of ["data", "end", "close"]) {
    socket.on(event, () => {
      limits.push(Error.stackTraceLimit);
      throw new Error("a defect");
    });
  }
  socket.readyState = 1;
  socket.read = () => null;
  new WebSocketInput(socket as unknown as Socket, socket, new ManualTurns().turns.join());
  for (const event of ["data", "end", "close"]) {
    assertThrows(() => socket.emit(event, new Uint8Array(1)), Error, "a defect");
    assertEquals(Error.stackTraceLimit, stackTraceLimit);
  }
  assertEquals(limits, [1, 1, 1]);
});

Deno.test("a peer that is sent a close is read until it answers it", () => {
  const manual = new ManualTurns();
  const socket = new FakeSocket(manual, 0);
  socket.feed.onCloseSent();
  socket.readyState = 2;
  socket.receive();
  assertEquals(socket.frames, FRAMES);
  socket.writableEnded = true;
  socket.receive();
  assertEquals(socket.frames, FRAMES);
});
