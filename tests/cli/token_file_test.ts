/**
 * The contents of a token file; a fault is reported by its line number, without a token.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseTokens } from "../../cli/token_file.ts";

Deno.test("a token file is parsed line by line, and a fault is reported by its line number only", () => {
  const text = "# comment\r\n\r\na\nb read\nc\tread,admin \t x.* y\nd read z\ne read *\n* write\n";
  assertEquals(parseTokens("F", text), {
    tokens: [
      { token: "a" },
      { token: "b", permissions: ["read"] },
      { token: "c", permissions: ["read", "admin"], topics: ["y"], prefixes: ["x."] },
      { token: "d", permissions: ["read"], topics: ["z"] },
      { token: "e", permissions: ["read"], prefixes: [""] },
    ],
    anonymous: { permissions: ["write"] },
  });
  const permissions =
    "the second word must be read, write or admin, with commas and no spaces between them";
  const prefix = "a topic looks like a permission: permissions are one word, such as read,write";
  const star =
    "a topic has a * that is not at its end: news.* means every topic that begins with news.";
  const comma = "a topic has a comma: separate topics by spaces";
  const quotes = "a topic is in quotes, which would be part of its name";
  const form = "the token must be 1 to 1024 visible characters of ASCII, got one";
  const wrong: Readonly<Record<string, string>> = {
    "a": "the token is the same as in line 1",
    "a write": "the token is the same as in line 1",
    "s3cret s3cret": permissions,
    "read s3cret": permissions,
    "s3cret read s3.\n* s3cret": `line 3: ${permissions}`,
    "* read\n* write": "line 3: the token is the same as in line 2",
    "s3cret read,": permissions,
    "s3cret ,": permissions,
    "s3cret read;write": permissions,
    "s3cret read,own": permissions,
    "s3cret reed": `${permissions}; did you mean read?`,
    "s3cret Read": `${permissions}; did you mean read?`,
    "s3cret read,wirte": `${permissions}; did you mean read,write?`,
    "s3cret read write": prefix,
    "s3cret read ,write": prefix,
    "s3cret read news. Admin": prefix,
    "s3cret read *.news": star,
    "s3cret read news.*.today": star,
    "s3cret read news.**": star,
    "s3cret read s3cr\u0007": "a topic has no control characters",
    [`s3cret read ${"s3cr".repeat(1025)}`]: "the topic is 4100 bytes, the limit is 4096",
    "s3cret read news.*,orders": comma,
    "s3cret read news. # s3cr": "a # after the permissions: a comment must have its own line",
    "s3cret read # s3cr": "a # after the permissions: a comment must have its own line",
    "s3cret read news., orders.": comma,
    "s3cret read news.,orders.": comma,
    "s3cret read news ,orders": comma,
    's3cret read "news."': quotes,
    "s3crét": `${form} with other characters`,
    "s3cret\0": `${form} with other characters`,
    ["s3cret".repeat(200)]: `${form} of 1200 characters`,
  };
  for (const [line, reason] of Object.entries(wrong)) {
    const { message } = assertThrows(() => parseTokens("F", `a\n${line}\n`), Error);
    assertEquals(
      message,
      `Cannot use F: ${reason.startsWith("line ") ? "" : "line 2: "}${reason}`,
    );
    assert(!/s3cr/.test(message), message);
  }
  for (const text of ["", " \r\n\n"]) {
    assertThrows(() => parseTokens("F", text), Error, "Cannot use F: it is empty");
  }
  // At SIGHUP that would withdraw every token.
  assertEquals(parseTokens("F", "# a\n\n"), { tokens: [], anonymous: { permissions: [] } });
});
