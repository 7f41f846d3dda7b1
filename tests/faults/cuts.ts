/**
 * Connections that are cut at random bytes, during puts, gets and a subscription: nothing may be lost, duplicated or out
 * of order.
 *
 * ```sh
 * deno run -A tests/faults/cuts.ts [CUTS] [SEED] [builtin|hardened]
 * ```
 *
 * @module
 */

import { connect, type Connection, serve } from "../../mod.ts";
import type { TransportChoice } from "../../server.ts";
import { type Random, seeded } from "../../testing/seeded.ts";
import { argumentsOrExit } from "./arguments.ts";
import { type Faults, FaultyProxy } from "./proxy.ts";
import { type Finding, none, report } from "./report.ts";

/** The options of a run. */
export interface CutsOptions {
  /** The least number of cuts. */
  readonly cuts: number;
  /** Two runs with the same seed have the same faults. */
  readonly seed: number;
  readonly transport?: TransportChoice;
}

/** The chance that a connection loses data to the client before it is cut. */
const LOST = 0.3;

const TOPIC = "cuts";

/** The faults of a connection that is cut after some messages, and perhaps loses the last of them. */
export function cutFaults(random: Random): Faults {
  const bytes = 300 + random(6000);
  const piece = random(10) < 3 ? 1 + random(50) : 64 * 1024;
  if (random(1000) < 1000 * LOST) {
    // Not during the handshake: nothing would be sent after that, and so nothing would be cut.
    return { piece, dropAfterDown: 1500 + bytes, cutAfterUp: bytes + random(4000) };
  }
  return random(2) === 0 ? { piece, cutAfterUp: bytes } : { piece, cutAfterDown: bytes };
}

/**
 * Runs a server, a putter, a getter and a subscriber, each behind a proxy that cuts connections.
 *
 * @param options how many cuts
 * @returns what was found
 */
export async function cuts(
  { cuts, seed, transport = "builtin" }: CutsOptions,
): Promise<Finding[]> {
  const random = seeded(seed);
  await using server = await serve({ port: 0, transport });
  let healthy = false;
  await using proxy = new FaultyProxy(server.port, () => healthy ? {} : cutFaults(random));
  const reconnect = { minDelay: 1, maxDelay: 10 };
  const open = () => connect(proxy.url, { reconnect, heartbeatInterval: 200, timeout: 60_000 });
  const [putter, getter, subscriber] = await Promise.all([open(), open(), open()]);
  const stop = new AbortController();

  const acknowledged = new Map<string, number>();
  const refused: string[] = [];
  let put = 0;
  async function putAll(): Promise<void> {
    while (proxy.cuts < cuts) {
      const calls = Array.from({ length: 1 + random(20) }, async () => {
        const body = `${put++}:${"x".repeat(random(200))}`;
        try {
          acknowledged.set(body, await putter.put(TOPIC, body));
        } catch (error) {
          refused.push(String(error));
        }
      });
      await Promise.all(calls);
    }
  }

  const got: string[] = [];
  const streamed: string[] = [];
  const getting = getAll(getter, got, stop.signal);
  const streaming = (async () => {
    for await (const { body } of subscriber.subscribe(TOPIC, { signal: stop.signal })) {
      streamed.push(body);
    }
  })().catch((error) => stop.signal.aborted ? undefined : refused.push(String(error)));
  await putAll();
  healthy = true;
  const last = `last:${put}`;
  acknowledged.set(last, await putter.put(TOPIC, last));
  const end = Date.now() + 20_000;
  while ((got.at(-1) !== last || streamed.at(-1) !== last) && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  stop.abort();
  await Promise.all([getting, streaming]);

  await using reader = await connect(server.url, { since: "start" });
  const stored: string[] = [];
  for (let body; (body = await reader.get(TOPIC)) !== "";) stored.push(body);
  await Promise.all([putter.close(), getter.close(), subscriber.close()]);
  const inOrder = [...acknowledged].sort(([, one], [, other]) => one - other).map(([body]) => body);
  const present = new Set(stored);
  const numbers = (bodies: readonly string[]) => bodies.map((body) => parseInt(body));
  return [
    { what: "connections cut", seen: proxy.cuts, good: proxy.cuts >= cuts },
    { what: "puts acknowledged", seen: acknowledged.size, good: acknowledged.size === put + 1 },
    { what: "puts and reads refused", seen: refused.length, good: refused.length === 0 },
    none("acknowledged, not stored", inOrder.filter((body) => !present.has(body))),
    {
      what: "stored twice",
      seen: stored.length - present.size,
      good: stored.length === present.size,
    },
    none(
      "stored out of order",
      numbers(stored.slice(0, -1)).filter((n, i, all) => i > 0 && n < all[i - 1]!),
    ),
    { what: "gets as stored", seen: got.length, good: same(got, stored) },
    { what: "streams as stored", seen: streamed.length, good: same(streamed, stored) },
  ];
}

async function getAll(mq: Connection, got: string[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const read = Array.from({ length: 8 }, () => mq.get(TOPIC));
    for (const body of await Promise.all(read)) if (body !== "") got.push(body);
    try {
      const body = await mq.getWait(TOPIC, { timeout: 50, signal });
      if (body !== "") got.push(body);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, i) => item === other[i]);
}

if (import.meta.main) {
  const forms = { CUTS: 1000, SEED: 1, TRANSPORT: ["builtin", "hardened"] } as const;
  const { CUTS, SEED: seed, TRANSPORT: transport } = argumentsOrExit(forms);
  report(
    `Connections cut, transport ${transport}`,
    await cuts({ cuts: CUTS, seed, transport }),
  );
}
