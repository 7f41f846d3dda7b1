import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import {
  HttpInput,
  type InputConnection,
  type InputRequests,
} from "../../transports/node_http_input.ts";
import { ManualTurns } from "../support/manual_turns.ts";

/** A connection, and a listener that takes this long for each chunk. */
class FakeConnection extends EventEmitter {
  destroyed = false;
  paused = false;
  /** What the listener has received. */
  readonly received: (number | string)[] = [];
  readonly caught: unknown[] = [];
  readonly intake: HttpInput;
  /** The request that comes. */
  request: ReturnType<InputRequests["current"]>;
  hasRoom = true;
  giveRoom = (): void => {};
  /** What came after the handshake of a WebSocket. */
  readonly unshifted: number[] = [];

  constructor(manual: ManualTurns, ms: number) {
    super();
    this.on("data", (piece: Uint8Array) => {
      this.received.push(piece.length);
      manual.spend(ms);
    });
    this.on("end", () => this.received.push("end"));
    this.intake = new HttpInput(this as unknown as InputConnection, manual.turns.join(), {
      current: () => this.request,
      mayParse: (isNewRequest) => !isNewRequest || this.hasRoom,
      whenRoom: (callback) => void (this.giveRoom = callback),
      onError: (error) => void this.caught.push(error),
    });
  }

  /** The system delivers some bytes, unless it must deliver nothing now. */
  receive(bytes: number): void {
    if (!this.paused) this.emit("data", new Uint8Array(bytes));
  }

  unshift(chunk: Uint8Array): void {
    this.unshifted.push(chunk.length);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

Deno.test("of 1,000 simultaneous HTTP requests, only 15 ms are processed between two turns of the event loop", async () => {
  const manual = new ManualTurns();
  const all = Array.from({ length: 1000 }, () => new FakeConnection(manual, 1));
  let before = manual.now();
  for (const one of all) one.receive(1000);
  assert(all.some(({ received }) => received.length === 0), "all of it was processed at once");
  for (let looks = 0; all.some(({ received }) => received.length === 0); looks++) {
    const passed = manual.now() - before;
    assert(passed <= 15, `${passed} ms passed before the ${looks + 1}th look`);
    assert(looks < 1000, "some are never received");
    before = manual.now();
    await manual.networkLook();
  }
  assertEquals(
    all.map(({ received, paused }) => [received, paused]),
    all.map(() => [[1000], false]),
  );
});

Deno.test("HTTP data that waits for its turn arrives complete, once and in order, and the end after it", async () => {
  const manual = new ManualTurns();
  const [busy, one] = [new FakeConnection(manual, 20), new FakeConnection(manual, 1)];
  busy.receive(1000);
  one.receive(100);
  assertEquals([one.received, one.paused, one.intake.buffered], [[], true, 100]);
  // What the stream had already read.
  one.emit("data", new Uint8Array(50));
  one.emit("end");
  assertEquals([one.received, one.intake.buffered], [[], 150]);
  while (manual.awaited) await manual.networkLook();
  assertEquals([one.received, one.intake.buffered], [[150, "end"], 0]);
});

Deno.test("nothing of a closed connection is kept or delivered", async () => {
  const manual = new ManualTurns();
  const [busy, one] = [new FakeConnection(manual, 20), new FakeConnection(manual, 1)];
  busy.receive(1000);
  one.receive(100);
  one.destroyed = true;
  one.emit("close");
  assertEquals(one.intake.buffered, 0);
  while (manual.awaited) await manual.networkLook();
  assertEquals(one.received, []);
});

Deno.test("once a connection is a WebSocket, its HTTP input stops, and errors of listeners end nothing", () => {
  const manual = new ManualTurns();
  const [busy, one] = [new FakeConnection(manual, 20), new FakeConnection(manual, 1)];
  const error = new Error("one too many");
  one.once("data", () => {
    throw error;
  });
  one.receive(10);
  assertEquals([one.received, one.caught], [[10], [error]]);
  one.once("data", () => one.intake.detach());
  one.receive(20);
  busy.receive(1000);
  one.receive(30);
  assertEquals(one.received, [10, 20, 30]);
});

Deno.test("a listener may pause a connection even if its data waited for its turn", async () => {
  const manual = new ManualTurns();
  const [busy, one] = [new FakeConnection(manual, 20), new FakeConnection(manual, 1)];
  busy.receive(1000);
  one.receive(100);
  one.once("data", () => one.pause());
  while (manual.awaited) await manual.networkLook();
  assertEquals([one.received, one.paused], [[100], true]);
});

Deno.test("data that HTTP has read is freed at once, and waiting data once it was delivered", async () => {
  const manual = new ManualTurns();
  const [busy, one] = [new FakeConnection(manual, 20), new FakeConnection(manual, 1)];
  const received: number[] = [];
  one.on("data", (piece: Uint8Array) => received.push(piece.buffer.byteLength));
  const [first, second] = [new Uint8Array(1000), new Uint8Array(2000)];
  one.emit("data", first);
  busy.receive(1000);
  one.emit("data", second);
  assertEquals([first.byteLength, second.byteLength, received], [0, 2000, [1000]]);
  while (manual.awaited) await manual.networkLook();
  assertEquals([first.byteLength, second.byteLength, received], [0, 0, [1000, 2000]]);
});

/** Bytes of text, as Node has them. */
function bytesOf(text: string): Uint8Array {
  return Buffer.from(new TextEncoder().encode(text).buffer);
}

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

Deno.test("requests that come while many wait for their responses are held, and handed over once few wait", async () => {
  const manual = new ManualTurns();
  const one = new FakeConnection(manual, 0);
  one.on("data", () => one.hasRoom = one.received.length < 3);
  one.emit("data", bytesOf(GET.repeat(5)));
  assertEquals([one.received, one.paused], [Array(3).fill(GET.length), false]);
  assertEquals(one.intake.buffered, 2 * GET.length);
  one.emit("data", bytesOf(GET));
  assertEquals([one.received.length, one.intake.buffered], [3, 3 * GET.length]);
  one.emit("data", new Uint8Array(70_000));
  assertEquals(one.paused, true);
  one.hasRoom = true;
  one.giveRoom();
  // Not before the network was polled.
  assertEquals(one.received.length, 3);
  await manual.networkLook();
  assertEquals([one.received.slice(3), one.paused], [[GET.length], true]);
  while (one.intake.buffered > 0) {
    one.hasRoom = true;
    one.giveRoom();
    await manual.networkLook();
  }
  assertEquals([one.received.at(-1), one.paused], [70_000, false]);
});

Deno.test("the body of a request arrives though no more may begin, and nothing of the next one", async () => {
  const manual = new ManualTurns();
  const one = new FakeConnection(manual, 0);
  one.hasRoom = false;
  one.request = { complete: false, bytesLeft: 10, flushBody() {} };
  one.on("data", () => one.request = { complete: true, bytesLeft: 0, flushBody() {} });
  one.emit("data", bytesOf(`0123456789${GET}`));
  assertEquals([one.received, one.intake.buffered], [[10], GET.length]);
  let next = "";
  one.on("data", (piece: Uint8Array) => next += new TextDecoder().decode(piece));
  one.hasRoom = true;
  one.giveRoom();
  await manual.networkLook();
  assertEquals(next, GET);
});

Deno.test("a client that leaves is noticed while its requests are held", () => {
  const one = new FakeConnection(new ManualTurns(), 0);
  one.on("data", () => one.hasRoom = false);
  one.emit("data", bytesOf(GET.repeat(5)));
  one.emit("end");
  assertEquals([one.received, one.intake.buffered], [[GET.length, "end"], 0]);
});

Deno.test("of a body in tiny chunks, few are parsed before others have their turn", async () => {
  const manual = new ManualTurns();
  const one = new FakeConnection(manual, 3);
  const flushed: number[] = [];
  one.request = {
    complete: false,
    bytesLeft: undefined,
    flushBody: () => void flushed.push(one.received.length),
  };
  const chunks = "1\r\nx\r\n".repeat(10_000);
  const before = manual.now();
  one.emit("data", bytesOf(chunks));
  assert(manual.now() - before <= 15, `${manual.now() - before} ms`);
  assert(one.received.every((bytes) => (bytes as number) <= 6 * 256), `${one.received}`);
  while (manual.awaited) await manual.networkLook();
  const sum = one.received.reduce<number>((sum, bytes) => sum + (bytes as number), 0);
  assertEquals([sum, flushed.length], [chunks.length, one.received.length]);
});

Deno.test("what comes behind the handshake of a WebSocket is not lost", () => {
  const one = new FakeConnection(new ManualTurns(), 0);
  one.once("data", () => one.intake.detach());
  one.emit("data", bytesOf(`${GET}0123456789`));
  assertEquals([one.received, one.unshifted], [[GET.length], [10]]);
});
