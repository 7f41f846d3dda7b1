/**
 * What a client takes from the reply to `hello`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { decodeReplies } from "../../protocol/decode_replies.ts";
import { LIMITS } from "../../protocol/limits.ts";

Deno.test("the largest message that may come counts if it is beyond the largest that may be put, and never beyond the maximum", () => {
  const decode = (largest: unknown) => {
    const limits = JSON.stringify({ messageBytes: 10, largestMessageBytes: largest });
    const [reply] = decodeReplies(`{"id":1,"protocol":1,"start":0,"limits":${limits}}`)!;
    return reply!.kind === "welcome" && reply.welcome.limits.largestMessageBytes;
  };
  for (const largest of [undefined, null, "11", -1, 11.5, 9, 10]) {
    assertEquals(decode(largest), undefined, `${largest}`);
  }
  assertEquals(decode(11), 11);
  assertEquals(decode(Number.MAX_SAFE_INTEGER), LIMITS.messageBytes.max);
});
