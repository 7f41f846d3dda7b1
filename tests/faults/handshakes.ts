/**
 * Attackers that never reach a WebSocket: half a TLS handshake, floods of HTTP/2, connections opened
 * and dropped. Beside them an honest neighbour, who must not notice. Linux alone.
 *
 * ```sh
 * deno run -A tests/faults/handshakes.ts [builtin|hardened] [PART_OF_A_NAME|K/N]
 * ```
 *
 * It takes about 40 s.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { ROOT } from "../support/program.ts";
import type { ChildOptions } from "./child_server.ts";
import { maxMemory, MEMORY_LIMITS } from "./memory_limits.ts";
import { sleep } from "./sleep.ts";
import { HTTP2, type PlatformLimit } from "./platform_limits.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

/** How many connect at a time. */
const TOGETHER = 100;

/** How long an attack continues once everything has been sent, in milliseconds. */
const GOES_ON = 2000;

/** Sends bytes; an error if the other end has gone. */
type Send = (part: string | Uint8Array) => Promise<void>;

interface Attack {
  readonly name: string;
  readonly connections: number;
  /** How many of them are open at a time. Default: all. */
  readonly atOnce?: number;
  readonly tls?: true;
  /** Over `builtin` this cannot be promised. */
  readonly builtin?: PlatformLimit;
  /** What one of the connections does. */
  act(send: Send, client: RawSocket): Promise<void>;
}

/** A frame of HTTP/2. */
function h2(
  type: number,
  flags: number,
  stream: number,
  payload: readonly number[] = [],
): number[] {
  const { length } = payload;
  return [
    ...[length >> 16, length >> 8, length, type, flags],
    ...[stream >> 24, stream >> 16, stream >> 8, stream].map((byte) => byte & 255),
    ...payload,
  ];
}

const PREFACE = [...new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ...h2(4, 0, 0)];
/** `GET / http`, and the authority `a`. */
const REQUEST = [0x82, 0x84, 0x86, 0x41, 1, 97];

function many(count: number, frames: (stream: number) => number[]): Uint8Array {
  return new Uint8Array(Array.from({ length: count }, (_, i) => frames(2 * i + 1)).flat());
}

/** The start of a TLS handshake, with the length that it announces. */
const HELLO = new Uint8Array([22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3, ...Array(32).fill(7)]);

/** Connections use HTTP/2, and send the same frames this many times. */
function h2Flood(what: string, times: number, bytes: Uint8Array): Attack {
  return {
    name: `HTTP/2: ${what}`,
    connections: 20,
    async act(send) {
      await send(new Uint8Array(PREFACE));
      for (let i = 0; i < times; i++) await send(bytes);
    },
  };
}

const ATTACKS: readonly Attack[] = [
  { name: "TLS: silent connections", connections: 2000, tls: true, act: async () => {} },
  {
    name: "TLS: half a ClientHello",
    connections: 2000,
    tls: true,
    act: (send) => send(HELLO),
  },
  {
    name: "TLS: a ClientHello of 16 kB, byte by byte",
    connections: 300,
    tls: true,
    async act(send) {
      await send(HELLO);
      for (let i = 0; i < 500; i++) {
        await send(new Uint8Array(1));
        await sleep(5);
      }
    },
  },
  {
    name: "TLS: invalid bytes",
    connections: 500,
    tls: true,
    act: (send) => send(new Uint8Array(100_000).fill(255)),
  },
  h2Flood(
    "streams that are reset at once",
    1,
    many(2000, (s) => [...h2(1, 5, s, REQUEST), ...h2(3, 0, s, [0, 0, 0, 8])]),
  ),
  {
    ...h2Flood(
      "2,000 streams at once, with unread responses",
      1,
      many(2000, (s) => h2(1, 5, s, REQUEST)),
    ),
    builtin: HTTP2,
  },
  {
    ...h2Flood(
      "pings with unread replies",
      20,
      many(5000, () => h2(6, 0, 0, Array(8).fill(0))),
    ),
    builtin: HTTP2,
  },
  {
    ...h2Flood("settings with unread replies", 20, many(5000, () => h2(4, 0, 0))),
    builtin: HTTP2,
  },
  {
    name: "HTTP/2: headers without an end",
    connections: 20,
    builtin: HTTP2,
    async act(send) {
      await send(new Uint8Array(PREFACE));
      await send(new Uint8Array(h2(1, 1, 1, REQUEST)));
      const more = many(100, () => h2(9, 0, 1, [0x40, 1, 120, 100, ...Array(100).fill(97)]));
      for (let i = 0; i < 500; i++) await send(more);
    },
  },
  {
    name: "WebSockets that are opened and dropped",
    connections: 5000,
    atOnce: TOGETHER,
    async act(send, client) {
      await send(upgradeRequest());
      await client.head();
      client.cut();
    },
  },
];

function trial(
  { name, connections, atOnce = connections, builtin, tls, act }: Attack,
  certificate: Pick<ChildOptions, "cert" | "key">,
): AttackRun {
  return {
    name,
    options: { limits: MEMORY_LIMITS, ...tls && certificate },
    // None of them gets as far as a request.
    memory: maxMemory(atOnce, MEMORY_LIMITS.totalPartialBytes),
    builtin,
    async attack({ port }, stack) {
      let [remaining, bytes] = [connections, 0];
      await Promise.all(Array.from({ length: TOGETHER }, async () => {
        while (remaining-- > 0) {
          // It may not be accepted.
          const client = await RawSocket.connect(port).catch(() => undefined);
          if (!client) continue;
          stack.use(client);
          const send: Send = async (part) => {
            await client.send(part);
            bytes += part.length;
          };
          // A peer that is not read, or disconnected, has done what it could.
          await Promise.race([act(send, client).catch(() => {}), sleep(5000)]);
        }
      }));
      await sleep(GOES_ON);
      return { connections, bytes };
    },
  };
}

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const files = ["cert", "key"].map((what) =>
    new URL(`tests/fixtures/localhost_${what}.pem`, ROOT)
  );
  const [cert, key] = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  // The neighbour trusts it.
  Deno.env.set("DENO_CERT", files[0]!.pathname);
  const trials = ATTACKS.map((one) => trial(one, { cert: cert!, key: key! }));
  await runAttacks("Handshakes", transport as TransportChoice, trials, which);
  Deno.exit();
}
