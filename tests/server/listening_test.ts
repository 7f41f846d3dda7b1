/**
 * Where a server listens, and under which names it is reached: errors are one sentence.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { listenHost, toListenError } from "../../server/addresses.ts";
import { RawClient } from "../support/raw_client.ts";
import { UPGRADE } from "../support/raw_socket.ts";
import type { ServeOptions } from "../../server.ts";
import { openServer, quiet } from "../support/open_server.ts";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a server that cannot listen says why in one sentence (${transport})`, async () => {
    await using first = await openServer({ transport });
    const { port } = first;
    const cases: [host: string, port: number, reason: string][] = [
      ["127.0.0.1", port, `Cannot serve on 127.0.0.1:${port}: the port is taken`],
      // From the address blocks that are reserved for documentation.
      ["192.0.2.1", 0, "Cannot serve on 192.0.2.1:0: this machine does not have the address"],
      ["2001:db8::1", 0, "Cannot serve on [2001:db8::1]:0: this machine does not have the address"],
      [
        "name.invalid",
        0,
        "Cannot serve on name.invalid:0: no address is known for this name",
      ],
    ];
    for (const [host, port, reason] of cases) {
      const error = await assertRejects(() => openServer({ host, port, transport }), Error);
      assertEquals(error.message, reason);
    }
  });

  Deno.test(`an address in brackets is an address, and a loopback address stays one (${transport})`, async () => {
    const warnings: string[] = [];
    const log = { ...quiet, warn: (text: string) => warnings.push(text) };
    await using server = await openServer({ host: "[::1]", transport, log });
    assertEquals([server.host, server.url], ["::1", `ws://[::1]:${server.port}`]);
    assertEquals(warnings, []);
  });

  Deno.test(`a client that is refused for its host or origin learns which option allows it (${transport})`, async () => {
    const warnings: string[] = [];
    const log = { ...quiet, warn: (text: string) => warnings.push(text) };
    await using server = await openServer({ transport, log });
    const { port } = server;
    const own = `127.0.0.1:${port}`;
    const host = 'the Host "evil.test" is not a name of this server; --allow-host (allowedHosts)';
    const origin = 'the Origin "http://evil.test" is not allowed; --allow-origin (allowedOrigins)';
    const cases: [Record<string, string>, string][] = [
      [{ Host: "evil.test" }, host],
      [{ Host: "evil.test", ...UPGRADE }, host],
      [{ Host: own, Origin: "http://evil.test", ...UPGRADE }, origin],
    ];
    for (const [headers, reason] of cases) {
      using handshake = await RawClient.handshake(port, { Connection: "close", ...headers });
      assertEquals(handshake.status, 403);
      const received = handshake.received.join("").replaceAll('\\"', '"');
      assertStringIncludes(received, `Cannot connect: ${reason} allows it`);
    }
    assertStringIncludes(
      warnings[0] ?? "",
      `dsmq: refused a request from 127.0.0.1: Cannot connect: ${host} allows it`,
    );
  });

  Deno.test(`the log names the address of a refused client, and the option that would allow it (${transport})`, async () => {
    const listener = { "Sec-WebSocket-Protocol": "dsmq" };
    const bad = { Authorization: "Bearer bad" };
    const token = "--token, --token-file or --jwt-secret-file (auth)";
    const cases: [ServeOptions, Record<string, string>[], named: string][] = [
      [{ auth: "good" }, [{}], token],
      [{ auth: "good" }, [bad], token],
      [{ auth: "good" }, [{ ...bad, ...listener }], token],
      [{ limits: { connections: 1 } }, [{}, {}], "--max-connections (limits.connections)"],
      [
        { limits: { connectionsPerAddress: 1 } },
        [{}, {}],
        "--max-connections-per-address (limits.connectionsPerAddress)",
      ],
      [
        { auth: "good", limits: { pendingConnections: 1 } },
        [listener, listener],
        "--max-pending-connections (limits.pendingConnections)",
      ],
    ];
    for (const [options, headers, named] of cases) {
      const warnings: string[] = [];
      const log = { ...quiet, warn: (text: string) => warnings.push(text) };
      await using server = await openServer({ transport, log, ...options });
      using handshakes = new DisposableStack();
      const Host = `127.0.0.1:${server.port}`;
      for (const more of headers) {
        handshakes.use(await RawClient.handshake(server.port, { Host, ...UPGRADE, ...more }));
      }
      assertStringIncludes(warnings[0] ?? "", "dsmq: refused a request from 127.0.0.1: ");
      assertStringIncludes(warnings[0]!, `; ${named} sets `);
    }
  });

  Deno.test(`a server with a name beyond ASCII is reached by its ASCII form (${transport})`, async () => {
    await using server = await openServer({ transport, allowedHosts: ["Bücher.example"] });
    for (const Host of ["xn--bcher-kva.example", "bücher.example"]) {
      using page = await RawClient.handshake(server.port, { Host, Connection: "close" });
      assertEquals(page.status, 200, Host);
    }
  });
}

Deno.test("an address or a name to listen on has nothing around it", async () => {
  const good: [string, string][] = [
    ["127.0.0.1", "127.0.0.1"],
    ["::", "::"],
    ["[::1]", "::1"],
    ["[fe80::1%eth0]", "fe80::1%eth0"],
    ["mq_1.example.org", "mq_1.example.org"],
    ["bücher.example", "xn--bcher-kva.example"],
  ];
  for (const [given, host] of good) assertEquals(listenHost(given), host);
  const bad: [string, string][] = [
    ["127.0.0.1:30329", "the port is a separate option"],
    ["[::1]:30329", "the port is a separate option"],
    ["localhost:", "the port is a separate option"],
    [":30008", "the port is a separate option"],
    ["localhost/x", "it has a path"],
    ["ws://localhost", "it has a scheme"],
    ["*", "0.0.0.0, or ::"],
    ["::1%lo", "only an address that begins with fe80 has a zone"],
    ["::g", "it is not an IPv6 address"],
    ["[::1", "it is not an IPv6 address"],
    ["[127.0.0.1]", "only IPv6 addresses have brackets"],
    ["no such host", "a name has letters"],
    ["a@b", "it has the name of a user"],
  ];
  for (const [host, reason] of bad) {
    const error = await assertRejects(() => openServer({ host }), RangeError);
    assertStringIncludes(error.message, "Cannot serve: host must be an address or a name, got ");
    assertStringIncludes(error.message, reason, host);
  }
});

Deno.test("a port that needs more privileges is distinguished from a forbidden one", () => {
  const denied = Object.assign(new Error("listen EACCES: permission denied"), { code: "EACCES" });
  assertEquals(
    toListenError("127.0.0.1", 80, denied).message,
    "Cannot serve on 127.0.0.1:80: ports below 1024 need rights that this process does not have",
  );
  assertEquals(
    toListenError("127.0.0.1", 30008, denied).message,
    "Cannot serve on 127.0.0.1:30008: listen EACCES: permission denied",
  );
});
