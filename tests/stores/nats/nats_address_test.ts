/**
 * The address of a log in NATS: what it may be, and that no error shows a secret.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parseNatsAddress } from "../../../stores/replicated/nats/nats_address.ts";

Deno.test("an address has defaults: one file, one server, no assertion of sync", () => {
  assertEquals(parseNatsAddress("nats://n1/orders"), {
    servers: ["n1:4222"],
    name: "orders",
    replicas: 1,
    storage: "file",
    syncAlways: false,
    login: {},
    description: "nats://n1/orders",
  });
});

Deno.test("an address names servers, stream, replicas, storage and sync", () => {
  const address = parseNatsAddress(
    "NATS://n1,n2.example:4223,[::1]:05/o-r_2?replicas=3&storage=memory&sync=always",
  );
  assertEquals(address.servers, ["n1:4222", "n2.example:4223", "[::1]:5"]);
  assertEquals(address.name, "o-r_2");
  assertEquals([address.replicas, address.storage, address.syncAlways], [3, "memory", true]);
  assertEquals(address.description, "nats://n1,n2.example:4223,[::1]:5/o-r_2");
});

Deno.test("user, password, token and credentials are taken, and appear in no description", () => {
  const login = (text: string) => {
    const { login, description } = parseNatsAddress(text);
    assertEquals(description, "nats://n1/orders");
    return login;
  };
  assertEquals(login("nats://me:p%40%2F%3F%23%25+@n1/orders"), {
    user: "me",
    password: "p@/?#%+",
  });
  assertEquals(login("nats://me:a@b:c@n1/orders"), { user: "me", password: "a@b:c" });
  assertEquals(login("nats://t0k%3Aen@n1/orders"), { token: "t0k:en" });
  assertEquals(login("nats://n1/orders?credentials=%2Fetc%2Fa b@c.creds"), {
    credentials: "/etc/a b@c.creds",
  });
});

Deno.test("TLS is required by the scheme, by a parameter, or by the files that it names", () => {
  const tls = (text: string) => parseNatsAddress(text).tls;
  assertEquals(tls("nats://n1/orders"), undefined);
  assertEquals(tls("tls://n1/orders"), { mode: "required" });
  assertEquals(tls("nats://n1/orders?tls=required"), { mode: "required" });
  assertEquals(tls("tls://n1/orders?tls=first&ca=ca.pem"), { mode: "first", ca: "ca.pem" });
  assertEquals(tls("nats://n1/orders?cert=c.pem&key=k.pem"), {
    mode: "required",
    cert: "c.pem",
    key: "k.pem",
  });
});

/** Refused addresses, and their errors. The text `SECRET` must not come back. */
const WRONG: Readonly<Record<string, RegExp>> = {
  "": /beginning with nats:\/\/ or tls:\/\//,
  "SECRET": /beginning with nats/,
  "nats:SECRET": /beginning with nats/,
  "http://SECRET@n1/orders": /beginning with nats/,
  "nats://me:SEC#RET@n1/orders": /without #/,
  "nats://n1": /where NAME is the name of its stream/,
  "nats://n1/": /where NAME is the name of its stream/,
  "nats://SECRET@n1": /where NAME is the name of its stream/,
  "nats://me:SECRET@n1/?replicas=3": /where NAME is the name of its stream/,
  "nats://n1/or ders": /where NAME has letters, digits, - and _ only/,
  "nats://n1/a/SECRET": /where NAME has letters, digits, - and _ only/,
  "nats://n1/a.b": /where NAME has letters/,
  [`nats://n1/${"a".repeat(201)}`]: /at most 200/,
  "nats:///orders": /where each SERVER is a name/,
  "nats://SECRET@/orders": /where each SERVER is a name/,
  "nats://n1,,n2/orders": /where each SERVER is a name/,
  "nats://n1,/orders": /where each SERVER is a name/,
  "nats://n1, n2/orders": /where each SERVER is a name/,
  "nats://::1/orders": /IPv6 in square brackets/,
  "nats://n1:/orders": /where PORT is a whole number from 1 to 65535/,
  "nats://n1:0/orders": /where PORT is a whole number/,
  "nats://n1:65536/orders": /where PORT is a whole number/,
  "nats://n1:-1/orders": /where PORT is a whole number/,
  "nats://me:SECRET/orders": /where PORT is a whole number/,
  "nats://me:SEC/RET@n1/orders": /where PORT|written %2F and %3F/,
  "nats://me:SEC?RET@n1/orders": /written %2F and %3F/,
  "nats://SEC/RET@n1/orders": /written %2F and %3F/,
  "nats://:SECRET@n1/orders": /where a password has a user before it/,
  "nats://me:SECRET%@n1/orders": /where % in a user, password or token is followed by/,
  "nats://SECRET%zz@n1/orders": /where % in a user, password or token is followed by/,
  "nats://n1/orders?credentials=%SECRET": /where % in credentials is followed by/,
  "nats://n1/orders?replicas=2": /where replicas is 1, 3 or 5/,
  "nats://n1/orders?replicas=SECRET": /where replicas is 1, 3 or 5/,
  "nats://n1/orders?replicas=": /where replicas has a value/,
  "nats://n1/orders?replicas": /where replicas has a value/,
  "nats://n1/orders?replicas=3&replicas=3": /with replicas once/,
  "nats://n1/orders?storage=SECRET": /where storage is file or memory/,
  "nats://n1/orders?sync=true": /where sync is always/,
  "nats://n1/orders?password=SECRET": /with no parameters but replicas, storage, sync/,
  "nats://n1/orders?SECRET": /with no parameters but replicas/,
  "nats://n1/orders?__proto__=SECRET": /with no parameters but replicas/,
  "nats://n1/orders?&": /with no parameters but replicas/,
  "nats://n1/orders?tls=SECRET": /where tls is required or first/,
  "nats://n1/orders?cert=SECRET": /with cert and key, or neither/,
  "nats://n1/orders?key=SECRET": /with cert and key, or neither/,
  "nats://SECRET@n1/orders?credentials=SECRET": /or with credentials, not both/,
};

Deno.test("an invalid address is refused with a sentence that has no part of it", () => {
  for (const [text, expected] of Object.entries(WRONG)) {
    const { message } = assertThrows(() => parseNatsAddress(text), RangeError);
    assertMatch(
      message,
      /^Cannot open a log: address must be "nats:\/\/SERVER:PORT,…\/NAME", (?=\S)/,
    );
    assertMatch(message, expected);
    assert(!/SEC|RET/.test(message), message);
  }
});

Deno.test("whoever asks for the address words its error", () => {
  const fault = (expected: string) => new TypeError(`store must be ${expected}`);
  assertThrows(
    () => parseNatsAddress("nats://n1", fault),
    TypeError,
    'store must be "nats://SERVER:PORT,…/NAME", where NAME is the name of its stream',
  );
});
