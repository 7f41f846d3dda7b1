import { assertEquals } from "@std/assert";
import { Newcomer, type Reception } from "../server/newcomer.ts";
import type { Peer, Visit } from "../transports/transport.ts";
import { until } from "./support/bridge.ts";
import { ManualClock } from "./support/manual_clock.ts";

function peerOf(closed: number[]): Peer {
  return {
    ...{ buffered: 0, hasRoom: () => true, room: () => Promise.resolve() },
    ...{ send() {}, drained: () => Promise.resolve(), drop() {} },
    close: (code) => void closed.push(code),
    cutOff: (code) => void closed.push(code),
  };
}

Deno.test("who leaves while its hello is judged is heard, and gone after that", async () => {
  const said: unknown[] = [];
  const visit: Visit = { receive: (data) => void said.push(data), closed: () => said.push("gone") };
  const reception: Reception = {
    ...{ clock: new ManualClock(), time: 1000, late() {}, left: () => void said.push("left") },
    turnedAway: () => [4401, "it owes a token"],
    digestOf: () => Promise.resolve(new Uint8Array(32)),
    judge: () => ({ visit }),
    failed: (error) => void said.push(error),
  };
  const newcomer = new Newcomer(peerOf([]), reception);
  const frames = ['{"action":"hello","id":1,"token":"some"}', '{"action":"put"}'];
  for (const frame of frames) newcomer.receive(frame);
  newcomer.closed();
  assertEquals(said, []);
  await until(() => said.includes("left"));
  assertEquals(said, [...frames, "gone", "left"]);
});

Deno.test("a defect while a hello is judged ends its connection with 1011, and not the process", async () => {
  const failures: unknown[] = [];
  const closed: number[] = [];
  const reception: Reception = {
    ...{ clock: new ManualClock(), time: 1000, late() {}, left() {} },
    turnedAway: () => [4401, "it owes a token"],
    digestOf: () => Promise.resolve(new Uint8Array(32)),
    judge: () => {
      throw new Error("a defect");
    },
    failed: (error) => void failures.push(error),
  };
  const newcomer = new Newcomer(peerOf(closed), reception);
  newcomer.receive('{"action":"hello","id":1,"token":"some"}');
  await until(() => closed.length > 0);
  assertEquals([closed, failures.length], [[1011], 1]);
  newcomer.closed();
});
