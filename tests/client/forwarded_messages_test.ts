/**
 * Messages that were read and are put again as they are.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, type Message, type ValueMessage } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { as } from "../support/untyped.ts";

const FIRST = {
  messageId: "order-1",
  key: "a",
  headers: { "content-type": "text/plain" },
  delay: 5,
};

/** The attributes and the text of what a topic holds. */
async function contentsOf(mq: Connection, topic: string): Promise<unknown[]> {
  const contents = [];
  for (;;) {
    const message = await mq.read(topic);
    if (!message) return contents;
    const { topic: _, seq: _seq, position: _position, time: _time, ...rest } = message;
    contents.push(rest);
  }
}

/** What was put into the topic `t`: a message with attributes, one without. */
async function received(mq: Connection): Promise<[Message, Message]> {
  await mq.putMany("t", [{ body: "1", ...FIRST }, "2"]);
  return [(await mq.read("t"))!, (await mq.read("t"))!];
}

Deno.test("a message that was read can be put again as it is, with its attributes and nothing else of it", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  const [first, second] = await received(mq);
  const expected = [{ body: "1", ...FIRST }, { body: "2" }];

  for (const message of [first, second]) await mq.put("put", message.body, message);
  assertEquals(await contentsOf(mq, "put"), expected);

  await mq.putMany("list", [first, second]);
  assertEquals(await contentsOf(mq, "list"), expected);

  // What is given beside it counts: another text, and another attribute.
  const { delay: _, ...others } = first;
  await mq.put("changed", "one", { ...others, key: "b" });
  const { delay: _delay, ...left } = FIRST;
  assertEquals(await contentsOf(mq, "changed"), [{ body: "one", ...left, key: "b" }]);

  // Those of a subscription and of a backup are the same.
  for await (const message of mq.subscribe("t", { since: "start" })) {
    await mq.put("subscribed", message.body, message);
    if (message.body === "2") break;
  }
  assertEquals(await contentsOf(mq, "subscribed"), expected);
  const all: Message[] = [];
  for await (const message of await mq.backup()) if (message.topic === "t") all.push(message);
  await mq.putMany("backed up", all);
  await mq.put("of one", all[0]!.body, all[0]);
  assertEquals(await contentsOf(mq, "of one"), expected.slice(0, 1));
  assertEquals(await contentsOf(mq, "backed up"), expected);
});

Deno.test("a message of a topic of values can be put again, too, as text and as a value", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await received(mq);
  const typed = mq.topic("t");
  const messages: ValueMessage<unknown>[] = [];
  for await (const message of typed.subscribe({ since: "start" })) {
    messages.push(message);
    if (message.value === 2) break;
  }
  const [first] = messages;
  const expected = [{ body: "1", ...FIRST }, { body: "2" }];
  await mq.put("text", first!.body, first!);
  assertEquals(await contentsOf(mq, "text"), expected.slice(0, 1));
  await mq.putMany("texts", messages);
  assertEquals(await contentsOf(mq, "texts"), expected);
  await mq.topic("value").put(as(first!.value), first!);
  assertEquals(await contentsOf(mq, "value"), expected.slice(0, 1));
  await mq.topic("values").putMany(messages.map(({ value }) => as(value)), (_, i) => messages[i]);
  assertEquals(await contentsOf(mq, "values"), expected);
});

Deno.test("the messageId of a message that is put again counts in its topic alone", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  const [first] = await received(mq);
  // It is there already.
  assertEquals(await mq.put("t", first.body, first), first.seq);
  const copied = await mq.put("copy", first.body, first);
  assertEquals(await mq.putMany("copy", [first]), [copied]);
});

Deno.test("a part of a message is refused as options, and so is anything that no message has", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  const [first] = await received(mq);
  for (const name of ["topic", "body", "seq", "position", "time"] as const) {
    const { [name]: _, ...part } = first;
    const other = name === "topic" ? "body" : "topic";
    await assertRejects(
      () => mq.put("x", "m", part),
      TypeError,
      `Cannot put message: there is no option "${other}" (there are: messageId, key, headers, delay)`,
    );
    // A message of a list has a body in any case.
    if (name !== "body") {
      await assertRejects(
        () => mq.putMany("x", ["m", { ...part, body: "m" }]),
        TypeError,
        `there is no option "messages[1].${name === "topic" ? "seq" : "topic"}"`,
      );
    }
    await assertRejects(
      () => mq.topic("x").putMany([1], () => part),
      TypeError,
      `there is no option "messages[0].${other}"`,
    );
  }
  for (
    const [extra, reason] of [
      [{ other: 1 }, 'there is no option "other"'],
      [{ key: "" }, "key must have at least one character"],
      [{ headers: { a: 1 } }, "headers must have strings as values"],
    ] as const
  ) {
    await assertRejects(() => mq.put("x", "m", as({ ...first, ...extra })), Error, reason);
  }
  await assertRejects(() => mq.put("x", "m", as({ value: 1 })), TypeError, 'no option "value"');
  await assertRejects(() => mq.put("x", "m", as({ body: "m" })), TypeError, 'no option "body"');
  assertEquals(await contentsOf(mq, "x"), []);
});
