/**
 * Floods of frames, each of which is as small as can be, and an honest client beside: from one connection, from eight
 * and from thirty. `deno run -A tests/faults/tiny_frames.ts [builtin|hardened] [PART OF A NAME]`. Linux alone, for it
 * looks into `/proc`.
 *
 * @module
 */

import { setPriority } from "node:os";
import { connect } from "@dsmq/server/client";
import { table } from "../../measure/table.ts";
import type { TransportChoice } from "../../server.ts";
import { BareClient, clientFrame } from "../support/bare_client.ts";
import { ChildServer } from "./child_server.ts";
import { MEMORY_LIMITS, mostMemory } from "./held_memory.ts";
import { type Harm, harmBy, Neighbour } from "./neighbour.ts";
import { pause } from "./pause.ts";
import { mb } from "./verdicts.ts";

/** The longest wait that may be, in milliseconds. */
const LONGEST = { hardened: 50, builtin: 100 };

/** How long each flood lasts, in milliseconds. */
const LASTS = 1500;

/** How much is said at a time, in bytes. */
const BLOCK = 64 * 1024;

const TEXT = 1, BINARY = 2, PING = 9, PONG = 10, CLOSE = 8;

/** Who floods. */
type Who = "no token" | "reads only" | "may do all";

interface Flood {
  readonly name: string;
  readonly who: Who;
  /** It is said again and again. */
  readonly frames: readonly Uint8Array[];
  /** It is said first. */
  readonly first?: readonly Uint8Array[];
  /** It reads nothing of what comes back. */
  readonly deaf?: boolean;
}

function asks(request: object): Uint8Array {
  return clientFrame(TEXT, JSON.stringify(request));
}

function flood(name: string, frames: readonly Uint8Array[], who: Who = "may do all"): Flood {
  return { name, who, frames };
}

const EMPTY = clientFrame(TEXT);
const PUT = asks({ action: "put", topic: "t", message: "m" });
const GET = asks({ action: "get", topic: "t" });
const FRAGMENTS = [
  clientFrame(TEXT, "", { final: false }),
  ...Array.from({ length: 500 }, () => clientFrame(0, "", { final: false })),
  clientFrame(0, "{}"),
];

const FLOODS: readonly Flood[] = [
  flood("empty frames", [EMPTY], "no token"),
  flood("empty frames", [EMPTY]),
  flood("{}", [clientFrame(TEXT, "{}")], "no token"),
  flood("{}", [clientFrame(TEXT, "{}")]),
  flood("[{},{}]", [clientFrame(TEXT, "[{},{}]")]),
  flood("2 bytes of text", [clientFrame(TEXT, "ab")], "reads only"),
  flood("binary frames", [clientFrame(BINARY, new Uint8Array(1))]),
  flood("pings", [clientFrame(PING, "p")]),
  { ...flood("pings, pongs unread", [clientFrame(PING, "p".repeat(125))]), deaf: true },
  flood("pongs", [clientFrame(PONG)], "reads only"),
  flood("fragments of 0 bytes", FRAGMENTS),
  flood("heartbeats", [asks({ action: "heartbeat" })]),
  flood("answered heartbeats", [asks({ action: "heartbeat", id: 1 })], "reads only"),
  flood("puts", [PUT]),
  flood("puts that are refused", [PUT], "reads only"),
  flood("gets", [GET], "reads only"),
  { ...flood("gets, answers unread", [GET], "reads only"), deaf: true },
  flood("cancels", [asks({ action: "cancel", wait: 1 })], "reads only"),
  { ...flood("frames after a close", [EMPTY]), first: [clientFrame(CLOSE)] },
];

/** Repeats frames up to a block. */
function block(frames: readonly Uint8Array[]): Uint8Array {
  const once = frames.reduce((sum, { length }) => sum + length, 0);
  const times = Math.max(1, Math.floor(BLOCK / once));
  const all = new Uint8Array(times * once);
  for (let i = 0, at = 0; i < times; i++) {
    for (const frame of frames) {
      all.set(frame, at);
      at += frame.length;
    }
  }
  return all;
}

interface Cost {
  bytes: number;
  connections: number;
  readonly codes: Map<number | "cut", number>;
}

/** Floods over one connection after another, as the server ends them. */
async function floodOnce(port: number, what: Flood, until: number, cost: Cost): Promise<void> {
  const bytes = block(what.frames);
  const token = { "no token": undefined, "reads only": "reader", "may do all": "good" }[what.who];
  const headers = token === undefined ? [] : [`Authorization: Bearer ${token}`];
  while (performance.now() < until) {
    let client: BareClient;
    try {
      client = await BareClient.open(port, "Sec-WebSocket-Protocol: dsmq", ...headers);
    } catch {
      await pause(10);
      continue;
    }
    cost.connections++;
    const timer = setTimeout(() => client.cut(), Math.max(0, until - performance.now()));
    const closed = what.deaf ? Promise.resolve(undefined) : client.closeCode();
    try {
      for (const frame of what.first ?? []) await client.say(frame);
      while (performance.now() < until) {
        await client.say(bytes);
        cost.bytes += bytes.length;
      }
    } catch {
      if (performance.now() < until) {
        const code = await closed ?? "cut";
        cost.codes.set(code, (cost.codes.get(code) ?? 0) + 1);
      }
    }
    clearTimeout(timer);
    client.cut();
    await closed;
  }
}

async function tried(
  server: ChildServer,
  neighbour: Neighbour,
  what: Flood,
  connections: number,
): Promise<{ readonly harm: Harm; readonly cost: Cost }> {
  const cost: Cost = { bytes: 0, connections: 0, codes: new Map() };
  const harm = await harmBy(server, neighbour, async () => {
    const until = performance.now() + LASTS;
    await Promise.all(
      Array.from({ length: connections }, () => floodOnce(server.port, what, until, cost)),
    );
  });
  return { harm, cost };
}

/** Uses a server as honest clients do: its heap has grown to what that takes before it is attacked. */
async function use(url: string): Promise<void> {
  await using mq = await connect({ url, token: "good" });
  for (let round = 0; round < 4; round++) {
    await mq.putMany("used", Array.from({ length: 10_000 }, () => "x".repeat(100)));
    for (let i = 0; i < 500; i++) await mq.put("used", "x");
  }
}

async function main(transport: TransportChoice, only: string): Promise<void> {
  const tokens = [{ token: "good" }, { token: "reader", rights: ["read"] as const }];
  const rows: string[][] = [];
  const numbers = Deno.args[2]?.split(",").map(Number) ?? [1, 8, 30];
  for (const what of FLOODS.filter(({ name }) => name.includes(only))) {
    for (const connections of numbers) {
      // What the last flood has left in the system's buffers is done with.
      await using server = await ChildServer.start({ transport, tokens, limits: MEMORY_LIMITS });
      await using neighbour = await Neighbour.start(server.url, "good");
      await use(server.url);
      await neighbour.noticed();
      // Attackers have machines of their own: here they get what these two leave.
      setPriority(19);
      const { harm, cost } = await tried(server, neighbour, what, connections);
      setPriority(0);
      const good = harm.longest <= LONGEST[transport] && harm.grown <= mostMemory(connections);
      if (!good) Deno.exitCode = 1;
      const closed = [...cost.codes].map(([code, count]) => `${count} × ${code}`).join(", ");
      rows.push([
        `${what.name} (${what.who})`,
        `${connections}`,
        mb(cost.bytes),
        `${cost.connections}`,
        closed,
        `${harm.puts}`,
        harm.p99.toFixed(1),
        harm.longest.toFixed(0),
        mb(harm.grown),
        good ? "yes" : "NO",
      ]);
      if (Deno.args[3]) console.log(rows.at(-1)!.join(" | "));
    }
  }
  console.log(`${transport}: an honest client's puts, one after another, in milliseconds\n`);
  console.log(table(
    ["flood", "at a time", "sent", "opened", "closed by the server", "puts", "p99", "longest"]
      .concat(["memory", "good"]),
    rows,
  ));
}

if (import.meta.main) {
  await main((Deno.args[0] ?? "hardened") as TransportChoice, Deno.args[1] ?? "");
}
