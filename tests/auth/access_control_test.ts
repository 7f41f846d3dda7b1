import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { AccessControl } from "../../auth/access_control.ts";
import { AllowedHosts, hostFault, isLoopback } from "../../auth/allowed_hosts.ts";
import { Permissions } from "../../auth/permissions.ts";
import { AllowedOrigins, originFault } from "../../auth/allowed_origins.ts";
import { digestOf, extractToken, isToken, Tokens } from "../../auth/tokens.ts";
import { seeded } from "../support/seeded.ts";

Deno.test("a name is told from an address, whatever is written around it", () => {
  const hosts = new AllowedHosts(["mq.example.org", "other.test:444", "::1"], false);
  const cases: [string | null, boolean][] = [
    ["127.0.0.1", true],
    ["10.0.0.1:30008", true],
    ["[2001:db8::1]:30008", true],
    ["[::ffff:10.0.0.1]", true],
    ["localhost", true],
    ["a.b.localhost.:1", true],
    ["MQ.example.org:1", true],
    ["mq.example.org.", true],
    ["other.test:444", true],
    ["other.test:0444", true],
    ["other.test:445", false],
    ["other.test", false],
    ["[::g]", false],
    ["[::1", false],
    ["::1", false],
    ["1.2.3", false],
    ["1.2.3.4.5", false],
    ["01.2.3.4", false],
    ["0x7f.0.0.1", false],
    ["mq.example.org:", false],
    ["mq.example.org:x", false],
    ["mq.example.org/", false],
    ["mq.example.org, localhost", false],
    ["http://localhost", false],
    [".", false],
    [".localhost.evil", false],
    ["", false],
    [null, false],
  ];
  for (const [host, welcome] of cases) assertEquals(hosts.allows(host), welcome, String(host));
});

Deno.test("a name that is allowed with the usual port is called without it", () => {
  assert(new AllowedHosts(["a.test:443"], true).allows("a.test"));
  assert(!new AllowedHosts(["a.test:443"], false).allows("a.test"));
  assert(new AllowedHosts(["a.test:80"], false).allows("a.test"));
});

Deno.test("loopback is told from what others can reach", () => {
  const loopback = ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "LOCALHOST", "a.localhost"];
  const others = ["0.0.0.0", "::", "10.0.0.1", "example.org", "128.0.0.1", "localhost.test"];
  assertEquals(loopback.filter((host) => !isLoopback(host)), []);
  assertEquals(others.filter(isLoopback), []);
  assert(isLoopback("::ffff:127.0.0.1"));
});

Deno.test("the own origin has the scheme of the server, and the host it was called by", () => {
  const plain = new AllowedOrigins([], false);
  const secure = new AllowedOrigins([], true);
  assert(plain.allows(null, "a.test"));
  assert(plain.allows("http://a.test:1", "A.test:1"));
  assert(!plain.allows("https://a.test:1", "a.test:1"));
  assert(secure.allows("https://a.test:1", "a.test:1"));
  assert(!secure.allows("http://a.test:1", "a.test:1"));
  assert(!secure.allows("https://b.test:1", "a.test:1"));
});

Deno.test("a host that could never match is refused, and the reason is said", () => {
  const good = ["a.test", "A.test.", "a.test:1", "[::1]", "1.2.3.4", "a_b", "bücher.example:80"];
  for (const host of good) assertEquals(hostFault(host), undefined, host);
  const bad: [string, RegExp][] = [
    ["", /neither a name nor an address/],
    ["*", /stands for nothing/],
    ["*.example.org", /stands for nothing/],
    ["a.*", /stands for nothing/],
    [".example.org", /a part of the name is empty/],
    ["a..b", /a part of the name is empty/],
    [".", /a part of the name is empty/],
    ["a.test:99999", /no such port/],
    ["a.test:0", /no such port/],
    ["a.test:123456", /neither/],
    ["a.test:", /neither/],
    ["a.test:http", /neither/],
    ["http://a.test", /no scheme/],
    ["a.test/mq", /no path/],
    ["a.test?x", /no path/],
    ["a b", /neither/],
    ["u@a.test", /neither/],
    ["1.2.3.4.5", /neither/],
    ["[::g]", /neither/],
    ["::1", /in brackets/],
  ];
  for (const [host, reason] of bad) assertMatch(hostFault(host) ?? "", reason, host);
});

Deno.test("a host beyond ASCII is the same in every form of it", () => {
  for (const allowed of ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example"]) {
    const hosts = new AllowedHosts([allowed], false);
    const inUtf8 = String.fromCharCode(...new TextEncoder().encode("bücher.example:30008"));
    for (const called of ["xn--bcher-kva.example:1", "XN--BCHER-KVA.example.", inUtf8]) {
      assert(hosts.allows(called), `${allowed} called ${called}`);
    }
    assert(!hosts.allows("xn--bchr-kva.example") && !hosts.allows("bucher.example"));
  }
});

Deno.test("an allowed origin is taken as browsers send it, however it is written", () => {
  const same: [written: string, sent: string][] = [
    ["https://example.org", "https://example.org"],
    ["https://example.org/", "https://example.org"],
    ["HTTPS://Example.ORG:443", "https://example.org"],
    ["http://a.test:80/", "http://a.test"],
    ["http://a.test:8080", "http://a.test:8080"],
    ["http://[0:0::1]:1", "http://[::1]:1"],
    ["https://bücher.example", "https://xn--bcher-kva.example"],
    ["Chrome-Extension://abcdefghijklmnop/", "chrome-extension://abcdefghijklmnop"],
    ["*", "https://anything.example"],
  ];
  for (const [written, sent] of same) {
    assertEquals(originFault(written), undefined, written);
    assert(new AllowedOrigins([written], false).allows(sent, "own.test"), written);
  }
  assert(
    !new AllowedOrigins(["https://example.org/"], false).allows("http://example.org", "own.test"),
  );
});

Deno.test("an origin that could never match is refused, and the reason is said", () => {
  const bad: [string, RegExp][] = [
    ["null", /any page can have/],
    ["", /no scheme/],
    ["example.org", /no scheme/],
    ["localhost:8080", /no scheme/],
    ["https://example.org/path", /and no more/],
    ["https://example.org/?q", /and no more/],
    ["https://u:p@example.org", /and no more/],
    ["https://example.org:99999", /and no more/],
    ["https://*.example.org", /stands for nothing/],
    ["wss://example.org", /pages have a scheme/],
    ["file://", /pages have a scheme/],
    ["https://", /and no more/],
  ];
  for (const [origin, reason] of bad) assertMatch(originFault(origin) ?? "", reason, origin);
});

Deno.test("a token is found by its digest, and its identity stays the same and tells nothing", async () => {
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

Deno.test("of ten thousand tokens each is looked up, and none is gone through", async () => {
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

Deno.test("a token is visible ASCII of a length that fits into a header", () => {
  assertEquals(["a", "~!*,;=", "x".repeat(1024)].filter((token) => !isToken(token)), []);
  assertEquals(["", "a b", "ä", "a\n", "x".repeat(1025), 5, null].filter(isToken), []);
});

Deno.test("the token of a request is taken from its header, or else from its subprotocols", () => {
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
    [{ authorization: `Bearer ${"x".repeat(1025)}` }, ""],
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
    [{ "sec-websocket-protocol": `dsmq.token.${btoa("x".repeat(2000))}` }, ""],
    [{ "sec-websocket-protocol": "dsmq.token._w" }, ""],
    [{ "sec-websocket-protocol": "dsmq.token.YQ,dsmq.token.Yg" }, ""],
    [{ "authorization": "Bearer a", "sec-websocket-protocol": "dsmq.token.Yg" }, "a"],
  ];
  for (const [headers, token] of cases) {
    assertEquals(extractToken(new Headers(headers)), token, JSON.stringify(headers));
  }
});

Deno.test("leave is for each right by itself, and for topics by as few prefixes as can be", () => {
  const all = new Permissions("", {});
  assert(all.full && all.admin && all.mayRead("t") && all.mayWrite("t"));
  assertEquals(all.readable, undefined);
  const some = new Permissions("", { topics: ["a.b", "a.", "c", "a.", "a.b.c"] });
  assertEquals(some.readable, ["a.", "c"]);
  assert(!some.full && some.mayRead("a.x") && some.mayWrite("cc") && !some.mayRead("a"));
  assertEquals(new Permissions("", { topics: ["", "a"] }).readable, undefined);
  assertEquals(new Permissions("", { topics: [] }).readable, []);
  const none = new Permissions("", { permissions: [] });
  assert(!none.full && !none.admin && !none.mayRead("t") && !none.mayWrite("t"));
  const writer = new Permissions("", { permissions: ["write"] });
  assertEquals([writer.full, writer.readable], [false, []]);
});

Deno.test("whether a topic begins with one of thousands of prefixes is found out by looking at a few", () => {
  const random = seeded(7);
  const letters = ["a", "b", ".", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"];
  const text = (max: number) =>
    Array.from({ length: 1 + random(max) }, () => letters[random(letters.length)]).join("");
  for (let round = 0; round < 300; round++) {
    const topics = Array.from({ length: random(30) }, () => text(4));
    const permissions = new Permissions("", { topics });
    for (let i = 0; i < 50; i++) {
      const topic = text(6);
      const expected = topics.some((prefix) => topic.startsWith(prefix));
      assertEquals(
        [permissions.mayRead(topic), permissions.mayWrite(topic)],
        [expected, expected],
        topic,
      );
    }
  }
  const many = new Permissions("", { topics: Array.from({ length: 100_000 }, (_, i) => `${i}.`) });
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

Deno.test("a server that answers to thousands of names looks each up by itself", () => {
  const hosts = new AllowedHosts(
    [...Array.from({ length: 50_000 }, (_, i) => `h${i}.test`)],
    false,
  );
  const { some, find, filter } = Array.prototype;
  const walked = () => {
    throw new Error("it went through them all");
  };
  [Array.prototype.some, Array.prototype.find, Array.prototype.filter] = [walked, walked, walked];
  try {
    assert(hosts.allows("h49999.test:1") && !hosts.allows("h50000.test"));
  } finally {
    [Array.prototype.some, Array.prototype.find, Array.prototype.filter] = [some, find, filter];
  }
  const ports = new AllowedHosts(["a.test:1", "a.test:2", "b.test:1", "b.test"], false);
  const called = ["a.test:1", "a.test:2", "a.test:3", "a.test", "b.test:9"];
  assertEquals(called.map((host) => ports.allows(host)), [true, true, false, false, true]);
});

Deno.test("changes of the tokens take place in the order of their calls", async () => {
  const accessControl = await AccessControl.create({
    host: "127.0.0.1",
    allowedHosts: [],
    allowedOrigins: [],
    secure: false,
    tokens: undefined,
    anonymous: undefined,
  });
  assertEquals([accessControl.requiresToken, accessControl.permissionsOf(undefined)?.full], [
    false,
    true,
  ]);
  const many = Array.from({ length: 500 }, (_, i) => ({ token: `first-${i}` }));
  await Promise.all([
    accessControl.setTokens(many),
    accessControl.setTokens([{ token: "second" }]),
  ]);
  assertEquals(accessControl.permissionsOf(await digestOf("first-0")), undefined);
  assert(accessControl.permissionsOf(await digestOf("second"))?.full);
  // Nobody was told of those without a token: now they may do nothing.
  assertEquals([accessControl.requiresToken, accessControl.permissionsOf(undefined)], [
    true,
    undefined,
  ]);
});

Deno.test("what was said of those without a token stays, unless something else is said", async () => {
  const accessControl = await AccessControl.create({
    host: "127.0.0.1",
    allowedHosts: [],
    allowedOrigins: [],
    secure: false,
    tokens: undefined,
    anonymous: { permissions: ["read"] },
  });
  await accessControl.setTokens([{ token: "a" }]);
  assertEquals([
    accessControl.permissionsOf(undefined)?.mayRead("t"),
    accessControl.permissionsOf(undefined)?.mayWrite("t"),
  ], [
    true,
    false,
  ]);
  await accessControl.setTokens([], { permissions: ["write"] });
  assertEquals(accessControl.permissionsOf(undefined)?.mayWrite("t"), true);
  await accessControl.setTokens([], { permissions: [] });
  assertEquals(accessControl.permissionsOf(undefined), undefined);
});
