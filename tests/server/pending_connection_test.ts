import { assertEquals } from "@std/assert";
import { type HandshakePolicy, PendingConnection } from "../../server/pending_connection.ts";
import type { Peer, PeerEvents } from "../../transports/peer.ts";
import { until } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

function peerOf(closed: number[]): Peer {
  return {
    ...{ buffered: 0, hasRoom: () => true, waitForRoom: () => Promise.resolve() },
    ...{ send() {}, drained: () => Promise.resolve(), drop() {} },
    close: (code) => void closed.push(code),
    closeAndStopReading: (code) => void closed.push(code),
  };
}

Deno.test("the hello of a connection that closes meanwhile is processed, and then the connection is gone", async () => {
  const events: unknown[] = [];
  const peerEvents: PeerEvents = {
    receive: (data) => void events.push(data),
    end: () => events.push("gone"),
  };
  const reception: HandshakePolicy = {
    ...{
      clock: new ManualClock(),
      timeout: 1000,
      timedOut() {},
      closed: () => void events.push("left"),
    },
    rejection: () => [4401, "it is unauthenticated"],
    checkToken: () => Promise.resolve({ kind: "refused" }),
    checkHello: () => ({ handler: peerEvents }),
    onError: (error) => void events.push(error),
  };
  const handshake = new PendingConnection(peerOf([]), reception);
  const frames = ['{"action":"hello","id":1,"token":"some"}', '{"action":"put"}'];
  for (const frame of frames) handshake.receive(frame);
  handshake.end();
  assertEquals(events, []);
  await until(() => events.includes("left"));
  assertEquals(events, [...frames, "gone", "left"]);
});

Deno.test("a defect while a hello is processed closes its connection with 1011, and does not end the process", async () => {
  const failures: unknown[] = [];
  const closed: number[] = [];
  const reception: HandshakePolicy = {
    ...{ clock: new ManualClock(), timeout: 1000, timedOut() {}, closed() {} },
    rejection: () => [4401, "it is unauthenticated"],
    checkToken: () => Promise.resolve({ kind: "refused" }),
    checkHello: () => {
      throw new Error("a defect");
    },
    onError: (error) => void failures.push(error),
  };
  const handshake = new PendingConnection(peerOf(closed), reception);
  handshake.receive('{"action":"hello","id":1,"token":"some"}');
  await until(() => closed.length > 0);
  assertEquals([closed, failures.length], [[1011], 1]);
  handshake.end();
});
