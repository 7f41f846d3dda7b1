/**
 * A clock that is set forward and back by an hour, again and again, while messages are put and read.
 *
 * ```sh
 * deno run -A tests/faults/clock_jumps.ts [STEPS] [SEED] [memory|file]
 * ```
 *
 * @module
 */

import { connect, type Message, serve } from "../../mod.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { seeded } from "../../testing/seeded.ts";
import { argumentsOrExit } from "./arguments.ts";
import { type Finding, none, report } from "./report.ts";

/** The options of a run. */
export interface ClockOptions {
  readonly steps: number;
  readonly seed: number;
  readonly store: "memory" | "file";
}

const HOUR = 3_600_000;
const RETENTION = 600_000;
const TOPIC = "clock";

/** A put, and the latest time of the store since then: that of the clock at the start, plus the time that passed. */
interface Put {
  readonly seq: number;
  latest: number;
  /** When it was stored, once a reader has seen it. */
  time?: number;
}

/**
 * Puts and reads while the clock jumps.
 *
 * @param options how many steps
 * @returns what was found
 */
export async function clocks({ steps, seed, store }: ClockOptions): Promise<Finding[]> {
  const random = seeded(seed);
  const dir = await Deno.makeTempDir({ prefix: "dsmq-clock-" });
  const clock = new ManualClock();
  try {
    await using server = await serve({
      port: 0,
      clock,
      retention: RETENTION,
      store: store === "file" ? `sqlite:${dir}/queue.db` : "memory",
    });
    // Time in leaps would break heartbeats.
    const open = () => connect(server.url, { heartbeatInterval: 600_000 });
    await using putter = await open();
    await using follower = await open();
    const puts = new Map<string, Put>();
    const overdue: string[] = [];
    const early: string[] = [];
    const disorder: string[] = [];
    const unread: string[] = [];
    let jumps = 0;
    let reads = 0;
    const moved = () => {
      for (const put of puts.values()) put.latest = Math.max(put.latest, clock.monotonic());
    };
    const check = (message: Message) => {
      const put = puts.get(message.body)!;
      put.time = message.time;
      if (clock.monotonic() >= message.time + RETENTION) overdue.push(message.body);
      if (message.seq !== put.seq) disorder.push(message.body);
    };
    for (let i = 0; i < steps; i++) {
      const kind = random(10);
      if (kind < 5) {
        const body = `${i}`;
        puts.set(body, { seq: await putter.put(TOPIC, body), latest: clock.monotonic() });
        // It has just been put, whatever the clock shows: a subscriber gets it.
        const message = await follower.read(TOPIC);
        if (message?.body === body) check(message);
        else unread.push(body);
      } else if (kind < 7) {
        clock.advance(random(RETENTION / 2));
        moved();
      } else if (kind < 9) {
        clock.jump(random(2) === 0 ? HOUR : -HOUR);
        jumps++;
        moved();
      } else {
        reads++;
        const all = await readAll(server.url);
        all.forEach(check);
        const [seqs, times] = [all.map(({ seq }) => seq), all.map(({ time }) => time)];
        if (!ascending(seqs, true) || !ascending(times, false)) disorder.push(`${seqs} ${times}`);
        const present = new Set(all.map(({ body }) => body));
        for (const [body, { time, latest }] of puts) {
          if (!present.has(body) && latest < time! + RETENTION) early.push(body);
        }
      }
    }
    return [
      { what: "messages put", seen: puts.size, good: puts.size > 0 },
      { what: "jumps of an hour", seen: jumps, good: jumps > 0 },
      { what: "reads of everything", seen: reads, good: reads > 0 },
      none("delivered after expiry", overdue),
      none("gone before expiry", early),
      none("out of order, in numbers or times", disorder),
      none("not delivered to a subscriber", unread),
    ];
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function readAll(url: string): Promise<Message[]> {
  await using reader = await connect(url, { since: "start" });
  const all: Message[] = [];
  for (let message; (message = await reader.read(TOPIC));) all.push(message);
  return all;
}

function ascending(numbers: readonly number[], strictly: boolean): boolean {
  return numbers.every((n, i) => {
    const before = numbers[i - 1] ?? -Infinity;
    return strictly ? n > before : n >= before;
  });
}

if (import.meta.main) {
  const { STEPS: steps, SEED: seed, STORE: store } = argumentsOrExit({
    STEPS: 2000,
    SEED: 1,
    STORE: ["memory", "file"],
  });
  report(
    `Clock jumps, with messages in ${store}`,
    await clocks({ steps, seed, store }),
  );
}
