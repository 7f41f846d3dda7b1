/**
 * What a server logs: an event for each way in which a client is refused or cut, and for each act of an administrator.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { maxRequestFrameBytes } from "../../protocol/frame_sizes.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import type { LogEvent } from "../../queue/log_event.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { headers } from "../auth/auth_support.ts";
import { until } from "../support/bridge.ts";
import { openLogging } from "../support/logging_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { clientFrame, getRequest, RawSocket, UPGRADE } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

const TRANSPORTS = ["builtin", "hardened"] as const;

/** What of an event programs rely on, and its reason. */
function known({ event, address, reason, fields }: LogEvent): unknown[] {
  return [event, address, fields?.code, reason];
}

for (const transport of TRANSPORTS) {
  Deno.test(`${transport}: each refused request is an event with its code, its address and why`, async () => {
    await using logging = await openLogging({ transport, auth: "secret" });
    const { server, events } = logging;
    const { port } = server;
    const host = `localhost:${port}`;
    const requests: [headers: Record<string, string | undefined>, code: string, why: string][] = [
      [{ Host: "evil.example" }, "permission_denied", 'the Host "evil.example" is not a name'],
      [{ Origin: "https://evil" }, "permission_denied", 'the Origin "https://evil" is not allowed'],
      [{}, "unauthorized", "a token is needed"],
      [{ Authorization: "Bearer wrong" }, "unauthorized", "the token is not valid"],
      [
        { "Sec-WebSocket-Version": "8" },
        "bad_request",
        'Sec-WebSocket-Version must be 13, got "8"',
      ],
      [{ "Sec-WebSocket-Key": undefined }, "bad_request", "Sec-WebSocket-Key must be 16 bytes"],
    ];
    for (const [more, code, why] of requests) {
      using client = await RawClient.handshake(port, { Host: host, ...UPGRADE, ...more });
      assert(client.status >= 400, `${client.status}`);
      const last = events.at(-1)!;
      assertEquals(known(last).slice(0, 3), ["request_refused", "127.0.0.1", code]);
      assert(`${last.reason}`.includes(why), `${last.reason}`);
    }
    assertEquals(events.length, requests.length);
    using client = await RawClient.handshake(port, headers(port));
    await client.request({ action: "hello", id: 1, token: "wrong" });
    assertEquals(known(events.at(-1)!), [
      "request_refused",
      "127.0.0.1",
      "unauthorized",
      "Access denied: the token is not valid",
    ]);
    assertEquals(server.stats().refused, events.length);
  });

  Deno.test(`${transport}: a client that needs a token and sends none in time is an event`, async () => {
    const clock = new ManualClock();
    await using logging = await openLogging({ transport, auth: "secret", clock });
    using _client = await RawClient.handshake(logging.server.port, headers(logging.server.port));
    await until(() => logging.server.stats().pendingConnections === 1);
    clock.advance(60_000);
    const [first] = logging.events;
    assertEquals(known(first!).slice(0, 3), ["request_refused", "127.0.0.1", "unauthorized"]);
  });

  Deno.test(`${transport}: a limit of connections, in all or of an address, is an event that names its option`, async () => {
    for (
      const [limit, option] of [
        ["connections", "--max-connections "],
        ["connectionsPerAddress", "--max-connections-per-address "],
      ] as const
    ) {
      await using logging = await openLogging({ transport, limits: { [limit]: 1 } });
      const { port } = logging.server;
      using _first = await RawClient.open(logging.server.url);
      using second = await RawClient.handshake(port, { Host: `localhost:${port}`, ...UPGRADE });
      assert([429, 503].includes(second.status), `${second.status}`);
      const [event] = logging.events;
      assertEquals(known(event!).slice(0, 3), ["request_refused", "127.0.0.1", "limit_exceeded"]);
      assert(event!.advice!.startsWith(option), event!.advice);
    }
  });

  Deno.test(`${transport}: a connection that is closed for what it sends is an event that says so`, async () => {
    const limits = { errorsPerMinute: 3, messageBytes: 1000 };
    await using logging = await openLogging({ transport, limits });
    const reasons = () =>
      logging.events.filter(({ event }) =>
        event === "connection_closed" || event === "peer_dropped"
      )
        .map(({ reason }) => reason);
    {
      using client = await RawClient.open(logging.server.url);
      for (let id = 0; id < 5; id++) void client.send({ action: "get", id, topic: "" });
      await withTimeout(client.closed);
    }
    assertEquals(reasons(), ["too many requests failed"]);
    {
      using client = await RawClient.open(logging.server.url);
      const tooLarge = maxRequestFrameBytes({ ...DEFAULT_LIMITS, ...limits }) + 1;
      void client.send("x".repeat(tooLarge));
      await withTimeout(client.closed);
    }
    await until(() => reasons().length === 2);
    assertMatch(`${reasons()[1]}`, /a frame is too large|Max payload size exceeded/);
  });

  Deno.test(`${transport}: a slow reader that is cut is an event with its address`, async () => {
    const clock = new ManualClock();
    await using logging = await openLogging({ transport, clock });
    const { server, events } = logging;
    using reader = await RawSocket.connect(server.port);
    await reader.send(getRequest({ Host: `localhost:${server.port}`, ...UPGRADE }));
    await reader.head();
    {
      await using putter = await RawClient.open(server.url);
      const body = "x".repeat(900_000);
      // More than all buffers of the system hold; the reader reads none of that.
      for (let id = 1; id <= 20; id++) {
        const { seq } = await putter.request({ action: "put", id, topic: "t", body });
        assertEquals(seq, id);
      }
    }
    for (let id = 1; id <= 20; id++) {
      await reader.send(clientFrame(1, JSON.stringify({ action: "get", id, topic: "t" })));
    }
    const dropped = () => events.find(({ event }) => event === "slow_reader_dropped");
    await until(() => {
      clock.advance(1000);
      return dropped() !== undefined;
    });
    const { address, reason, message } = dropped()!;
    assertEquals([address, message], ["127.0.0.1", "dropped a peer"]);
    assertMatch(`${reason}`, /^it read nothing for \d+ s$/);
    assertEquals(server.stats().dropped, 1);
  });

  Deno.test(`${transport}: what administrators do is an event each, with who has done it`, async () => {
    const auth = {
      tokens: [
        { token: "the-admin", permissions: ["read", "write", "admin"] as const },
        { token: "no-admin" },
      ],
    };
    await using logging = await openLogging({ transport, auth, allowShutdown: true });
    const { port } = logging.server;
    const { events } = logging;
    using other = await RawClient.handshake(port, headers(port, "no-admin"));
    await other.request({ action: "put", id: 1, topic: 'a "topic"', body: "one" });
    using client = await RawClient.handshake(port, headers(port, "the-admin"));
    const { connections } = await client.request({ action: "connections", id: 1, count: 9 });
    const [{ id }, { identity }] = connections;
    const who = `an administrator at 127.0.0.1 with the token ${identity.slice(0, 12)}`;
    const by = { address: "127.0.0.1", identity: identity.slice(0, 12) };
    const requests: [request: object, event: string | undefined, act: string, fields: object][] = [
      [
        { action: "purge", topic: 'a "topic"' },
        "admin_purge",
        'purged "a \\"topic\\"": 1 message',
        { topic: 'a "topic"', before: undefined, messages: 1 },
      ],
      [
        { action: "purge", topic: "none", before: { time: 1e15 } },
        "admin_purge",
        'purged "none" before +033658-09-27T01:46:40.000Z: 0 messages',
        { topic: "none", before: "+033658-09-27T01:46:40.000Z", messages: 0 },
      ],
      [
        { action: "purge", topic: "none", before: { ago: 60_000 } },
        "admin_purge",
        'purged "none" before 60000 ms ago: 0 messages',
        { topic: "none", before: "60000 ms ago", messages: 0 },
      ],
      [{ action: "backup" }, "admin_backup", "backs up all messages", {}],
      // The same backup.
      [{ action: "backup", topicsAfter: "" }, undefined, "", {}],
      [{ action: "connections", count: 9 }, undefined, "", {}],
      [{ action: "disconnect", connection: id }, "admin_disconnect", `disconnected ${id}`, { id }],
      [{ action: "shutdown" }, "admin_shutdown", "stops the server", {}],
    ];
    for (const [i, [request, event, act, fields]] of requests.entries()) {
      const before = events.length;
      const reply = await client.request({ ...request, id: 10 + i });
      assertEquals(reply.error, undefined);
      const admin = events.slice(before).filter(({ event }) => event.startsWith("admin_"));
      const expected = { event, message: `${who} ${act}`, fields: { ...fields, ...by } };
      assertEquals(admin as unknown[], event === undefined ? [] : [expected]);
    }
    // What is refused is no act.
    await other.closed;
    await logging.server.finished;
  });
}

Deno.test("an act of an administrator that is refused is a refused request, and no act", async () => {
  const auth = { tokens: [{ token: "secret", permissions: ["read", "write"] as const }] };
  await using logging = await openLogging({ auth, allowShutdown: true });
  const { port } = logging.server;
  using client = await RawClient.handshake(port, headers(port, "secret"));
  for (const action of ["purge", "backup", "disconnect", "shutdown"]) {
    const request = { action, id: 1, topic: "t", connection: "kqzv-1" };
    assertEquals((await client.request(request)).error.code, "permission_denied");
  }
  const names = logging.events.map(({ event }) => event);
  assertEquals(names, Array(4).fill("request_refused"));
});

Deno.test("a server without tokens says that an administrator had none", async () => {
  await using logging = await openLogging();
  using client = await RawClient.open(logging.server.url);
  await client.request({ action: "purge", id: 1, topic: "t" });
  const [{ message, fields }] = logging.events as [LogEvent];
  assertEquals(message, 'an administrator at 127.0.0.1 without a token purged "t": 0 messages');
  assertEquals(fields?.identity, undefined);
});
