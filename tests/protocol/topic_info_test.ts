/**
 * What a server says of a topic.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { decodeReplies } from "../../protocol/decode_replies.ts";

/** What a client takes from a list of one topic, with more of its fields as JSON. */
function decoded(fields: string): unknown {
  const topic = `{"topic":"t","messages":1${fields},"seq":1,"time":1}`;
  return decodeReplies(`{"id":2,"topics":[${topic}],"more":false}`)?.[0];
}

Deno.test("what an older server does not tell of a topic is not known, and what this one tells is", () => {
  const listed = (fields: object) => {
    const topic = { topic: "t", messages: 1, ...fields, seq: 1, time: 1 };
    return { kind: "topics", id: 2, topics: [topic], more: false };
  };
  assertEquals(decoded(""), listed({}));
  assertEquals(decoded(',"bytes":103,"stored":0'), listed({ bytes: 103, stored: 0 }));
  assertEquals(decoded(',"readers":0'), listed({ readers: 0 }));
});

Deno.test("a list of topics is refused if what it tells of one is not a count", () => {
  const wrong = ["-1", "0.5", "1e400", "9007199254740992", '"1"', "null", "true", "[1]", "{}"];
  for (const field of ["bytes", "stored", "readers"]) {
    for (const value of wrong) {
      const { kind } = decoded(`,"${field}":${value}`) as { readonly kind: string };
      assertEquals(kind, "malformed", `${field} is ${value}`);
    }
  }
});
