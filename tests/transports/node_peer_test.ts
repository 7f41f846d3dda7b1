/**
 * What a peer of the hardened transport has sent, and what waits for its turn.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Budget } from "../../budgets/budget.ts";
import { EvictingBudget } from "../../budgets/evicting_budget.ts";
import { NodePeer, type WsSocket } from "../../transports/node_peer.ts";
import { IdlePings } from "../../transports/node_idle_pings.ts";
import { Pacer } from "../../transports/pacer.ts";
import { UnreadLimiter } from "../../transports/unread_limiter.ts";
import { SlowPeerMonitor } from "../../transports/slow_peer_monitor.ts";
import { clientFrame } from "../support/raw_socket.ts";
import { RecordingHandler } from "../support/recording_handler.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualTurns } from "../support/manual_turns.ts";

const CAPACITY = 1_000_000;

/** A connection and its WebSocket: this many bytes make a message. */
function connectedPeer(manual: ManualTurns, messageBytes: number) {
  const clock = new ManualClock();
  const bounds = {
    slowReaderTimeout: 8000,
    idlePingInterval: Infinity,
    after: clock.after.bind(clock),
  };
  const partial = new Budget({ own: 0, shared: CAPACITY });
  const shared = {
    handler: new RecordingHandler(),
    slowPeers: new SlowPeerMonitor(bounds),
    unread: new UnreadLimiter(new Budget({ own: 0, shared: CAPACITY })),
    turns: manual.turns,
    terminatePacer: new Pacer(),
    endPacer: new Pacer(),
    pings: new IdlePings(bounds),
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
  let received = 0;
  connection.on("data", (piece: Uint8Array) => {
    received += piece.length;
    if (received < messageBytes) return;
    received -= messageBytes;
    socket.emit("message", Buffer.from("message"), false);
  });
  const peer = new NodePeer(
    socket as unknown as WsSocket,
    connection as unknown as Socket,
    (peer) => shared.handler.connect(peer),
    shared,
  );
  return { line: peer, connection, partial, handler: shared.handler };
}

Deno.test("received data that waits for its turn counts until it is delivered, even if it is complete", async () => {
  const manual = new ManualTurns();
  const frame = clientFrame(1, "x".repeat(100_000));
  const { line: peer, connection, partial, handler } = connectedPeer(manual, frame.length);
  connection.emit("data", frame.subarray(0, 60_000));
  const heldBytes = CAPACITY - partial.free;
  assertEquals([heldBytes >= 60_000, handler.peers[0]!.received], [true, []]);
  peer.turn.busy();
  connection.emit("data", frame.subarray(60_000));
  assertEquals([partial.free, handler.peers[0]!.received], [CAPACITY - heldBytes - 40_014, []]);
  peer.turn.idle();
  while (manual.awaited) await manual.networkLook();
  assertEquals([partial.free, handler.peers[0]!.received], [CAPACITY, ["message"]]);
});

Deno.test("a disconnected peer is not read further, not even what the system delivers in the same turn", async () => {
  const manual = new ManualTurns();
  const { line: peer, connection } = connectedPeer(manual, Infinity);
  peer.limitInput(
    { bytes: 1000, frames: 8 },
    () => peer.closeAndStopReading(4401, "it sent too much"),
  );
  connection.emit("data", new Uint8Array(64 * 1024));
  assertEquals(connection.paused, true);
  // Its WebSocket may resume reading, because it does not know of this.
  for (let times = 0; times < 3; times++) {
    connection.paused = false;
    connection.emit("data", new Uint8Array(64 * 1024));
    assertEquals(connection.paused, true);
  }
  connection.paused = false;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(connection.paused, true);
});
