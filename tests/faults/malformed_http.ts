/**
 * HTTP requests that no browser makes, as fast as possible: pipelined, with bodies, with expectations that are never
 * met, with headers at their limits. Beside them an honest neighbour, who must not notice.
 *
 * ```sh
 * deno run -A tests/faults/malformed_http.ts builtin|hardened [PART_OF_A_NAME | 1/2]
 * ```
 *
 * It takes about 60 s.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { maxMemory, MEMORY_LIMITS } from "./memory_limits.ts";
import { sleep } from "./sleep.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

/** How long each runs, in milliseconds, and over how many connections at a time. */
const [DURATION, CONNECTIONS] = [2500, 8];

/** A connection is closed after this many requests. */
const TIMES = 20;

/** What the runtime keeps after thousands of short connections, in bytes. */
const CHURN = 112 * 1024 * 1024;

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n";
const POST = "POST / HTTP/1.1\r\nHost: localhost\r\n";

/** An upgrade with more headers, and something after it. */
const upgrade = (headers: readonly string[], behind = "") => upgradeRequest(...headers) + behind;

const chunk = (text: string, extension = "") =>
  `${text.length.toString(16)}${extension}\r\n${text}\r\n`;

const long = (count: number, part: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => part(i)).join("");

/** The requests, by name. */
const REQUESTS: Readonly<Record<string, string>> = {
  "20 pages with an upgrade after them": `${GET}\r\n`.repeat(20) + upgradeRequest(),
  "an upgrade with 20 pages after it": upgrade([], `${GET}\r\n`.repeat(20)),
  "upgrades with a body": upgrade(["Content-Length: 5"], "hello"),
  "upgrades with a chunked body": upgrade(
    ["Transfer-Encoding: chunked"],
    `${chunk("hello")}0\r\nTrailer: value\r\n\r\n`,
  ),
  "upgrades that expect 100 Continue": upgrade(["Expect: 100-continue"]),
  "upgrades with another expectation": upgrade(["Expect: the unexpected"]),
  "pages that expect 100 Continue": `${POST}Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n`,
  "chunks with extensions and trailers": `${POST}Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n` +
    long(200, (i) => chunk("x", `;a${i}="${"y".repeat(50)}"`)) +
    `0\r\n${long(50, (i) => `X-${1e9 + 65_536 * i}: value\r\n`)}\r\n`,
  "one-byte chunks": `${POST}Transfer-Encoding: chunked\r\n\r\n${
    chunk("x").repeat(10_000)
  }0\r\n\r\n`,
  "a chunk without an end": `${POST}Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n${
    "x".repeat(60_000)
  }`,
  "two lengths": `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
  "a length and chunks":
    `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET`,
  "offers of odd windows": upgrade(
    Array.from(
      { length: 100 },
      (_, i) =>
        `Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=${
          i - 50
        }; client_max_window_bits="${i}"; server_max_window_bits=9`,
    ),
  ),
  "60 kB of offers": upgrade([
    `Sec-WebSocket-Extensions: ${long(1500, (i) => `permessage-deflate; x${i}="y",`)} z`,
  ]),
  "32 tokens as subprotocols": upgrade([
    `Sec-WebSocket-Protocol: dsmq, ${
      Array.from({ length: 31 }, () => `dsmq.token.${"QUFB".repeat(340)}`).join(", ")
    }`,
  ]),
  "16 kB of cookies": upgrade([`Cookie: ${long(800, (i) => `a${i}=${"x".repeat(12)}; `)}`]),
  "a token of 60 kB": upgrade([`Authorization: Bearer ${"x".repeat(60_000)}`]),
  "a token of tabs and spaces": upgrade([`Authorization: Bearer${"\t ".repeat(30_000)}x`]),
  "thousands of words in Authorization": upgrade([
    `Authorization: ${"bearer,".repeat(8000)} bearer x`,
  ]),
  "thousands of words in Connection": upgrade([`Connection: ${"close, ".repeat(8000)}upgrade`]),
  "thousands of words in Upgrade": upgrade([`Upgrade: ${"h2c, ".repeat(10_000)}websocket`]),
  "100 forwarded addresses": upgrade(
    Array.from({ length: 100 }, (_, i) => `X-Forwarded-For: ::ffff:10.0.0.${i}, fe80::1%eth${i}`),
  ),
  "an origin of 60 kB": upgrade([`Origin: http://${"a.".repeat(30_000)}example`]),
  "an address of 60 kB": `GET /${"../".repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  "an address of escapes": `GET /${"%2e%2e/".repeat(8000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  "an address with a scheme, of 60 kB": `GET http://localhost:1/${
    "a?b#c;d/..".repeat(6000)
  } HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  "a host with a zone": "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]:80\r\n\r\n",
  "a host of 1,000 brackets": `GET / HTTP/1.1\r\nHost: ${"[:".repeat(500)}\r\n\r\n`,
  "a host of 1,000 letters beyond ASCII": `GET / HTTP/1.1\r\nHost: ${"ß".repeat(500)}\r\n\r\n`,
  "a host of 250 names": `GET / HTTP/1.1\r\nHost: ${"xn--a.".repeat(170)}\r\n\r\n`,
  "HTTP/1.0, kept alive": `GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n`,
  "an unknown method": `FROBNICATE / HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  "requests for a tunnel": `CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n`,
  "an upgrade to HTTP/2": `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n` +
    `HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
  "folded headers": `${GET}X: a\r\n${" b\r\n".repeat(5000)}\r\n`,
  "empty lines before the request": "\r\n".repeat(20_000) + `${GET}\r\n`,
};

function trial(name: string, request: string): AttackRun {
  const bytes = new TextEncoder().encode(request);
  return {
    name,
    options: { limits: MEMORY_LIMITS, auth: { anonymous: {}, tokens: [{ token: "good" }] } },
    token: "good",
    memory: maxMemory(CONNECTIONS) + CHURN,
    async attack({ port }) {
      const end = performance.now() + DURATION;
      let [came, sent] = [0, 0];
      const statuses = new Map<string, number>();
      await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
        while (performance.now() < end) {
          const client = await RawSocket.connect(port).catch(() => undefined);
          if (!client) {
            await sleep(5);
            continue;
          }
          came++;
          // A peer that gets no answer, or is disconnected, connects again.
          const timer = setTimeout(() => client.cut(), 1000);
          const status = client.head().then((head) => head.split(" ", 2)[1] ?? "none");
          for (let i = 0; i < TIMES && performance.now() < end; i++) {
            if (!await client.send(bytes).then(() => true, () => false)) break;
            sent += bytes.length;
          }
          const seen = await status;
          statuses.set(seen, (statuses.get(seen) ?? 0) + 1);
          clearTimeout(timer);
          client.cut();
        }
      }));
      const seen = [...statuses].map(([status, count]) => `${count} × ${status}`).join(", ");
      return { connections: came, bytes: sent, seen };
    },
  };
}

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const trials = Object.entries(REQUESTS).map(([name, request]) => trial(name, request));
  await runAttacks("Odd requests", transport as TransportChoice, trials, which);
}
