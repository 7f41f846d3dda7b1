/**
 * Short forms of `tests/faults/hostile_server.ts`: the harm that a hostile server does to its clients is bounded.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { FrameError, MessageReader } from "../../client/deno/frame_reader.ts";
import { fuzzReplies } from "../faults/fuzz_replies.ts";
import { ATTACKS } from "../faults/hostile_attacks.ts";
import { HostileServer } from "../support/hostile_server.ts";
import { openServer } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("whatever a server does with its frames, each call settles, and nothing is thrown where nobody catches it", async () => {
  await using server = await openServer();
  const { unsettled, uncaught, changed } = await fuzzReplies(server.url, 500, 7);
  assertEquals([unsettled, uncaught], [0, []]);
  assert(changed > 20);
});

/** What ends a connection for good, at once. */
const FATAL = [
  "a frame of 64 MiB",
  "a frame that announces 2^63 bytes",
  "binary frames",
  "masked frames",
  "compressed frames",
  "a control frame of 126 bytes",
  "a fragmented control frame",
  "text that is not UTF-8",
  "a close with code 0",
  "a close with code 1005",
  "a reason that is not UTF-8",
  "endless empty fragments",
];

for (const name of FATAL) {
  Deno.test(`a server that sends ${name} is not connected to again`, async () => {
    await using server = new HostileServer(ATTACKS[name]!);
    const mq = await connect(server.url, { reconnect: { minDelay: 0 } });
    const error = await assertRejects(() => withTimeout(mq.getWait("t")), DsmqError);
    assertEquals([error.code, server.connections], ["protocol_error", 1]);
    await mq.close();
  });
}

Deno.test("empty fragments are counted, and those of one byte take no more room than their bytes", () => {
  const reader = new MessageReader();
  const part = (payload: string, final = false, opcode = 0) =>
    reader.take({ opcode, final, payload: new TextEncoder().encode(payload) });
  part("[", false, 1);
  for (let i = 0; i < 1000; i++) part("x");
  assertEquals(part("]", true), `[${"x".repeat(1000)}]`);
  part("[", false, 1);
  const error = assertThrows(() => {
    for (let i = 0; i < 100_000; i++) part("");
  }, FrameError);
  assertEquals(error.code, 1009);
});

Deno.test("a server that floods a client does not block the rest of its process", async () => {
  for (
    const name of [
      "pings without end, with unread pongs",
      "heartbeats without end, with unread replies",
    ]
  ) {
    await using server = new HostileServer(
      ATTACKS[name]!,
    );
    const mq = await connect(server.url, { reconnect: false });
    // Other tasks have their turns, again and again.
    for (let turns = 0; turns < 20; turns++) {
      await withTimeout(new Promise((resolve) => setTimeout(resolve, 0)));
    }
    assertEquals(mq.status, "connected");
    server.cut();
    await mq.close();
  }
});
