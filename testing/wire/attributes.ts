/**
 * What every server promises of the attributes of messages.
 *
 * @module
 */

import { assertEquals } from "../assert.ts";
import type { WireChecks } from "./checks.ts";

const ATTRIBUTES = {
  messageId: "order-7",
  key: "ann",
  headers: { "content-type": "text/plain" },
  delay: 5000,
};

export const attributes: WireChecks = {
  async "attributes come out as they went in, where there are some and nowhere else"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const put = { action: "put", topic };
    await mq.request({ ...put, id: 1, body: "a", attributes: { ...ATTRIBUTES, future: 1 } });
    await mq.request({ ...put, id: 2, bodies: ["b", "c"], attributes: [null, { key: "bob" }] });
    const reads = await mq.requests([3, 4, 5].map((id) => ({ action: "get", id, topic })));
    const expected = [ATTRIBUTES, undefined, { key: "bob" }];
    assertEquals(reads.map(({ attributes }) => attributes), expected);
    const subscribe = { action: "subscribe", id: 6, topic, since: "start", messages: 9 };
    assertEquals((await mq.request({ ...subscribe, bytes: 4_000_000 })).sub, 6);
    const streamed: unknown[] = [];
    while (streamed.length < 3) {
      const frame = await mq.next();
      streamed.push(...frame.attributes ?? frame.seqs.map(() => null));
    }
    assertEquals(streamed, [ATTRIBUTES, null, { key: "bob" }]);
  },

  async "a messageId that comes again gives the first sequence number, whatever the body"(wire) {
    const [one, two, topic] = [await wire.connect(), await wire.connect(), wire.topic()];
    const put = { action: "put", id: 1, topic, attributes: { messageId: "m" } };
    const { seq } = await one.request({ ...put, body: "first" });
    assertEquals(await two.request({ ...put, body: "again" }), { id: 1, seq, dup: true });
    const other = await two.request({ ...put, topic: wire.topic("other"), body: "x" });
    assertEquals(other.dup, undefined);
    assertEquals((await two.request({ action: "get", id: 2, topic })).body, "first");
    assertEquals((await two.request({ action: "get", id: 3, topic })).seq, undefined);
  },

  async "invalid attributes are refused with bad_message, and nothing of a list is stored"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const invalid = [1, [], "x", { key: 1 }, { key: "" }, { headers: { a: 1 } }, { delay: -1 }];
    for (const attributes of invalid) {
      const put = { action: "put", id: 1, topic, bodies: ["a", "b"] };
      const reply = await mq.request({ ...put, attributes: [null, attributes] });
      assertEquals(reply.error?.code, "bad_message", JSON.stringify(attributes));
    }
    assertEquals((await mq.request({ action: "get", id: 2, topic })).seq, undefined);
  },
};
