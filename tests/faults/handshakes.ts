/**
 * Strangers who never get as far as a WebSocket: half a handshake of TLS, HTTP/2 in all its floods, connections made
 * and dropped. Beside them an honest neighbour, who must not notice.
 *
 * ```sh
 * deno run -A tests/faults/handshakes.ts builtin|hardened [ATTACK]
 * ```
 *
 * @module
 */

import { table } from "../../measure/table.ts";
import type { TransportChoice } from "../../server.ts";
import { BareClient, upgradeRequest } from "../support/bare_client.ts";
import { ROOT } from "../support/program.ts";
import { type ChildOptions, ChildServer } from "./child_server.ts";
import { harmBy, Neighbour } from "./neighbour.ts";
import { pause } from "./pause.ts";
import { mb } from "./verdicts.ts";

const MIB = 1024 * 1024;

/** The longest wait of a neighbour, in milliseconds, and the memory that an attack may take, in bytes. */
const LONGEST = 100;
const MEMORY = 128 * MIB;

/** How long an attack goes on once all has been sent, in milliseconds. */
const GOES_ON = 2000;

interface Attack {
  readonly name: string;
  readonly connections: number;
  readonly tls?: true;
  act(client: BareClient): Promise<void>;
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

/** How a handshake of TLS begins, and how long it says that it is. */
const HELLO = new Uint8Array([22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3, ...Array(32).fill(7)]);

async function floods(client: BareClient, bytes: Uint8Array, times: number): Promise<void> {
  await client.say(new Uint8Array(PREFACE));
  for (let i = 0; i < times; i++) await client.say(bytes);
}

const ATTACKS: readonly Attack[] = [
  { name: "TLS: connections that say nothing", connections: 2000, tls: true, act: async () => {} },
  {
    name: "TLS: half a ClientHello",
    connections: 2000,
    tls: true,
    act: (client) => client.say(HELLO),
  },
  {
    name: "TLS: a ClientHello of 16 kB, byte by byte",
    connections: 300,
    tls: true,
    act: async (client) => {
      await client.say(HELLO);
      for (let i = 0; i < 500; i++) {
        await client.say(new Uint8Array(1));
        await pause(5);
      }
    },
  },
  {
    name: "TLS: what is none",
    connections: 500,
    tls: true,
    act: (client) => client.say(new Uint8Array(100_000).fill(255)),
  },
  {
    name: "HTTP/2: streams that are reset at once",
    connections: 20,
    act: (client) =>
      floods(client, many(2000, (s) => [...h2(1, 5, s, REQUEST), ...h2(3, 0, s, [0, 0, 0, 8])]), 1),
  },
  {
    name: "HTTP/2: 2,000 streams at once, whose answers nobody reads",
    connections: 20,
    act: (client) => floods(client, many(2000, (s) => h2(1, 5, s, REQUEST)), 1),
  },
  {
    name: "HTTP/2: pings, whose answers nobody reads",
    connections: 20,
    act: (client) => floods(client, many(5000, () => h2(6, 0, 0, Array(8).fill(0))), 20),
  },
  {
    name: "HTTP/2: settings, whose answers nobody reads",
    connections: 20,
    act: (client) => floods(client, many(5000, () => h2(4, 0, 0)), 20),
  },
  {
    name: "HTTP/2: headers without an end",
    connections: 20,
    act: async (client) => {
      await client.say(new Uint8Array(PREFACE));
      await client.say(new Uint8Array(h2(1, 1, 1, REQUEST)));
      const more = many(100, () => h2(9, 0, 1, [0x40, 1, 120, 100, ...Array(100).fill(97)]));
      for (let i = 0; i < 500; i++) await client.say(more);
    },
  },
  {
    name: "WebSockets that are made and dropped",
    connections: 5000,
    act: async (client) => {
      await client.say(upgradeRequest());
      await client.head();
      client.cut();
    },
  },
];

async function attack(port: number, { connections, act }: Attack): Promise<void> {
  const clients: BareClient[] = [];
  let left = connections;
  await Promise.all(Array.from({ length: 100 }, async () => {
    while (left-- > 0) {
      try {
        const client = await BareClient.connect(port);
        clients.push(client);
        // Who is not read, or hung up on, has done what it could.
        await Promise.race([act(client).catch(() => {}), pause(5000)]);
      } catch {
        // It was not let in.
      }
    }
  }));
  await pause(GOES_ON);
  for (const client of clients) client.cut();
}

async function main(transport: TransportChoice, only: string | undefined): Promise<void> {
  const files = ["cert", "key"].map((what) =>
    new URL(`tests/fixtures/localhost_${what}.pem`, ROOT)
  );
  const [cert, key] = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  // The neighbour trusts it.
  Deno.env.set("DENO_CERT", files[0]!.pathname);
  const rows: string[][] = [];
  for (const one of ATTACKS) {
    if (only !== undefined && !one.name.includes(only)) continue;
    const tls: ChildOptions = one.tls ? { cert: cert!, key: key! } : {};
    await using server = await ChildServer.start({ transport, ...tls });
    const url = one.tls ? `wss://localhost:${server.port}` : server.url;
    await using neighbour = await Neighbour.start(url);
    const harm = await harmBy(server, neighbour, () => attack(server.port, one));
    const good = harm.longest <= LONGEST && harm.failed === 0 && harm.grown <= MEMORY;
    if (!good) Deno.exitCode = 1;
    const row = [
      one.name,
      `${one.connections}`,
      harm.p99.toFixed(1),
      harm.longest.toFixed(0),
      `${harm.failed}`,
      mb(harm.grown),
      `${harm.sockets}`,
      good ? "yes" : "NO",
    ];
    rows.push(row);
    console.error(row.join(" | "));
  }
  console.log(`Handshakes, transport ${transport}\n`);
  const head = [
    "attack",
    "connections",
    "p99 ms",
    "longest ms",
    "failed",
    "memory",
    "sockets",
    "good",
  ];
  console.log(table(head, rows));
}

if (import.meta.main) await main(Deno.args[0] as TransportChoice, Deno.args[1]);
