/**
 * Nobody opens a server by accident: what an `auth` does not say, or says wrongly, permits nothing.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { connect, createHandler, type Grant, serve, type VerifiedGrant } from "@dsmq/server";
import { failure } from "./auth_support.ts";
import { openMounted } from "../support/mounted_server.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { as } from "../support/untyped.ts";

const SECRET = "a secret of a test with 32 bytes";
const UNSET = undefined;

/** What is refused by a sentence, wherever it is given. */
const REFUSED: readonly (readonly [auth: unknown, sentence: string])[] = [
  [
    UNSET,
    "auth must be a token (1 to 8192 visible characters of ASCII) or an object, got undefined",
  ],
  [null, "auth must be a token (1 to 8192 visible characters of ASCII) or an object, got null"],
  [false, "or an object, got a boolean"],
  [[], "or an object, got an array"],
  [Promise.resolve("a"), "or an object, got a promise"],
  ["", "auth must be 1 to 8192 visible characters of ASCII, got an empty text"],
  [{}, "auth must have tokens, anonymous, jwt or verify, got none of them"],
  [{ tokens: UNSET }, "auth.tokens must be left out or have a value, got undefined"],
  [{ tokens: UNSET, anonymous: {} }, "auth.tokens must be left out or have a value"],
  [{ verify: UNSET, tokens: [] }, "auth.verify must be left out or have a value"],
  [{ anonymous: UNSET, tokens: [] }, "auth.anonymous must be left out or have a value"],
  [{ tokens: {} }, "auth.tokens must be a list, got an object"],
  [{ tokens: null }, "auth.tokens must be a list, got null"],
  [{ tokens: [], verfy: () => UNSET }, 'auth has no member "verfy" (there are: tokens, anonymous,'],
  [{ anonymous: null }, "auth.anonymous must be an object, got null"],
  [{ anonymous: [] }, "auth.anonymous must be an object, got an array"],
  [{ anonymous: { permission: ["read"] } }, 'auth.anonymous has no member "permission"'],
  ...grants("auth.anonymous", (grant) => ({ anonymous: grant })),
  ...grants("auth.tokens[0]", (grant) => ({ tokens: [{ token: "a", ...grant }] })),
  [{ jwt: UNSET }, "auth.jwt must be left out or have a value, got undefined"],
  [{ jwt: { secret: SECRET, issuer: UNSET } }, "auth.jwt.issuer must be left out or have a value"],
  [{ jwt: [{ secret: SECRET, audience: UNSET }] }, "auth.jwt[0].audience must be left out or"],
  [{ jwt: { secret: SECRET, jwks: UNSET } }, "auth.jwt.jwks must be left out or have a value"],
  [
    { jwt: { secret: SECRET, issuers: "a" } },
    'auth.jwt has no member "issuers" (there are: secret,',
  ],
  [{ jwt: { secret: SECRET, issuer: null } }, "auth.jwt.issuer must be a text that is not empty"],
  [{ verify: null }, "auth.verify must be a function, got null"],
];

/** What no grant may be: as if the member were not there, it would permit more. */
function grants(name: string, place: (grant: object) => object): [object, string][] {
  return [
    [place({ permissions: UNSET }), `${name}.permissions must be left out or have a value`],
    [
      place({ permissions: null }),
      `${name}.permissions must be a list of read, write, work, admin`,
    ],
    [
      place({ permissions: ["*"] }),
      `${name}.permissions must be a list of read, write, work, admin`,
    ],
    [
      place({ topics: UNSET }),
      `${name}.topics must be left out or have a value, got undefined`,
    ],
    [place({ topics: null }), `${name}.topics must be a list of exact names of topics, got null`],
    [place({ prefixes: UNSET }), `${name}.prefixes must be left out or have a value`],
    [place({ topics: ["a"], prefixes: UNSET }), `${name}.prefixes must be left out or have`],
  ];
}

Deno.test("an auth that does not say who may do what opens no server, handler or running server", async () => {
  await using server = await openServer({ auth: "good" });
  await using mounted = openMounted({ auth: "good" });
  await mounted.handler.ready;
  for (const [value, sentence] of REFUSED) {
    const auth = as(value);
    const served = await assertRejects(() => serve({ port: 0, log: quiet, auth }), Error);
    assertStringIncludes(served.message, `Cannot serve: `);
    assertStringIncludes(served.message, sentence);
    const created = assertThrows(() => void createHandler({ log: quiet, auth }), Error);
    assertEquals(created.message, served.message.replace("serve", "create a handler"));
    for (const running of [server, mounted.handler]) {
      const set = await assertRejects(() => running.setAuth(auth), Error);
      assertEquals(set.message, served.message.replace("serve", "set auth"));
    }
  }
  // They are as they were.
  for (const { url } of [server, mounted]) {
    assertEquals((await failure(connect(url))).code, "unauthorized");
    await using mq = await connect(url, { token: "good" });
    assertEquals(await mq.get("t"), "");
  }
});

/** Members that are inherited, as those of a class are. */
const inherited = <T extends object>(members: T): T => Object.create(members);

Deno.test("what an auth inherits counts as its own", async () => {
  const auth = inherited({
    tokens: [inherited({ token: "good", permissions: ["read"] as const, topics: ["t"] })],
    anonymous: inherited({ permissions: [] }),
  });
  class Verified {
    get verify() {
      return (token: string) =>
        token === "good" ? inherited({ permissions: ["read"] as const, topics: ["t"] }) : undefined;
    }
  }
  for (const given of [auth, new Verified()]) {
    await using server = await openServer({ auth: given });
    await using handler = createHandler(inherited({ auth: given, log: quiet }));
    await using mounted = Deno.serve({ port: 0, onListen() {} }, handler.fetch);
    await using changed = await openServer({ auth: "other" });
    await changed.setAuth(given);
    for (const url of [server.url, changed.url, `ws://localhost:${mounted.addr.port}`]) {
      assertEquals((await failure(connect(url))).code, "unauthorized");
      await using mq = await connect(url, { token: "good" });
      assertEquals(await mq.get("t"), "");
      assertEquals((await failure(mq.get("u"))).code, "permission_denied");
      assertEquals((await failure(mq.put("t", "m"))).code, "permission_denied");
      assertEquals((await failure(mq.connections())).code, "permission_denied");
    }
  }
});

Deno.test("what an auth says counts as it was when it was given", async () => {
  const permissions: ("read" | "write")[] = ["read"];
  const topics = ["t"];
  const tokens = [{ token: "good", permissions, topics }];
  const starting = openServer({ auth: { tokens } });
  permissions.push("write");
  topics.push("u");
  tokens.length = 0;
  await using server = await starting;
  await using mq = await connect(server.url, { token: "good" });
  assertEquals(await mq.get("t"), "");
  assertEquals((await failure(mq.get("u"))).code, "permission_denied");
  assertEquals((await failure(mq.put("t", "m"))).code, "permission_denied");
});

Deno.test("what auth.verify returns must name permissions, by its type as well", () => {
  // @ts-expect-error: it has none
  const grant: VerifiedGrant = { identity: "me", topics: ["t"] };
  assertEquals("permissions" in grant, false);
});

Deno.test("an empty list permits nothing, wherever a grant stands", async () => {
  const empty: Grant[] = [
    { permissions: [] },
    { permissions: ["read", "write", "work", "admin"], topics: [] },
    { permissions: ["read", "write", "work", "admin"], prefixes: [] },
    { permissions: ["read", "write", "work", "admin"], topics: [], prefixes: [] },
  ];
  for (const grant of empty) {
    const verified: VerifiedGrant = { permissions: [], ...grant };
    const auths = [{ tokens: [{ token: "t", ...grant }] }, { verify: () => verified }];
    for (const auth of auths) {
      await using server = await openServer({ auth, allowShutdown: true });
      await using mq = await connect(server.url, { token: "t" });
      const calls = [
        mq.get("t"),
        mq.put("t", "m"),
        mq.topics(),
        mq.purge("t"),
        mq.connections(),
        mq.backup(),
        mq.shutdownServer(),
      ];
      for (const call of calls) assertEquals((await failure(call)).code, "permission_denied");
    }
  }
});

Deno.test("clients without a token stop a server that allows it only if nobody said what they may do, or if that was admin", async () => {
  const cases = [
    [undefined, true],
    [{ anonymous: { permissions: ["admin"] } }, true],
    [{ anonymous: {} }, false],
    [{ anonymous: { permissions: ["read", "write"] } }, false],
    [{ anonymous: { permissions: ["admin"], topics: ["t"] } }, false],
  ] as const;
  for (const host of ["127.0.0.1", "0.0.0.0"]) {
    for (const [auth, expected] of cases) {
      const server = await openServer({ host, allowShutdown: true, ...(auth && { auth }) });
      await using mq = await connect(server.url, { reconnect: false });
      if (expected) {
        await mq.shutdownServer();
        await server.finished;
      } else {
        assertEquals((await failure(mq.shutdownServer())).code, "permission_denied");
        await server.shutdown();
      }
    }
  }
});

Deno.test("who may administer some topics is told that all are needed", async () => {
  const tokens = [{ token: "some", permissions: ["admin"] as const, prefixes: ["a."] }];
  await using server = await openServer({ auth: { tokens }, allowShutdown: true });
  await using mq = await connect(server.url, { token: "some" });
  const needed = "permission denied: that needs the permission admin for all topics";
  const calls: [Promise<unknown>, string][] = [
    [mq.connections(), `Cannot list connections: ${needed}`],
    [mq.disconnect("nobody"), `Cannot disconnect: ${needed}`],
    [mq.backup(), `Cannot back up: ${needed}`],
    [mq.shutdownServer(), `Cannot shut down: ${needed}`],
    [mq.purge("b"), 'Cannot purge topic "b": permission denied'],
  ];
  for (const [call, message] of calls) assertEquals((await failure(call)).message, message);
  assertEquals(await mq.purge("a.b"), 0);
});
