/**
 * Hosts and origins: which names and web pages are allowed.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { AllowedHosts, hostFault, isLoopback } from "../../auth/allowed_hosts.ts";
import { AllowedOrigins, originFault } from "../../auth/allowed_origins.ts";

Deno.test("a name is distinguished from an address, whatever surrounds it", () => {
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

Deno.test("a name that is allowed with the default port is used without it", () => {
  assert(new AllowedHosts(["a.test:443"], true).allows("a.test"));
  assert(!new AllowedHosts(["a.test:443"], false).allows("a.test"));
  assert(new AllowedHosts(["a.test:80"], false).allows("a.test"));
});

Deno.test("loopback addresses are distinguished from others", () => {
  const loopback = ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "LOCALHOST", "a.localhost"];
  const others = ["0.0.0.0", "::", "10.0.0.1", "example.org", "128.0.0.1", "localhost.test"];
  assertEquals(loopback.filter((host) => !isLoopback(host)), []);
  assertEquals(others.filter(isLoopback), []);
  assert(isLoopback("::ffff:127.0.0.1"));
});

Deno.test("the own origin has the server's scheme, and the host of the request", () => {
  const plain = new AllowedOrigins([], false);
  const secure = new AllowedOrigins([], true);
  assert(plain.allows(null, "a.test"));
  assert(plain.allows("http://a.test:1", "A.test:1"));
  assert(!plain.allows("https://a.test:1", "a.test:1"));
  assert(secure.allows("https://a.test:1", "a.test:1"));
  assert(!secure.allows("http://a.test:1", "a.test:1"));
  assert(!secure.allows("https://b.test:1", "a.test:1"));
});

Deno.test("a host that could never match is refused with the reason", () => {
  const good = ["a.test", "A.test.", "a.test:1", "[::1]", "1.2.3.4", "a_b", "bücher.example:80"];
  for (const host of good) assertEquals(hostFault(host), undefined, host);
  const bad: [string, RegExp][] = [
    ["", /neither a name nor an address/],
    ["*", /is not supported/],
    ["*.example.org", /is not supported/],
    ["a.*", /is not supported/],
    [".example.org", /a part of the name is empty/],
    ["a..b", /a part of the name is empty/],
    [".", /a part of the name is empty/],
    ["a.test:99999", /from 1 to 65535/],
    ["a.test:0", /from 1 to 65535/],
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
    ["::1", /needs brackets/],
  ];
  for (const [host, reason] of bad) assertMatch(hostFault(host) ?? "", reason, host);
});

Deno.test("a host beyond ASCII is the same in each of its forms", () => {
  for (const allowed of ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example"]) {
    const hosts = new AllowedHosts([allowed], false);
    const inUtf8 = String.fromCharCode(...new TextEncoder().encode("bücher.example:30008"));
    for (const called of ["xn--bcher-kva.example:1", "XN--BCHER-KVA.example.", inUtf8]) {
      assert(hosts.allows(called), `${allowed} called ${called}`);
    }
    assert(!hosts.allows("xn--bchr-kva.example") && !hosts.allows("bucher.example"));
  }
});

Deno.test("an allowed origin is compared as browsers send it, however it is written", () => {
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

Deno.test("an origin that could never match is refused with the reason", () => {
  const bad: [string, RegExp][] = [
    ["null", /any page can have/],
    ["", /no scheme/],
    ["example.org", /no scheme/],
    ["localhost:8080", /no scheme/],
    ["https://example.org/path", /and no more/],
    ["https://example.org/?q", /and no more/],
    ["https://u:p@example.org", /and no more/],
    ["https://example.org:99999", /and no more/],
    ["https://*.example.org", /is not supported/],
    ["wss://example.org", /pages have a scheme/],
    ["file://", /pages have a scheme/],
    ["https://", /and no more/],
  ];
  for (const [origin, reason] of bad) assertMatch(originFault(origin) ?? "", reason, origin);
});

Deno.test("a server with thousands of names finds each by lookup", () => {
  const hosts = new AllowedHosts(
    [...Array.from({ length: 50_000 }, (_, i) => `h${i}.test`)],
    false,
  );
  const { some, find, filter } = Array.prototype;
  const walked = () => {
    throw new Error("it searched all of them");
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
