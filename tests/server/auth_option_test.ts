/**
 * The option `auth`: what is wrong with it is named, and no token is shown.
 *
 * @module
 */

import { assert, assertRejects, assertStringIncludes } from "@std/assert";
import { serve, type ServeOptions } from "@dsmq/server";

type Class = typeof TypeError | typeof RangeError;

Deno.test("a wrong auth is refused with its names and values, and former options with what to write", async () => {
  const wrong: [unknown, Class, string][] = [
    [{ auth: { tokens: "good" } }, TypeError, "auth.tokens must be a list, got a string"],
    [{ auth: { tokens: [null] } }, TypeError, "auth.tokens[0] must be an object, got null"],
    [{ auth: { tokens: [{}] } }, TypeError, "auth.tokens[0].token"],
    [
      { auth: { tokens: [{ token: "a", right: [] }] } },
      TypeError,
      'auth.tokens[0] has no member "right"',
    ],
    [{ auth: { tokens: [{ token: "a", permissions: ["own"] }] } }, RangeError, '"own"'],
    [
      { auth: { tokens: [{ token: "a", permissions: "read" }] } },
      TypeError,
      "auth.tokens[0].permissions must be a list",
    ],
    [
      { auth: { tokens: [{ token: "a", topics: [undefined] }] } },
      TypeError,
      "auth.tokens[0].topics",
    ],
    [{ auth: { tokens: [{ token: "a", prefixes: "a" }] } }, TypeError, "auth.tokens[0].prefixes"],
    [{ auth: { anonymous: { prefixes: ["\ud800"] } } }, RangeError, "auth.anonymous.prefixes"],
    [
      { auth: { anonymous: { topics: ["news", "news.*"] } } },
      RangeError,
      'auth.anonymous.topics must be a list of exact names of topics, got one with "news.*": to include all topics',
    ],
    [
      { auth: { tokens: [{ token: "a", topics: ["*"] }] } },
      RangeError,
      "begin with a text, use prefixes",
    ],
    [{ auth: { tokens: [{ token: "a", topics: [""] }] } }, RangeError, "at least one character"],
    [{ auth: { tokens: [{ token: "a", prefixes: ["news.*"] }] } }, RangeError, "a prefix has no *"],
    [{ auth: { anonymous: { token: "a" } } }, TypeError, 'auth.anonymous has no member "token"'],
    [
      { auth: { tokens: [{ token: "a" }, { token: "a" }] } },
      RangeError,
      "a token of its own, got that of auth.tokens[0]",
    ],
    [{ auth: {} }, TypeError, "auth must have tokens or anonymous, got neither"],
    [{ auth: { token: "a" } }, TypeError, 'auth has no member "token"'],
    [
      { token: "secret" },
      TypeError,
      'Cannot serve: there is no option "token": write auth: "…" (or, beside others, auth: { tokens: [{ token: "…" }] })',
    ],
    [{ tokens: [] }, TypeError, 'there is no option "tokens": write auth: { tokens: […] }'],
    [
      { anonymous: {} },
      TypeError,
      'there is no option "anonymous": write auth: { anonymous: {…} } (with tokens, if there are some)',
    ],
  ];
  for (const [options, ErrorClass, message] of wrong) {
    const error = await assertRejects(
      () => serve({ port: 0, ...options as ServeOptions }),
      ErrorClass,
      message,
    );
    assertStringIncludes(error.message, "Cannot serve: ");
    assert(!error.message.includes("secret"), error.message);
  }
});
