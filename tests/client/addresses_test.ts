/**
 * The addresses that `connect` takes, and what it says of those that it does not.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { type Address, connect, DsmqError, serve } from "@dsmq/server";
import { ScriptedServer } from "../support/scripted_server.ts";
import { as } from "../support/untyped.ts";

/** The address that a client dials, and the one that it shows. */
async function dialled(address: Address | readonly Address[] | undefined): Promise<string[]> {
  const script = new ScriptedServer();
  const dials: string[] = [];
  const dial = (url: string) => {
    dials.push(url);
    return script.dial();
  };
  await using mq = await connect(address, { dial, reconnect: false });
  return [...dials, mq.url];
}

Deno.test("an address without a scheme is ws: and port 30008, unless it names another port", async () => {
  const addresses: [Address | undefined, string][] = [
    [undefined, "ws://127.0.0.1:30008"],
    ["myhost", "ws://myhost:30008"],
    [" myhost ", "ws://myhost:30008"],
    ["myhost:4000", "ws://myhost:4000"],
    ["MyHost:80", "ws://myhost:80"],
    ["localhost:30008", "ws://localhost:30008"],
    ["ws:4000", "ws://ws:4000"],
    ["10.0.0.7", "ws://10.0.0.7:30008"],
    ["::1", "ws://[::1]:30008"],
    ["[::1]", "ws://[::1]:30008"],
    ["[::1]:4000", "ws://[::1]:4000"],
    ["::ffff:10.0.0.7", "ws://[::ffff:a00:7]:30008"],
    ["example.org/mq", "ws://example.org:30008/mq"],
    ["example.org:80/mq/", "ws://example.org:80/mq/"],
    [{}, "ws://127.0.0.1:30008"],
    [{ port: 4000 }, "ws://127.0.0.1:4000"],
    [{ host: "myhost" }, "ws://myhost:30008"],
    [{ host: "::1", port: 80 }, "ws://[::1]:80"],
  ];
  for (const [address, url] of addresses) assertEquals(await dialled(address), [url, url]);
});

Deno.test("an address with a scheme has the scheme's own port, which is shown in full", async () => {
  const addresses: [Address, string][] = [
    ["ws://example.org", "ws://example.org:80"],
    ["wss://example.org", "wss://example.org:443"],
    ["http://example.org", "ws://example.org:80"],
    ["https://example.org/mq", "wss://example.org:443/mq"],
    ["HTTPS://example.org:8443", "wss://example.org:8443"],
    ["ws://example.org:443", "ws://example.org:443"],
    ["http://example.org:443", "ws://example.org:443"],
    ["https://[::1]/", "wss://[::1]:443"],
    [new URL("https://example.org:443/mq/"), "wss://example.org:443/mq/"],
    // The location of a page, or a URL of another realm.
    [as({ href: "http://127.0.0.1:1/mq" }), "ws://127.0.0.1:1/mq"],
  ];
  for (const [address, url] of addresses) assertEquals(await dialled(address), [url, url]);
});

Deno.test("a name, a password and a query are dialled and not shown", async () => {
  const addresses: [Address, string, string][] = [
    ["ws://u:p@h?token=t", "ws://u:p@h:80/?token=t", "ws://h:80/?…"],
    ["u:p@h/mq?x", "ws://u:p@h:30008/mq?x", "ws://h:30008/mq?…"],
    ["https://a%40b@[::1]:5/?x=/", "wss://a%40b@[::1]:5/?x=/", "wss://[::1]:5/?…"],
  ];
  for (const [address, url, shown] of addresses) {
    assertEquals(await dialled(address), [url, shown]);
  }
});

Deno.test("of several addresses, in any form, one that answers is used", async () => {
  await using server = await serve({ port: 0 });
  const retries: string[] = [];
  const closed = { host: "127.0.0.1", port: 1 };
  await using mq = await connect([closed, `localhost:1`, `127.0.0.1:${server.port}`], {
    onRetry: ({ message }) => retries.push(message),
  });
  assertEquals([mq.url, retries], [server.url, []]);
  const connecting = connect([closed, "ws://127.0.0.1:1"], { timeout: 1 });
  const error = await assertRejects(() => connecting, DsmqError);
  // Each address once.
  assertEquals(error.message.split("ws://").length, 2);
});

Deno.test("what is not an address is refused in one sentence, and nothing is dialled", async () => {
  const shape = "must be a string, a URL or { host, port }, got ";
  const text = "must be a host, a host and port, or a ws:// or wss:// address";
  const wrong: [unknown, string][] = [
    [null, `the address ${shape}null`],
    [4000, `the address ${shape}4000; a port alone is { port: 4000 }`],
    [true, `the address ${shape}true`],
    [Promise.resolve("myhost"), `the address ${shape}a promise`],
    [new Date(0), `the address ${shape}a Date`],
    [[], "there must be at least one address, got an empty list"],
    [["a", null], `address 2 ${shape}null`],
    [["a", ["b"]], `address 2 ${shape}an array`],
    [[, "a"], `address 1 ${shape}nothing`],
    [["a", "b c"], `address 2 ${text}, got "b c"`],
    ["", `the address ${text}, got ""`],
    ["4000", `the address ${text} such as "127.0.0.1:4000", got "4000"`],
    [":4000", `the address ${text} such as "127.0.0.1:4000", got ":4000"`],
    ["ws:myhost", `the address ${text} such as "ws://myhost", got "ws:myhost"`],
    ["wss:/myhost", `the address ${text} such as "wss://myhost", got "wss:/myhost"`],
    ["ws:///myhost", `the address ${text}, got "ws:///myhost"`],
    ["ws//myhost", `the address ${text}, got "ws//myhost"`],
    ["ftp://myhost", `the address ${text}, got "ftp://myhost"`],
    ["/mq", `the address ${text}, got "/mq"`],
    ["my\nhost", `the address ${text}, got "my\\nhost"`],
    ["*", `the address ${text}, got "*"`],
    ["a,b", `the address ${text}, got "a,b"`],
    ["myhost:", `the address ${text} with a port from 1 to 65535, got "myhost:"`],
    ["ws://myhost:0", `the address ${text} with a port from 1 to 65535, got "ws://myhost:0"`],
    ["myhost:65536", `the address ${text} with a port from 1 to 65535, got "myhost:65536"`],
    ["myhost:http", `the address ${text}, got "myhost:http"`],
    ["myhost#x", `the address ${text} without a #, got "myhost#…"`],
    ["fe80::1%eth0", "without an IPv6 zone (%)"],
    ["[fe80::1%eth0]:5", "without an IPv6 zone (%)"],
    ["ws://u:secret%zz@myhost", `user name and password % encodes bytes`],
    [{ hostname: "a" }, 'there is no option "address.hostname" (there are: host, port)'],
    [{ host: "a", secure: true }, 'there is no option "address.secure"'],
    [{ host: 5 }, "host must be only an address or a name, got 5"],
    [{ host: "a:5" }, "the port is a separate option"],
    [{ port: 0 }, "port must be a whole number from 1 to 65535, got 0"],
    [{ port: 65536 }, "port must be a whole number from 1 to 65535, got 65536"],
    [{ port: 1.5 }, "port must be a whole number from 1 to 65535, got 1.5"],
    [{ port: "80" }, 'port must be a whole number from 1 to 65535, got "80"'],
  ];
  for (const [address, message] of wrong) {
    const { dial } = new ScriptedServer();
    const error = await assertRejects(() => connect(as(address), { dial }), Error, message);
    assertEquals(error.message.startsWith("Cannot connect: "), true, error.message);
    // A wrong type is a TypeError, a wrong value a RangeError.
    const isType = / must be a string, a URL|no option|got 5$|got "80"$/.test(message);
    assertEquals(error.name, isType ? "TypeError" : "RangeError", error.message);
    assertEquals(/secret/.test(error.message), false, error.message);
  }
});

Deno.test("an old or mixed-up call says what to write instead, without the values", async () => {
  const second = "Cannot connect: the address comes first and the options second: write ";
  const none = "Cannot connect: the address is no option, it comes first: write ";
  const here = "; undefined is the server of this machine, ws://127.0.0.1:30008";
  const kind = "Cannot connect: options must be an object, got ";
  const list = "; several addresses are one list: write connect([first, second], { … })";
  await using server = await serve({ port: 0 });
  const wrong: [unknown[], string][] = [
    [[{ url: "ws://secret" }], `${second}connect(url)`],
    [[server], `${second}connect(url)`],
    [[{ url: "ws://x", token: "secret" }], `${second}connect(url, { token })`],
    [[{ port: 5, token: "secret", since: 0 }], `${second}connect({ port }, { token, since })`],
    [[{ token: "secret" }], `${second}connect(undefined, { token })${here}`],
    [
      [{ reconnect: false }, { token: "secret" }],
      `${second}connect(undefined, { reconnect })${here}`,
    ],
    [["x", { port: 5 }], `${none}connect({ port })`],
    [["x", { url: "ws://y", token: "secret" }], `${none}connect(url, { token })`],
    [[undefined, { host: "x", port: 5 }], `${none}connect({ host, port })`],
    [["x", "secret"], `${kind}a string${list}`],
    [["x", ["secret"]], `${kind}an array${list}`],
    [["x", new URL("ws://secret")], `${kind}an object${list}`],
    [
      ["x", 4000],
      `${kind}4000; a port belongs to the address: write connect({ host, port }, { … })`,
    ],
    [
      ["x", {}, { token: "secret" }],
      "Cannot connect: connect takes an address and options, got an object",
    ],
  ];
  for (const [given, message] of wrong) {
    const error = await assertRejects(() => as(connect)(...given), TypeError);
    assertEquals(error.message, message);
  }
});
