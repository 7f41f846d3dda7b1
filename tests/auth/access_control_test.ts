import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { AccessControl } from "../../auth/access_control.ts";
import { Permissions } from "../../auth/permissions.ts";
import { digestOf, extractToken, Tokens } from "../../auth/tokens.ts";
import { isToken } from "../../protocol/token.ts";
import { seeded } from "../../testing/seeded.ts";

Deno.test("a token is found by its digest, and its identity stays the same and reveals nothing", async () => {
  const grants = [{ token: "one" }, { token: "two", permissions: ["read"] as const }, {
    token: "one",
  }];
  const tokens = await Tokens.create(grants);
  const found = tokens.find(await digestOf("two"))!;
  assert(found.mayRead("t") && !found.mayWrite("t"));
  for (const wrong of ["", "three", "tw", "two ", "twp"]) {
    assertEquals(tokens.find(await digestOf(wrong)), undefined, wrong);
  }
  assertMatch(found.identity, /^[0-9a-f]{32}$/);
  const again = (await Tokens.create([{ token: "two" }])).find(await digestOf("two"))!;
  assertEquals(again.identity, found.identity);
  assertNotEquals(tokens.find(await digestOf("one"))!.identity, found.identity);
});

Deno.test("every byte of a digest counts", async () => {
  const tokens = await Tokens.create([{ token: "good" }]);
  const digest = await digestOf("good");
  assert(tokens.find(digest));
  for (let i = 0; i < digest.length; i++) {
    const other = digest.slice();
    other[i]! ^= 1;
    assertEquals(tokens.find(other), undefined);
  }
});

Deno.test("each of ten thousand tokens is found by lookup, not by search", async () => {
  const grants = Array.from({ length: 10_000 }, (_, i) => ({ token: `token-${i}` }));
  const tokens = await Tokens.create(grants);
  const [good, bad] = [await digestOf("token-77"), await digestOf("none")];
  let read = 0;
  const counted = (digest: Uint8Array<ArrayBuffer>) =>
    new Proxy(digest, {
      get(target, name) {
        if (typeof name === "string" && /^\d+$/.test(name)) read++;
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const { identity } = tokens.find(counted(good))!;
  assertEquals(read, good.length);
  assertEquals(tokens.find(counted(bad)), undefined);
  assertEquals(read, good.length);
  assertEquals(tokens.findByIdentity(identity), tokens.find(good));
});

Deno.test("a token is visible ASCII, short enough for a header", () => {
  assertEquals(["a", "~!*,;=", "x".repeat(8192)].filter((token) => !isToken(token)), []);
  assertEquals(["", "a b", "ä", "a\n", "x".repeat(8193), 5, null].filter(isToken), []);
});

Deno.test("the token of a request comes from its header, or else from its subprotocols", () => {
  const cases: [Record<string, string>, string | undefined][] = [
    [{}, undefined],
    [{ authorization: "Bearer a" }, "a"],
    [{ authorization: "BEARER   a" }, "a"],
    [{ authorization: "Bearer" }, ""],
    [{ authorization: " Bearer  a " }, "a"],
    [{ authorization: "Bearer\ta" }, ""],
    [{ authorization: "Bearer \ta" }, ""],
    [{ authorization: "Bearer\t" }, ""],
    [{ authorization: "Bearer:a" }, ""],
    [{ authorization: "Bearer: a" }, ""],
    [{ authorization: "Bearer=a" }, ""],
    [{ authorization: "Bearer,a" }, ""],
    [{ authorization: 'bearer"a"' }, ""],
    [{ authorization: "Bearer a b" }, ""],
    [{ authorization: "Bearer \u00e4" }, ""],
    [{ authorization: `Bearer ${"x".repeat(8193)}` }, ""],
    [{ authorization: "Bearer a, Bearer a" }, ""],
    [{ authorization: "Bearer a, Basic YQ==" }, ""],
    [{ authorization: "Basic YQ==, Bearer a" }, ""],
    [{ authorization: "Basic YQ==,bearer\ta" }, ""],
    [{ authorization: "Bearera" }, undefined],
    [{ authorization: "Bearer-x a" }, undefined],
    [{ authorization: "" }, undefined],
    [{ authorization: "Basic YQ==" }, undefined],
    [{ "sec-websocket-protocol": "dsmq" }, undefined],
    [{ "sec-websocket-protocol": "dsmq, dsmq.token.YQ" }, "a"],
    [{ "sec-websocket-protocol": "dsmq.token.w6Q" }, ""],
    [{ "sec-websocket-protocol": "dsmq.token." }, ""],
    [{ "sec-websocket-protocol": "dsmq.token.!" }, ""],
    [{ "sec-websocket-protocol": "dsmq.token.YSBi" }, ""],
    [{ "sec-websocket-protocol": `dsmq.token.${btoa("x".repeat(9000))}` }, ""],
    [{ "sec-websocket-protocol": "dsmq.token._w" }, ""],
    [{ "sec-websocket-protocol": "dsmq.token.YQ,dsmq.token.Yg" }, ""],
    [{ "authorization": "Bearer a", "sec-websocket-protocol": "dsmq.token.Yg" }, "a"],
  ];
  for (const [headers, token] of cases) {
    assertEquals(extractToken(new Headers(headers)), token, JSON.stringify(headers));
  }
});

Deno.test("each permission is granted by itself, with as few prefixes as possible", () => {
  const all = new Permissions("", {});
  assert(all.full && all.mayStop && all.mayRead("t") && all.mayWrite("t"));
  assertEquals(all.readable, undefined);
  const some = new Permissions("", { prefixes: ["a.b", "a.", "c", "a.", "a.b.c"] });
  assertEquals(some.readable, ["a.", "c"].map((text) => ({ text, isPrefix: true })));
  assert(!some.full && some.mayRead("a.x") && some.mayWrite("cc") && !some.mayRead("a"));
  assertEquals(new Permissions("", { prefixes: ["", "a"] }).readable, undefined);
  assertEquals(new Permissions("", { prefixes: [], topics: ["a"] }).mayRead("ab"), false);
  for (const grant of [{ topics: [] }, { prefixes: [] }, { topics: [], prefixes: [] }]) {
    assertEquals(new Permissions("", grant).readable, []);
  }
  const none = new Permissions("", { permissions: [] });
  assert(!none.full && !none.mayStop && !none.mayRead("t") && !none.mayWrite("t"));
  const writer = new Permissions("", { permissions: ["write"] });
  assertEquals([writer.full, writer.readable], [false, []]);
});

Deno.test("a topic is granted by its exact name, and a prefix includes all that begin with it", () => {
  const permissions = new Permissions("", {
    topics: ["news", "news.", "a.b", "constructor"],
    prefixes: ["a."],
  });
  const allowed = ["news", "news.", "a.", "a.b", "a.b.c", "constructor"];
  const denied = ["newsletter", "news.today", "new", "a", "toString", "__proto__", ""];
  assertEquals(allowed.filter((topic) => !permissions.mayRead(topic)), []);
  assertEquals(denied.filter((topic) => permissions.mayRead(topic)), []);
  assertEquals(denied.filter((topic) => permissions.mayWrite(topic)), []);
  assertEquals(permissions.readable, [
    { text: "a.", isPrefix: true },
    { text: "constructor", isPrefix: false },
    { text: "news", isPrefix: false },
    { text: "news.", isPrefix: false },
  ]);
});

Deno.test("checking a topic against thousands of prefixes takes few comparisons", () => {
  const random = seeded(7);
  const letters = ["a", "b", ".", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"];
  const text = (max: number) =>
    Array.from({ length: 1 + random(max) }, () => letters[random(letters.length)]).join("");
  for (let round = 0; round < 300; round++) {
    const prefixes = Array.from({ length: random(30) }, () => text(4));
    const permissions = new Permissions("", { prefixes });
    for (let i = 0; i < 50; i++) {
      const topic = text(6);
      const expected = prefixes.some((prefix) => topic.startsWith(prefix));
      assertEquals(
        [permissions.mayRead(topic), permissions.mayWrite(topic)],
        [expected, expected],
        topic,
      );
    }
  }
  const many = new Permissions("", {
    prefixes: Array.from({ length: 100_000 }, (_, i) => `${i}.`),
  });
  const { startsWith } = String.prototype;
  let looked = 0;
  String.prototype.startsWith = function (this: string, ...args: [string, number?]) {
    looked++;
    return startsWith.apply(this, args);
  };
  try {
    assert(many.mayRead("99999.a") && many.mayWrite("50000.a") && !many.mayRead("100000.a"));
  } finally {
    String.prototype.startsWith = startsWith;
  }
  assert(looked <= 6, `${looked}`);
});

Deno.test("changes of the tokens apply in the order of their calls", async () => {
  const accessControl = await AccessControl.create({
    host: "127.0.0.1",
    allowedHosts: [],
    allowedOrigins: [],
    secure: false,
    auth: {},
  });
  assertEquals([accessControl.requiresToken, accessControl.permissionsOf(undefined)?.full], [
    false,
    true,
  ]);
  const many = Array.from({ length: 500 }, (_, i) => ({ token: `first-${i}` }));
  await Promise.all([
    accessControl.setAuth({ tokens: many }),
    accessControl.setAuth({ tokens: [{ token: "second" }] }),
  ]);
  assertEquals((await accessControl.check("first-0", "")).kind, "refused");
  assert(accessControl.permissionsOf(await accessControl.check("second", ""))?.full);
  // No anonymous grant is given: now connections without a token may do nothing.
  assertEquals([accessControl.requiresToken, accessControl.permissionsOf(undefined)], [
    true,
    undefined,
  ]);
});

Deno.test("of what was given before, nothing counts any more", async () => {
  const accessControl = await AccessControl.create({
    host: "127.0.0.1",
    allowedHosts: [],
    allowedOrigins: [],
    secure: false,
    auth: { anonymous: { permissions: ["read"] } },
  });
  const anonymous = () => {
    const permissions = accessControl.permissionsOf(undefined);
    return permissions && [permissions.mayRead("t"), permissions.mayWrite("t")];
  };
  assertEquals(anonymous(), [true, false]);
  await accessControl.setAuth({ tokens: [{ token: "a" }] });
  assertEquals(anonymous(), undefined);
  await accessControl.setAuth({ tokens: [], anonymous: { permissions: ["write"] } });
  assertEquals(anonymous(), [false, true]);
  assertEquals((await accessControl.check("a", "")).kind, "refused");
  await accessControl.setAuth({ tokens: [], anonymous: { permissions: [] } });
  assertEquals(anonymous(), undefined);
  await accessControl.setAuth({ anonymous: {} });
  assertEquals([anonymous(), accessControl.requiresToken], [[true, true], false]);
});
