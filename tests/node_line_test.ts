/**
 * What a connection of the hardened transport has sent and what waits for its turn.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Budget } from "../budgets/budget.ts";
import { EvictingBudget } from "../budgets/evicting.ts";
import { NodeLine, type Socketry } from "../transports/node_line.ts";
import { Pings } from "../transports/node_pings.ts";
import { Pace } from "../transports/pace.ts";
import { Unread } from "../transports/unread.ts";
import { Watch } from "../transports/watch.ts";
import { clientFrame } from "./support/bare_client.ts";
import { Inn } from "./support/inn.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { ManualTurns } from "./support/manual_turns.ts";

const ROOM = 1_000_000;

/** A connection and its WebSocket: what comes is a message once so many bytes have come. */
function arrived(manual: ManualTurns, messageBytes: number) {
  const clock = new ManualClock();
  const bounds = { patience: 8000, rest: Infinity, after: clock.after.bind(clock) };
  const partial = new Budget({ own: 0, shared: ROOM });
  const shared = {
    house: new Inn(),
    watch: new Watch(bounds),
    unread: new Unread(new Budget({ own: 0, shared: ROOM })),
    turns: manual.turns,
    hangUps: new Pace(),
    ends: new Pace(),
    pings: new Pings(bounds),
    partial: new EvictingBudget(partial, { grace: 2000, now: () => clock.now() }),
  };
  const connection: EventEmitter & { paused: boolean } = Object.assign(new EventEmitter(), {
    ...{ remoteAddress: "10.0.0.1", paused: false, read() {} },
    pause: () => connection.paused = true,
    resume: () => connection.paused = false,
  });
  const socket = Object.assign(new EventEmitter(), {
    ...{ bufferedAmount: 0, readyState: 1 },
    ...{ pause() {}, resume() {}, close() {}, terminate() {}, ping() {}, send() {} },
  });
  let came = 0;
  connection.on("data", (piece: Uint8Array) => {
    came += piece.length;
    if (came < messageBytes) return;
    came -= messageBytes;
    socket.emit("message", Buffer.from("message"), false);
  });
  const line = new NodeLine(
    socket as unknown as Socketry,
    connection as unknown as Socket,
    (peer) => shared.house.enter(peer),
    shared,
  );
  return { line, connection, partial, inn: shared.house };
}

Deno.test("what has come and waits for its turn counts until it is handed over, also if it is whole", async () => {
  const manual = new ManualTurns();
  const frame = clientFrame(1, "x".repeat(100_000));
  const { line, connection, partial, inn } = arrived(manual, frame.length);
  connection.emit("data", frame.subarray(0, 60_000));
  const held = ROOM - partial.free;
  assertEquals([held >= 60_000, inn.guests[0]!.said], [true, []]);
  line.turn.busy();
  connection.emit("data", frame.subarray(60_000));
  assertEquals([partial.free, inn.guests[0]!.said], [ROOM - held - 40_014, []]);
  line.turn.idle();
  while (manual.awaited) await manual.look();
  assertEquals([partial.free, inn.guests[0]!.said], [ROOM, ["message"]]);
});

Deno.test("one who is cut off is read no further, not even what the system brings in the same go", async () => {
  const manual = new ManualTurns();
  const { line, connection } = arrived(manual, Infinity);
  line.limitInput({ bytes: 1000, frames: 8 }, () => line.cutOff(4401, "it has said too much"));
  connection.emit("data", new Uint8Array(64 * 1024));
  assertEquals(connection.paused, true);
  // Its WebSocket may have it read on, since it knows nothing of this.
  for (let times = 0; times < 3; times++) {
    connection.paused = false;
    connection.emit("data", new Uint8Array(64 * 1024));
    assertEquals(connection.paused, true);
  }
  connection.paused = false;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(connection.paused, true);
});
