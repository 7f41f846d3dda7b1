/**
 * What a purge refuses: whoever erases messages must mean what is erased.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { as } from "../support/untyped.ts";

Deno.test("a position of another history, or beyond this one, and other nonsense, purge nothing", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await mq.putMany("t", ["1", "2"]);
  const code = async (before: string | number) => {
    const error = await assertRejects(() => mq.purge("t", { before }), DsmqError);
    return [error.code, error.message];
  };
  assertEquals(await code("0123456789abcdef:1"), [
    "epoch_changed",
    "Cannot purge: number 1 is of a history that the server does not have",
  ]);
  assertEquals(await code(4), [
    "ahead",
    "Cannot purge: number 4 is beyond the last message of that history, 2",
  ]);
  for (
    const [before, sentence] of [
      ["yesterday", "before must be a message's position (EPOCH:SEQ)"],
      ["0123456789abcdef:x", "whose number is whole"],
      [-1, "before must be a sequence number, a whole number from 0, got -1"],
      [1.5, "before must be a sequence number, a whole number from 0, got 1.5"],
      [NaN, "before must be a sequence number, a whole number from 0, got NaN"],
      [new Date(NaN), "before must be a valid Date, got an invalid one"],
      [{ ago: -1 }, "before.ago must be whole milliseconds from 0, got -1"],
      [{ ago: undefined }, "before.ago must be whole milliseconds from 0, got nothing"],
      [{ since: 1 }, "since"],
      ["seq:5", "a message's position (EPOCH:SEQ), whose epoch is"],
      ...[undefined, null, "", true, [], [1], {}, new Map(), 5n, () => 5].map((value) =>
        [
          value,
          "before must be a message's position (EPOCH:SEQ), a sequence number, a Date or { ago }, got ",
        ] as const
      ),
    ] as const
  ) {
    const error = await assertRejects(() => mq.purge("t", { before: as(before) }), Error);
    assert(error instanceof TypeError || error instanceof RangeError, String(before));
    assertStringIncludes(error.message, "Cannot purge: ");
    assertStringIncludes(error.message, sentence);
  }
  // A variable that was never set is not "everything", wherever it comes from.
  for (const options of [{ before: undefined }, Object.create({ before: undefined })]) {
    await assertRejects(
      () => mq.purge("t", options),
      TypeError,
      "got nothing; leave it out to purge the whole topic",
    );
  }
  for (
    const [wrong, sentence] of [
      [[{ before: [] }], "a topic is a string, got an object"],
      [[undefined], "a topic is a string, got nothing"],
      [["t", null], "options must be an object, got null"],
      [["t", new Date()], "options must be an object, got a Date"],
      [["t", "0123456789abcdef:1"], "options must be an object, got "],
      [["t", {}, { before: 1 }], "purge takes a topic and options, got an object"],
    ] as const
  ) {
    await assertRejects(() => as(mq).purge(...wrong), TypeError, `Cannot purge: ${sentence}`);
  }
  await assertRejects(() => mq.purge(""), RangeError, "Cannot purge: ");
  await assertRejects(() => mq.purge("t", as({ befor: 1 })), TypeError, "befor");
  using raw = await RawClient.open(server.url);
  for (
    const before of [null, "", [], [{ seq: 1 }], { seq: null }, "start", 1, {}, { seq: -1 }, {
      seq: 1,
      time: 1,
    }, {
      time: 1,
      epoch: "e",
    }, { ago: "x" }]
  ) {
    const { error } = await raw.request({ action: "purge", id: 1, topic: "t", before });
    assertEquals(error.code, "bad_request", JSON.stringify(before));
  }
  const seen = async (before: object) => {
    const { error } = await raw.request({ action: "purge", id: 1, topic: "t", before });
    return error.message.split(", got ")[1];
  };
  assertEquals(await seen({ seq: -1, epoch: "e" }), '{"seq": -1, "epoch": "e"}');
  const many = { a: null, b: [1], "c\n": { d: "x".repeat(99) }, e: "x".repeat(99), f: 1 };
  const shown = `{"a": null, "b": an array, "c\\n": an object, "e": "${"x".repeat(64)}", …}`;
  assertEquals(await seen(many), shown);
  assertEquals(
    (await raw.request({ action: "purge", id: 1, topic: "\0" })).error.code,
    "bad_topic",
  );
  assertEquals((await mq.topics())[0]?.messages, 2);
});
