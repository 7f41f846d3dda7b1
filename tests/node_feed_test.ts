import { assert, assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Feed } from "../transports/node_feed.ts";
import { ManualTurns } from "./support/manual_turns.ts";

/** How large an empty frame of a client is, and how many are in one piece of what the system brings. */
const FRAME = 6;
const FRAMES = 10_922;

/** A connection and its WebSocket, which takes a while for each frame. */
class FakeSocket extends EventEmitter {
  readonly feed: Feed;
  readyState = 1;
  paused = false;
  writableEnded = false;
  /** How many frames were read. */
  frames = 0;
  /** What it was told of its end. */
  readonly told: string[] = [];
  /** What the stream has, and nobody has read. */
  buffered: Uint8Array | null = null;
  #bytes = 0;

  constructor(manual: ManualTurns, ms: number) {
    super();
    this.on("data", (piece: Uint8Array) => {
      this.#bytes += piece.length;
      const frames = Math.floor(this.#bytes / FRAME);
      manual.work(ms * (frames - this.frames));
      this.frames = frames;
    });
    for (const event of ["end", "close"]) this.on(event, () => this.told.push(event));
    this.feed = new Feed(this as unknown as Socket, this, manual.turns.join());
  }

  /** The system brings what the peer sends without end. */
  bring(): void {
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

Deno.test("of 10,922 empty frames that come in one go those are read for which there is time", async () => {
  const manual = new ManualTurns();
  const socket = new FakeSocket(manual, 0.005);
  socket.bring();
  const first = socket.frames;
  assert(first > 0 && first <= 1000, `${first} frames were read in one go`);
  assertEquals([socket.paused, socket.feed.waits], [true, true]);
  for (let looks = 0; socket.frames < FRAMES; looks++) {
    const before = socket.frames;
    await manual.look();
    const more = socket.frames - before;
    assert(more > 0 && more <= 2000, `${more} frames were read between two looks at the network`);
  }
  assertEquals([socket.frames, socket.paused, socket.feed.waits], [FRAMES, false, false]);
});

Deno.test("frames of 30 who flood are read for no more than 10 ms before the network is looked at", async () => {
  const manual = new ManualTurns();
  const sockets = Array.from({ length: 30 }, () => new FakeSocket(manual, 0.005));
  let before = manual.now();
  for (let looks = 0; looks < 300; looks++) {
    for (const socket of sockets) socket.bring();
    await manual.look();
    const passed = manual.now() - before;
    // What comes while nothing waits, and the next turns.
    assert(passed <= 2 * 10, `${passed} ms passed`);
    before = manual.now();
  }
  const frames = sockets.map((socket) => socket.frames);
  assert(Math.max(...frames) <= 2 * Math.min(...frames), `${frames}`);
});

Deno.test("frames that cost little are handed over as they come", () => {
  const manual = new ManualTurns();
  const socket = new FakeSocket(manual, 0);
  for (let i = 0; i < 10; i++) {
    socket.bring();
    assertEquals([socket.frames, socket.paused], [(i + 1) * FRAMES, false]);
  }
});

Deno.test("what comes after a goodbye, and what is left of one who was given up, is not read", async () => {
  const manual = new ManualTurns();
  const gone = new FakeSocket(manual, 0.005);
  gone.readyState = 2;
  gone.bring();
  const cut = new FakeSocket(manual, 0.005);
  cut.bring();
  const { frames } = cut;
  cut.emit("end");
  cut.readyState = 2;
  cut.emit("close");
  assertEquals([gone.frames, gone.paused], [0, true], "nothing more of it is read");
  assertEquals(cut.told, ["end", "close"]);
  await manual.look();
  assertEquals([cut.frames, cut.told], [frames, ["end", "close"]]);
});

Deno.test("who leaves while what it said waits for its turn is heard, before it is known that it left", async () => {
  const manual = new ManualTurns();
  const socket = new FakeSocket(manual, 0.005);
  socket.bring();
  socket.buffered = new Uint8Array(2 * FRAME);
  socket.emit("end");
  socket.emit("close", false);
  assertEquals(socket.told, []);
  let looks = 0;
  for (; socket.told.length === 0; looks++) await manual.look();
  assert(looks > 5, `it was read in ${looks} turns`);
  assertEquals([socket.frames, socket.told], [FRAMES + 2, ["end", "close"]]);
});

Deno.test("a peer that is told goodbye is read until it says so itself", () => {
  const manual = new ManualTurns();
  const socket = new FakeSocket(manual, 0);
  socket.feed.closes();
  socket.readyState = 2;
  socket.bring();
  assertEquals(socket.frames, FRAMES);
  socket.writableEnded = true;
  socket.bring();
  assertEquals(socket.frames, FRAMES);
});
