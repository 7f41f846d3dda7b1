/**
 * HTTP of load balancers, old programs, attackers and mistakes.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ServedRequest } from "../../transports/node_http_request.ts";
import { upgradeRequest } from "../support/raw_socket.ts";
import { openServer } from "../support/open_server.ts";
import { HOST, httpRequest } from "../support/raw_http.ts";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: /health answers load balancers in their own way, and logs nothing`, async () => {
    const logged: unknown[] = [];
    const log = {
      info() {},
      warn: (line: unknown) => void logged.push(line),
      error: console.error,
    };
    await using server = await openServer({ transport, log });
    const cases: [string, number][] = [
      [`GET /health HTTP/1.1\r\n${HOST}`, 200],
      ["GET /health HTTP/1.1", 200],
      ["GET /health HTTP/1.1\r\nHost:", 200],
      ["GET /health HTTP/1.0", 200],
      ["HEAD /health HTTP/1.0", 200],
      [`HEAD /health HTTP/1.1\r\n${HOST}`, 200],
      ["OPTIONS /health HTTP/1.0", 204],
      ["OPTIONS / HTTP/1.0", 204],
      ["OPTIONS * HTTP/1.0", 204],
      [`OPTIONS /health HTTP/1.1\r\n${HOST}`, 204],
      [`GET /health?from=%zz HTTP/1.1\r\n${HOST}`, 200],
      [`GET http://localhost/health HTTP/1.1\r\n${HOST}`, 200],
      [`POST /health HTTP/1.1\r\n${HOST}\r\nContent-Length: 0`, 405],
      [`DELETE /health HTTP/1.1\r\n${HOST}`, 405],
    ];
    for (const [request, expected] of cases) {
      const { status, head, body } = await httpRequest(server.port, request);
      assertEquals(status, expected, request);
      if (request.startsWith("GET")) assertEquals(body, "ok\n");
      if (status === 204 || status === 405) {
        assert(/^allow: GET, HEAD, OPTIONS\r$/im.test(head), head);
      }
    }
    assertEquals([logged, server.stats().refused], [[], 0]);
  });

  Deno.test(`${transport}: a target that is no path and no address gets an error, and no page`, async () => {
    await using server = await openServer({ transport });
    for (const target of ["*", "topics", "?x", "health"]) {
      const { status, body } = await httpRequest(
        server.port,
        `GET ${target} HTTP/1.1\r\n${HOST}\r\nConnection: close`,
      );
      assert(status === 400 || status === 404, `${target}: ${status} ${body}`);
    }
  });

  Deno.test(`${transport}: a request with no host or a wrong one gets nothing else`, async () => {
    await using server = await openServer({ transport });
    const cases = [
      "GET / HTTP/1.1",
      "GET / HTTP/1.0",
      "GET / HTTP/1.1\r\nHost:",
      "GET /health HTTP/1.1\r\nHost: evil.test",
      "OPTIONS / HTTP/1.1\r\nHost: evil.test",
      upgradeRequest().trimEnd().replace(`${HOST}\r\n`, ""),
    ];
    for (const request of cases) {
      const { status, body } = await httpRequest(server.port, request);
      assertEquals(status, 403, request);
      assertStringIncludes(body, "the Host ");
    }
    assertEquals(server.stats().refused, cases.length);
  });

  Deno.test(`${transport}: 64 KiB of headers and a hundred of them are accepted; much more is refused with a status`, async () => {
    await using server = await openServer({ transport });
    /** A request of this many bytes in all. */
    const padded = (request: string, bytes: number) => {
      const cookie = "\r\nCookie: a=";
      return request + cookie + "x".repeat(bytes - request.length - cookie.length - 4);
    };
    const upgrade = padded(upgradeRequest().trimEnd(), 64 * 1024);
    assertEquals((await httpRequest(server.port, upgrade)).status, 101);
    const page = `GET /health HTTP/1.1\r\n${HOST}`;
    assertEquals((await httpRequest(server.port, padded(page, 64 * 1024))).status, 200);
    const many = Array.from({ length: 100 }, (_, i) => `X-${i}: value`).join("\r\n");
    assertEquals((await httpRequest(server.port, `${page}\r\n${many}`)).status, 200);
    for (const bytes of [100_000, 200_000, 500_000]) {
      const large = await httpRequest(server.port, padded(page, bytes));
      assertEquals(large.status, transport === "hardened" ? 431 : 400, `${bytes} bytes`);
    }
    assertEquals((await httpRequest(server.port, page)).status, 200);
  });

  Deno.test(`${transport}: a request has at most 128 headers, and more are not silently dropped`, async () => {
    await using server = await openServer({ transport });
    const more = (count: number) => Array.from({ length: count }, (_, i) => `${1e9 + i}: value`);
    // If it were dropped, a foreign page could connect.
    const origin = "Origin: http://evil.example";
    for (const [count, upgrade, page] of [[122, 101, 200], [123, 403, 200], [127, 403, 200]]) {
      const headers = count === 122 ? more(122) : [...more(count! - 1), origin];
      const plain = `GET /health HTTP/1.1\r\n${HOST}\r\n${headers.join("\r\n")}`;
      assertEquals((await httpRequest(server.port, plain)).status, page, `${count}`);
      if (count! > 123) continue;
      assertEquals(
        (await httpRequest(server.port, upgradeRequest(...headers).trimEnd())).status,
        upgrade,
      );
    }
    const status = transport === "hardened" ? 431 : 400;
    for (const count of [128, 1500, 5000]) {
      const headers = [...more(count - 1), origin];
      const plain = `GET / HTTP/1.1\r\n${HOST}\r\n${headers.join("\r\n")}`;
      assertEquals((await httpRequest(server.port, plain)).status, status, `${count}`);
      assertEquals(
        (await httpRequest(server.port, upgradeRequest(...headers).trimEnd())).status,
        status,
      );
    }
  });

  Deno.test(`${transport}: a Host that is far too long is refused unread`, async () => {
    const [parse, Url] = [URL.parse, Request];
    const read: number[] = [];
    let isSeen = false;
    URL.parse = (url, base) => {
      read.push(`${url}`.length);
      return parse.call(URL, url, base);
    };
    globalThis.Request = class extends Url {
      constructor(input: RequestInfo | URL, init?: RequestInit) {
        read.push(`${input}`.length);
        isSeen = true;
        super(input, init);
      }
    };
    // This one calls what it was derived from, not what has that name now.
    Object.setPrototypeOf(ServedRequest, Request);
    try {
      await using server = await openServer({ transport });
      assertEquals((await httpRequest(server.port, `GET / HTTP/1.1\r\n${HOST}`)).status, 200);
      const label = String.fromCharCode(...Array.from({ length: 990 }, (_, i) => 0x4e00 + i));
      for (const host of [Array(20).fill(label).join("."), "é".repeat(513), "a".repeat(1025)]) {
        for (const request of [`GET / HTTP/1.1\r\n${HOST}`, upgradeRequest().trimEnd()]) {
          const { status } = await httpRequest(server.port, request.replace(HOST, `Host: ${host}`));
          assertEquals(status, transport === "hardened" ? 400 : 403);
        }
      }
    } finally {
      [URL.parse, globalThis.Request] = [parse, Url];
      Object.setPrototypeOf(ServedRequest, Url);
    }
    assertEquals(read.filter((length) => length > 1024), []);
    assert(transport === "builtin" || isSeen, "requests of hardened are not seen");
  });

  Deno.test(`${transport}: an invalid upgrade is answered with its mistake`, async () => {
    await using server = await openServer({ transport });
    const cases: [string, RegExp, string, number, string][] = [
      ["no key", /Sec-WebSocket-Key.*\r\n/, "", 400, "Sec-WebSocket-Key"],
      [
        "a short key",
        /Sec-WebSocket-Key.*\r\n/,
        "Sec-WebSocket-Key: short\r\n",
        400,
        "Sec-WebSocket-Key",
      ],
      ["version 12", /Version: 13/, "Version: 12", 426, 'must be 13, got "12"'],
      ["no version", /Sec-WebSocket-Version.*\r\n/, "", 400, "Sec-WebSocket-Version is missing"],
      ["two versions", /Version: 13/, "Version: 13, 8", 426, 'must be 13, got "13, 8"'],
      ["it twice", /(Sec-.*: 13\r\n)/, "$1$1", 426, 'must be 13, got "13, 13"'],
      ["version +13", /Version: 13/, "Version: +13", 426, 'must be 13, got "+13"'],
      ["version 013", /Version: 13/, "Version: 013", 426, 'must be 13, got "013"'],
      ["no Connection", /Connection: Upgrade\r\n/, "", 400, "Connection: Upgrade"],
      [
        "33 subprotocols",
        /$/,
        `\r\nSec-WebSocket-Protocol: dsmq${", 7".repeat(32)}`,
        400,
        "at most 32 subprotocols",
      ],
    ];
    for (const [what, from, to, expected, reason] of cases) {
      const { status, head, body } = await httpRequest(
        server.port,
        upgradeRequest().trimEnd().concat("\r\nX: y").replace(from, to),
      );
      assertEquals(status, expected, what);
      assertStringIncludes(body, reason);
      if (/Version|13/.test(reason)) assert(/^sec-websocket-version: 13\r$/im.test(head), head);
    }
    const post = upgradeRequest("Content-Length: 0").trimEnd().replace("GET", "POST");
    assertEquals((await httpRequest(server.port, post)).status, 400);
    assertEquals(server.stats().connections, 0);
    const both = upgradeRequest().trimEnd().replace(
      "Connection: Upgrade",
      "Connection: keep-alive, upgrade",
    );
    assertEquals((await httpRequest(server.port, both)).status, 101);
  });

  Deno.test(`${transport}: invalid HTTP is answered with 400, and the next request is served`, async () => {
    await using server = await openServer({ transport });
    const hello = new Uint8Array([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, ...new Uint8Array(60)]);
    const cases: (string | Uint8Array)[] = [
      "hello",
      hello,
      `GET / HTTP/3.7\r\n${HOST}`,
      `GET / HTTP/1.1\r\n${HOST}\r\nBad Header`,
      `GET /a b HTTP/1.1\r\n${HOST}`,
      `GET / HTTP/1.1\r\n${HOST}\r\nX: a\0b`,
      `POST / HTTP/1.1\r\n${HOST}\r\nContent-Length: x`,
      `POST / HTTP/1.1\r\n${HOST}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked`,
      `GET / HTTP/1.1\r\n${HOST}\r\nHost: evil.test`,
    ];
    for (const request of cases) {
      const { status, head } = await httpRequest(server.port, request);
      assertEquals(status, 400, `${request}: ${head}`);
    }
    const { status, body } = await httpRequest(
      server.port,
      `CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80`,
    );
    assertEquals(status, 405, body);
    assertEquals((await httpRequest(server.port, `GET /health HTTP/1.1\r\n${HOST}`)).body, "ok\n");
  });

  Deno.test(`${transport}: bodies, paths and methods of all kinds are answered`, async () => {
    await using server = await openServer({ transport });
    const cases: [string, number][] = [
      [`POST / HTTP/1.1\r\n${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0`, 405],
      [`PUT / HTTP/1.1\r\n${HOST}\r\nContent-Length: 2\r\n\r\nhi`, 405],
      [`GET /%zz HTTP/1.1\r\n${HOST}`, 404],
      [`GET //health HTTP/1.1\r\n${HOST}`, 404],
      [`GET /health/ HTTP/1.1\r\n${HOST}`, 404],
      [`GET /${"a".repeat(10_000)} HTTP/1.1\r\n${HOST}`, 404],
    ];
    for (const [request, expected] of cases) {
      assertEquals(
        (await httpRequest(server.port, request)).status,
        expected,
        request.slice(0, 60),
      );
    }
  });
}
