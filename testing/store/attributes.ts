/**
 * What a store promises about the attributes of messages.
 *
 * @module
 */

import { assertEquals } from "../assert.ts";
import { encodeAttributes } from "../../protocol/attributes.ts";
import type { MessageAttributes } from "../../protocol/attributes.ts";
import type { Put, Store, TopicMessage } from "../../stores/store.ts";
import {
  append,
  assertMessages,
  Feed,
  outcomes,
  type Promises,
  put,
  read,
  trim,
} from "./support.ts";

/** A put with attributes. */
export function attributed(attributes: MessageAttributes, topic = "t", text = "x"): Put {
  const { json, bytes } = encodeAttributes(attributes)!;
  const plain = put(topic, text);
  return { ...plain, bytes: plain.bytes + bytes, attributes: json };
}

const ODD: MessageAttributes = {
  key: "\ud800\0\n\u{1f995}",
  headers: { ["__proto__"]: "\u2028", "content-type": "ä" },
  delay: 0,
};

/** All messages, as a prefix brings them. */
async function ofPrefix(store: Store): Promise<readonly TopicMessage[]> {
  const [page] = await store.read([{ prefix: "", after: 0, count: 1000, bytes: 2 ** 40 }]);
  return page!.messages;
}

export const attributes: Promises = {
  async "messages come back with their attributes, those without any between them"(
    { store, next },
  ) {
    const batch = Array.from(
      { length: 200 },
      (_, i) => i % 3 === 0 ? attributed({ ...ODD, delay: i }, "t", `ä${i}`) : put("t", `ä${i}`),
    );
    const stored = await append(store, batch);
    assertEquals(stored[0]!.attributes !== undefined, true);
    assertMessages((await read(store, { topic: "t" })).messages, stored);
    await trim(store);
    const again = await next();
    assertMessages((await read(again, { topic: "t" })).messages, stored);
    assertMessages((await read(again, { topic: "t", after: 150 })).messages, stored.slice(150));
    const newest = await read(again, { topic: "t", newest: true });
    assertMessages(newest.messages, stored.slice(-1));
  },

  async "a large message keeps its attributes, also when it is read again and again"(
    { store, next },
  ) {
    const stored = await append(store, [
      put("t", "before"),
      attributed(ODD, "t", "x".repeat(100_000)),
      attributed({ key: "after" }, "t"),
    ]);
    await trim(store);
    const again = await next();
    for (let time = 0; time < 3; time++) {
      assertMessages((await read(again, { topic: "t" })).messages, stored);
      assertMessages((await read(again, { topic: "t", after: 1, count: 1 })).messages, [
        stored[1]!,
      ]);
      assertMessages(await ofPrefix(again), stored);
    }
  },

  async "the feed brings attributes"({ store }) {
    using feed = await Feed.open(store);
    const stored = await append(store, [attributed({ key: "k" }), put("t")]);
    await feed.until(stored[1]!);
    assertMessages(feed.messages, stored);
  },

  async "attributes count as the body does: in pages, and in what is stored"({ limited, next }) {
    const one = attributed({ headers: { h: "ä".repeat(100) } });
    const store = await limited({ storedBytes: 3 * (one.bytes + 101) });
    assertEquals(await outcomes(store, [one, one, one, one]), [1, 2, 3, "full"]);
    await trim(store);
    const again = await next();
    assertEquals(await outcomes(again, [one]), ["full"]);
    const page = await read(again, { topic: "t", bytes: 2 * one.bytes + 1 });
    assertEquals(page.messages.map(({ bytes }) => bytes), [one.bytes, one.bytes]);
  },

  async "what is dropped for new messages is exact, also within a row of which some have attributes"(
    { limited, next },
  ) {
    const [small, large] = [put("t"), attributed({ key: "k".repeat(200) })];
    const size = ({ bytes }: Put) => bytes + 101;
    const store = await limited({
      storedBytes: 4 * size(small) + 4 * size(large),
      overflow: "drop-oldest",
    });
    await append(store, [small, large, small, large, small, large, small, large]);
    await trim(store);
    // Room for the first two has to be made.
    assertEquals(await outcomes(await next(), [large]), [9]);
    assertEquals((await read(await next(), { topic: "t" })).messages.map(({ seq }) => seq), [
      ...[3, 4, 5, 6, 7, 8, 9],
    ]);
    assertEquals(await outcomes(await next(), [small]), [10], "what the second one left is room");
    assertEquals((await read(await next(), { topic: "t" })).messages[0]!.seq, 3);
  },
};
