/**
 * Strangers who have the server keep bytes: of frames and requests that never come whole, and of answers that they
 * never read. Beside them an honest neighbour, who must not notice.
 *
 * ```sh
 * deno run -A tests/faults/hoarded_bytes.ts builtin|hardened [ATTACK]
 * ```
 *
 * @module
 */

import { connect } from "../../client.ts";
import { table } from "../../measure/table.ts";
import type { TransportChoice } from "../../server.ts";
import { BareClient, clientFrame, upgradeRequest } from "../support/bare_client.ts";
import { ChildServer } from "./child_server.ts";
import { MEMORY_LIMITS, mostMemory } from "./held_memory.ts";
import { type Harm, harmBy, Neighbour } from "./neighbour.ts";
import { pause } from "./pause.ts";
import { mb } from "./verdicts.ts";

const MIB = 1024 * 1024;

/** The longest wait of a neighbour, in milliseconds. */
const LONGEST = 100;

/** How long an attack goes on once all has been sent, in milliseconds. */
const GOES_ON = 4000;

/** One way to hoard. */
interface Attack {
  readonly name: string;
  readonly connections: number;
  /** What `Deno.serve` gives no means against; it is shown, and no goal. */
  readonly hardenedAlone?: boolean;
  /** What one of the connections does; what it has sent, in bytes. */
  act(port: number, crowd: BareClient[]): Promise<number>;
}

/** Sends until the other end has had enough. */
async function sends(
  client: BareClient,
  ...parts: readonly (string | Uint8Array)[]
): Promise<number> {
  let sent = 0;
  try {
    for (const part of parts) {
      await client.say(part);
      sent += part.length;
    }
  } catch {
    // It was hung up on.
  }
  return sent;
}

async function joined(port: number, crowd: BareClient[]): Promise<BareClient> {
  const client = await BareClient.open(port);
  crowd.push(client);
  return client;
}

async function caller(port: number, crowd: BareClient[]): Promise<BareClient> {
  const client = await BareClient.connect(port);
  crowd.push(client);
  return client;
}

function repeated(bytes: Uint8Array, times: number): Uint8Array {
  const all = new Uint8Array(bytes.length * times);
  for (let i = 0; i < times; i++) all.set(bytes, i * bytes.length);
  return all;
}

const PART = clientFrame(1, new Uint8Array(2_900_000)).subarray(0, 2_890_000);
const FIRST = clientFrame(1, "x", { final: false });
const PIECE = clientFrame(0, "x", { final: false });
const PIECES = repeated(PIECE, 1000);
const LARGE_PIECE = clientFrame(0, new Uint8Array(MIB), { final: false });
const HEADERS = upgradeRequest().slice(0, -2) + `X-Long: ${"x".repeat(1000)}\r\n`.repeat(70);
const GET_LARGE = clientFrame(
  1,
  JSON.stringify({ action: "get", id: 1, topic: "large", since: "start" }),
);
const GET_MANY = clientFrame(
  1,
  JSON.stringify(
    Array.from(
      { length: 3000 },
      (_, id) => ({ action: "get", id, topic: "neighbour", since: "start" }),
    ),
  ),
);
const SUBSCRIBE = clientFrame(
  1,
  JSON.stringify({
    action: "subscribe",
    id: 1,
    topic: "fan-out",
    messages: 1000,
    bytes: 100_000_000,
  }),
);
const GETS = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(3000);

const ATTACKS: readonly Attack[] = [
  {
    name: "frames of 2.9 MB that lack their end",
    connections: 300,
    hardenedAlone: true,
    act: async (port, crowd) => await sends(await joined(port, crowd), PART),
  },
  {
    name: "a frame of which each byte comes alone",
    connections: 200,
    act: async (port, crowd) => {
      const client = await joined(port, crowd);
      client.conn.setNoDelay(true);
      let sent = await sends(client, PART.subarray(0, 14));
      for (let i = 0; i < 1000; i++) {
        sent += 1;
        await sends(client, PART.subarray(20, 21));
        await pause(1);
      }
      return sent;
    },
  },
  {
    name: "1,000 fragments of a byte without an end",
    connections: 500,
    hardenedAlone: true,
    act: async (port, crowd) => await sends(await joined(port, crowd), FIRST, PIECES),
  },
  {
    name: "fragments of a MiB without an end",
    connections: 20,
    hardenedAlone: true,
    act: async (port, crowd) =>
      await sends(await joined(port, crowd), FIRST, ...Array(20).fill(LARGE_PIECE)),
  },
  {
    name: "70 kB of headers that lack their end",
    connections: 2000,
    act: async (port, crowd) => await sends(await caller(port, crowd), HEADERS),
  },
  {
    name: "connections that say nothing",
    connections: 8000,
    act: async (port, crowd) => {
      await caller(port, crowd);
      return 0;
    },
  },
  {
    name: "answers of 1 MB that nobody reads",
    connections: 500,
    act: async (port, crowd) => await sends(await joined(port, crowd), GET_LARGE),
  },
  {
    name: "answers of 100 bytes that nobody reads, without an end",
    connections: 500,
    act: async (port, crowd) => await sends(await joined(port, crowd), ...Array(10).fill(GET_MANY)),
  },
  {
    name: "a message of 1 MB to each of many who do not read",
    connections: 500,
    act: async (port, crowd) => {
      const sent = await sends(await joined(port, crowd), SUBSCRIBE);
      if (crowd.length === 500) await putLarge(port, "fan-out");
      return sent;
    },
  },
  {
    name: "bodies of POST that come slowly",
    connections: 500,
    act: async (port, crowd) => {
      const client = await caller(port, crowd);
      const head = "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n";
      let sent = await sends(client, head);
      for (let i = 0; i < 10; i++) {
        await sends(client, "x".repeat(1000));
        sent += 1000;
        await pause(100);
      }
      return sent;
    },
  },
  {
    name: "3,000 requests by HTTP at once, whose answers nobody reads",
    connections: 50,
    act: async (port, crowd) => await sends(await caller(port, crowd), GETS),
  },
];

/** Puts a message of nearly 1 MB. */
async function putLarge(port: number, topic: string): Promise<void> {
  await using mq = await connect(`ws://127.0.0.1:${port}`);
  await mq.put(topic, "x".repeat(990_000));
}

async function attacked(server: ChildServer, neighbour: Neighbour, attack: Attack) {
  const crowd: BareClient[] = [];
  let sent = 0;
  const harm = await harmBy(server, neighbour, async () => {
    // So many at a time: more is a flood of connections, which is another attack.
    const left = Array.from({ length: attack.connections }, (_, i) => i);
    await Promise.all(Array.from({ length: 50 }, async () => {
      while (left.pop() !== undefined) {
        const more = await attack.act(server.port, crowd).catch(() => 0);
        sent += more;
      }
    }));
    await pause(GOES_ON);
  });
  for (const client of crowd) client.cut();
  return { harm, sent };
}

function good({ longest, grown, failed }: Harm, attack: Attack): boolean {
  return longest <= LONGEST && failed === 0 && grown <= mostMemory(attack.connections);
}

async function main(transport: TransportChoice, only: string | undefined): Promise<void> {
  const rows: string[][] = [];
  for (const attack of ATTACKS) {
    if (only !== undefined && !attack.name.includes(only)) continue;
    await using server = await ChildServer.start({ transport, limits: MEMORY_LIMITS });
    await putLarge(server.port, "large");
    await using neighbour = await Neighbour.start(server.url);
    const { harm, sent } = await attacked(server, neighbour, attack);
    const bounded = transport === "hardened" || !attack.hardenedAlone;
    const isGood = good(harm, attack);
    if (bounded && !isGood) Deno.exitCode = 1;
    const row = [
      attack.name,
      `${attack.connections}`,
      mb(sent),
      harm.p99.toFixed(1),
      harm.longest.toFixed(0),
      `${harm.failed}`,
      `${mb(harm.grown)} of ${mb(mostMemory(attack.connections))}`,
      isGood ? "yes" : bounded ? "NO" : "no, as stated",
    ];
    rows.push(row);
    console.error(row.join(" | "));
  }
  const head = [
    "attack",
    "connections",
    "sent",
    "p99 ms",
    "longest ms",
    "failed",
    "memory",
    "good",
  ];
  console.log(`Hoarded bytes, transport ${transport}\n`);
  console.log(table(head, rows));
}

if (import.meta.main) await main(Deno.args[0] as TransportChoice, Deno.args[1]);
