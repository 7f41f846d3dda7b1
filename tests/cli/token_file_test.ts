/**
 * The contents of a token file; a fault is reported by its line number, without a token.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseTokens } from "../../cli/token_file.ts";

Deno.test("a token file is parsed line by line, and a fault is reported by its line number only", () => {
  const text =
    "# comment\r\n\r\na\nb read\nc\tread,work,admin \t x.* y\nd read z\ne read *\n* write\n";
  assertEquals(parseTokens("F", text), {
    tokens: [
      { token: "a" },
      { token: "b", permissions: ["read"] },
      { token: "c", permissions: ["read", "work", "admin"], topics: ["y"], prefixes: ["x."] },
      { token: "d", permissions: ["read"], topics: ["z"] },
      { token: "e", permissions: ["read"], prefixes: [""] },
    ],
    anonymous: { permissions: ["write"] },
  });
  const permissions =
    "the second word must be read, write, work or admin, with commas and no spaces between them, got ";
  const unknown = `${permissions}an unknown word`;
  const prefix = "the permissions must be one word, such as read,write, got one more behind it";
  const star =
    "a * must be the last character of a topic (news.* means every topic that begins with news.), got an earlier one";
  const comma = "topics must be separated by spaces, got a comma";
  const quotes = "a topic must have no quotes, which would be part of its name, got some";
  const form = "the token must be 1 to 8192 visible characters of ASCII, got one";
  const wrong: Readonly<Record<string, string>> = {
    "a": "the first word must differ from those of other lines, got that of line 1",
    "a write": "the first word must differ from those of other lines, got that of line 1",
    "s3cret s3cret": unknown,
    "read s3cret": unknown,
    "s3cret read s3.\n* s3cret": `line 3: ${unknown}`,
    "* read\n* write":
      "line 3: the first word must differ from those of other lines, got that of line 2",
    "s3cret read,": `${permissions}nothing at place 2 of 2`,
    "s3cret ,": `${permissions}nothing at place 1 of 2`,
    "s3cret read;write": unknown,
    "s3cret read,own": `${unknown} at place 2 of 2`,
    "s3cret reed": `${unknown}; did you mean read?`,
    "s3cret Read": `${unknown}; did you mean read?`,
    "s3cret wrok": `${unknown}; did you mean work?`,
    "s3cret read,wirte": `${unknown} at place 2 of 2; did you mean read,write?`,
    "s3cret read write": prefix,
    "s3cret read ,write": prefix,
    "s3cret read news. Admin": prefix,
    "s3cret read *.news": star,
    "s3cret read news.*.today": star,
    "s3cret read news.**": star,
    "s3cret read s3cr\u0007": "a topic has no control characters",
    [`s3cret read ${"s3cr".repeat(1025)}`]: "the topic is 4100 bytes, the limit is 4096",
    "s3cret read news.*,orders": comma,
    "s3cret read news. # s3cr": "a comment must have its own line, got a # after the permissions",
    "s3cret read # s3cr": "a comment must have its own line, got a # after the permissions",
    "s3cret read news., orders.": comma,
    "s3cret read news.,orders.": comma,
    "s3cret read news ,orders": comma,
    's3cret read "news."': quotes,
    "s3crét": `${form} with other characters`,
    "s3cret\0": `${form} with other characters`,
    ["s3cret".repeat(2000)]: `${form} of 12000 characters`,
  };
  for (const [line, reason] of Object.entries(wrong)) {
    const { message } = assertThrows(() => parseTokens("F", `a\n${line}\n`), Error);
    assertEquals(
      message,
      `Cannot use F: ${reason.startsWith("line ") ? "" : "line 2: "}${reason}`,
    );
    assert(!/s3cr/.test(message), message);
    const isTopicRule = /a topic has no control|the topic is \d+ bytes/.test(message);
    assert(isTopicRule || message.includes(", got "), message);
  }
  for (const text of ["", " \r\n\n"]) {
    assertThrows(
      () => parseTokens("F", text),
      Error,
      "Cannot use F: it is empty",
    );
  }
  // At SIGHUP that would withdraw every token.
  assertEquals(parseTokens("F", "# a\n\n"), { tokens: [], anonymous: { permissions: [] } });
});
