/**
 * The program's own `auth.verify`: what it grants counts, whatever else it returns is a refusal, and no token is shown.
 * What it throws: `verify_outages_test.ts`.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect, type ServeOptions, type VerifiedGrant, type Verify } from "@dsmq/server";
import { failure, headers } from "./auth_support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A server that asks a function, and its log. */
async function verifying(verify: Verify, options: ServeOptions = {}) {
  const lines: string[] = [];
  const log = {
    info() {},
    warn: (...data: unknown[]) => void lines.push(data.join(" ")),
    error: (...data: unknown[]) => void lines.push(data.join(" ")),
  };
  return { server: await openServer({ auth: { verify }, log, ...options }), lines };
}

/** What is said of a grant that would permit everything. */
const GRANTS_WITHOUT =
  "Access denied: the token is not valid: Cannot use what auth.verify returned: the grant must name its permissions (a list of read, write, work, admin; [] for none), got an object without them";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`what auth.verify grants holds, however the token comes (${transport})`, async () => {
    const seen: string[] = [];
    const verify: Verify = async (token) => {
      seen.push(token);
      await Promise.resolve();
      return token === "known" ? { permissions: ["read"], prefixes: ["news."] } : undefined;
    };
    const { server } = await verifying(verify, { transport });
    await using _ = server;
    for (const dial of [undefined, (url: string, names: string[]) => new WebSocket(url, names)]) {
      await using mq = await connect(server.url, { token: "known", ...(dial && { dial }) });
      assertEquals(await mq.get("news.today"), "");
      assertEquals((await failure(mq.get("other"))).code, "permission_denied");
      assertEquals((await failure(mq.put("news.today", "m"))).code, "permission_denied");
    }
    using raw = await RawClient.handshake(server.port, headers(server.port));
    assertEquals((await raw.request({ action: "hello", id: 1, token: "known" })).error, undefined);
    assertEquals(seen, ["known", "known", "known"]);
    const refused = await failure(connect(server.url, { token: "unknown" }));
    assertEquals(refused.code, "unauthorized");
  });

  Deno.test(`a client without our subprotocol is told by a status what came of its token (${transport})`, async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const clock = new ManualClock();
    const verify: Verify = (token) => token === "hangs" ? promise : undefined;
    const { server } = await verifying(verify, { transport, clock });
    await using _ = server;
    const upgrade = (token: string) =>
      RawClient.handshake(server.port, {
        ...headers(server.port, token),
        "Sec-WebSocket-Protocol": undefined,
      });
    using refused = await upgrade("bad");
    assertEquals(refused.status, 401);
    const late = upgrade("hangs");
    while (server.stats().pendingConnections === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    clock.advance(5000);
    using unchecked = await withTimeout(late);
    assertEquals(unchecked.status, 503);
    resolve(undefined);
  });
}

Deno.test("auth.verify may answer at once, and a list of tokens is asked first", async () => {
  const asked: string[] = [];
  const verify: Verify = (token) => {
    asked.push(token);
    return { permissions: ["write"] };
  };
  await using server = await openServer({
    auth: { tokens: [{ token: "listed", permissions: ["read"] }], verify },
  });
  await using listed = await connect(server.url, { token: "listed" });
  assertEquals((await failure(listed.put("t", "m"))).code, "permission_denied");
  assertEquals(asked, []);
  await using other = await connect(server.url, { token: "other" });
  assert(await other.put("t", "m") > 0);
  assertEquals(asked, ["other"]);
});

Deno.test("whatever else auth.verify returns is a refusal, with a sentence in the log that shows nothing of the token", async () => {
  const token = "secret-0123456789-secret";
  const cases: [Verify, string][] = [
    [() => undefined, "auth.verify does not know it"],
    [() => as(null), "Cannot use what auth.verify returned: the grant must be an object, got null"],
    [() => as(true), "the grant must be an object, got a boolean"],
    [() => as([]), "the grant must be an object, got an array"],
    [(given) => as(given), "the grant must be an object, got a string"],
    [(given) => as({ [given]: 1 }), 'the grant has no member "…"'],
    [() => as({ permissions: "read" }), "the grant.permissions must be a list"],
    [() => as({ permissions: ["reed"] }), 'got one with "reed"'],
    [() => as(false), "the grant must be an object, got a boolean"],
    [() => as(Promise.resolve(0)), "the grant must be an object, got a number"],
    [() => as({}), GRANTS_WITHOUT],
    [() => as({ identity: "me" }), GRANTS_WITHOUT],
    [() => as({ topics: ["a"] }), GRANTS_WITHOUT],
    [() => as([{ permissions: ["read"] }]), "the grant must be an object, got an array"],
    [
      () => as({ permission: ["read"] }),
      'the grant has no member "permission" (there are: identity, expires, permissions, topics, prefixes)',
    ],
    [
      () => as({ permissions: undefined }),
      "the grant.permissions must be left out or have a value, got undefined",
    ],
    [
      () => as({ permissions: ["read"], expires: undefined }),
      "the grant.expires must be left out or have a value, got undefined",
    ],
    [
      () => as({ permissions: null }),
      "the grant.permissions must be a list of read, write, work, admin",
    ],
    [() => as({ permissions: ["*"] }), 'a list of read, write, work, admin, got one with "*"'],
    [() => as({ permissions: new Set(["read"]) }), "the grant.permissions must be a list"],
    [
      () => as({ permissions: ["read"], topics: undefined }),
      "the grant.topics must be left out or have a value, got undefined",
    ],
    [
      () => as({ permissions: ["read"], prefixes: undefined }),
      "the grant.prefixes must be left out or have a value, got undefined",
    ],
    [() => ({ permissions: ["read"], topics: ["a*"] }), "use prefixes"],
    [() => ({ permissions: [], identity: "" }), "identity must be a text that is not empty"],
    [
      () => as({ permissions: [], identity: 5 }),
      "identity must be a text that is not empty, got 5",
    ],
    [
      () => ({ permissions: [], expires: NaN }),
      "expires must be a date or milliseconds since 1970, got NaN",
    ],
    [() => ({ permissions: [], expires: new Date(NaN) }), "got an invalid date"],
    [() => as({ permissions: [], expires: "soon" }), 'milliseconds since 1970, got "soon"'],
    [
      () => ({ permissions: [], expires: 1_767_225 }),
      "it expired at 1970-01-01T00:29:27.225Z, says auth.verify",
    ],
    [() => ({
      get permissions(): never {
        throw null;
      },
    }), "refused a request"],
  ];
  for (const [verify, sentence] of cases) {
    const { server, lines } = await verifying(verify);
    const error = await failure(connect(server.url, { token }));
    assertEquals(error.code, "unauthorized", sentence);
    await server.shutdown();
    assertStringIncludes(lines.join("\n"), sentence);
    assertHidden(token, [...lines, `${error}`, `${error.stack}`]);
  }
});

function assertHidden(token: string, texts: readonly string[]): void {
  for (const text of texts) {
    for (let i = 0; i + 8 <= token.length; i++) {
      assert(!text.includes(token.slice(i, i + 8)), text);
    }
  }
}

Deno.test("a verifier that hangs is given up in time, says so in the log, and aborts its signal", async () => {
  const clock = new ManualClock();
  let aborted: unknown;
  const { promise, resolve } = Promise.withResolvers<VerifiedGrant | undefined>();
  const asked = Promise.withResolvers<void>();
  const { server, lines } = await verifying((_token, { signal }) => {
    asked.resolve();
    signal.addEventListener("abort", () => aborted = signal.reason);
    return promise;
  }, { clock });
  await using _ = server;
  using raw = await RawClient.handshake(server.port, headers(server.port));
  const reply = raw.request({ action: "hello", id: 1, token: "hangs" });
  await withTimeout(asked.promise);
  clock.advance(5000);
  assertEquals((await withTimeout(reply)).error?.code, "unavailable");
  assertEquals(await withTimeout(raw.closeCode()), 1013);
  assertEquals(`${aborted}`, "TimeoutError: no answer came within 5 s");
  assertStringIncludes(
    lines.join("\n"),
    "dsmq: cannot check a token: no answer came within 5 s",
  );
  // Nothing is left to do then: a grant would be digested beyond the end of this test.
  resolve(undefined);
});
