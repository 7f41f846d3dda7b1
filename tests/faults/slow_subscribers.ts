/**
 * Subscribers that never read, under full load: the memory that they take, and their cost to honest clients.
 *
 * ```sh
 * deno run -A tests/faults/slow_subscribers.ts [SECONDS] [SUBSCRIBERS] [builtin|hardened]
 * ```
 *
 * @module
 */

import { connect } from "../../client.ts";
import { quantile } from "../../cli/measure/quantiles.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { TransportChoice } from "../../server.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { argumentsOrExit } from "./arguments.ts";
import { ChildServer } from "./child_server.ts";
import { Loader } from "./load.ts";
import { sleep, until } from "./sleep.ts";
import { type Finding, mb, report } from "./report.ts";
import { MemoryWatch } from "./memory_watch.ts";

/** The options of a run. */
export interface SlowOptions {
  /** How long there is load with subscribers that do not read, in all. */
  readonly seconds: number;
  readonly subscribers: number;
  readonly transport?: TransportChoice;
  /** How much slower the 99th percentile of puts may be beside them. Default: 2. */
  readonly slower?: number;
  /** Whether to wait until all are dropped, and check that. Default: true. */
  readonly untilGivenUp?: boolean;
}

const TOPIC = "slow";

/** The longest phase with or without them, in seconds: long enough for some to be dropped. */
const PHASE = 12;

/** When a peer that reads nothing must be dropped, in milliseconds. */
const GIVEN_UP = 10_000;

const GOAL = 1e6;

/** A retention so short that the stored messages do not grow, in milliseconds. */
const RETENTION = 2000;

/** The results of a phase. */
interface Phase {
  readonly resident: number;
  /** How long puts took, in milliseconds. */
  readonly times: readonly number[];
}

/**
 * Puts at full speed, alternately with and without subscribers that do not read.
 *
 * @param options how long and how many
 * @returns what was found
 */
export async function slow(options: SlowOptions): Promise<Finding[]> {
  const { seconds, subscribers, transport = "builtin", slower = 2, untilGivenUp = true } = options;
  await using server = await ChildServer.start({ transport, retention: RETENTION });
  using loader = new Loader({ url: server.url, topic: TOPIC, bytes: 100, window: 256 });
  const rounds = Math.ceil(seconds / PHASE);
  const length = seconds / rounds * 1000;
  // The stored messages and V8's heap have reached their final size.
  await sleep(2 * RETENTION);
  const idle: Phase[] = [];
  const burdened: Phase[] = [];
  for (let round = 0; round < rounds; round++) {
    idle.push(await phase(server, length));
    const subscriberGroup = new SlowSubscribers(server, subscribers);
    await subscriberGroup.fill();
    const stop = new AbortController();
    const filling = subscriberGroup.refill(stop.signal);
    burdened.push(await phase(server, length));
    stop.abort();
    await filling;
    subscriberGroup.cut();
    await until(async () => (await server.report("as it is")).connections <= 1, 5000);
  }
  const before = Math.max(...idle.map(({ resident }) => resident));
  const max = Math.max(...burdened.map(({ resident }) => resident));
  const each = (max - before) / subscribers;
  const p99 = (phases: readonly Phase[]) => quantile(phases.flatMap(({ times }) => times), 0.99);
  const times = p99(burdened) / p99(idle);
  const ofRounds = burdened.map((one, i) => p99([one]) / p99([idle[i]!]));
  return [
    { what: "subscribers that do not read", seen: subscribers, good: true },
    {
      what: "puts acknowledged per second, median",
      seen: Math.round(loader.rate),
      good: loader.wrong.length === 0,
    },
    { what: "memory without them", seen: mb(before), good: true },
    { what: "memory with them", seen: mb(max), good: true },
    { what: "for each of them", seen: mb(Math.max(0, each)), good: each <= GOAL },
    { what: "a healthy put without them, p99 in ms", seen: p99(idle).toFixed(1), good: true },
    { what: "a healthy put beside them, p99 in ms", seen: p99(burdened).toFixed(1), good: true },
    { what: "ratio", seen: times.toFixed(2), good: times <= slower },
    {
      what: "the same, round by round",
      seen: ofRounds.map((n) => n.toFixed(2)).join(),
      good: true,
    },
    ...(untilGivenUp ? await givenUp(server, subscribers) : []),
  ];
}

/** Waits until all are dropped, and checks what is left of them. */
async function givenUp(server: ChildServer, subscribers: number): Promise<Finding[]> {
  const before = await server.report();
  using subscriberGroup = new SlowSubscribers(server, subscribers);
  await subscriberGroup.fill();
  const begin = performance.now();
  const disconnected = async () => (await server.report("as it is")).dropped - before.dropped;
  await until(async () => await disconnected() >= subscribers, 2 * GIVEN_UP);
  const took = performance.now() - begin;
  const dropped = await disconnected();
  subscriberGroup.cut();
  await sleep(2 * RETENTION);
  const after = await server.report();
  const growth = after.heap - before.heap;
  return [
    { what: "dropped, and counted", seen: dropped, good: dropped === subscribers },
    { what: "after, in ms", seen: Math.round(took), good: took <= GIVEN_UP },
    {
      what: "additional connections",
      seen: after.connections - before.connections,
      good: after.connections === before.connections,
    },
    { what: "heap grown", seen: mb(growth), good: growth <= 10e6 },
  ];
}

/** A phase under load: the peak memory of the server, and the latency of an honest client's puts. */
async function phase(server: ChildServer, ms: number): Promise<Phase> {
  await using mq = await connect(server.url);
  const watch = new MemoryWatch(server, 200);
  const times: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end;) {
    const begin = performance.now();
    await mq.put("healthy", "hello");
    times.push(performance.now() - begin);
    await sleep(2);
  }
  const { resident } = await watch.stop();
  return { resident, times };
}

/** Subscribers that request all they may, and read nothing. */
class SlowSubscribers implements Disposable {
  readonly #server: ChildServer;
  readonly #size: number;
  #members: RawSocket[] = [];

  constructor(server: ChildServer, size: number) {
    this.#server = server;
    this.#size = size;
  }

  /** Opens subscribers up to the number. */
  async fill(missing = this.#size): Promise<void> {
    const request = JSON.stringify({
      action: "subscribe",
      id: 1,
      topic: TOPIC,
      messages: LIMITS.creditMessages.default,
      bytes: LIMITS.creditBytes.default,
    });
    for (let i = 0; i < missing; i++) {
      const member = await RawSocket.open(this.#server.port);
      await member.send(clientFrame(1, request));
      this.#members.push(member);
    }
    // The first to arrive were dropped first.
    for (const member of this.#members.splice(0, this.#members.length - this.#size)) member.cut();
  }

  /** Replaces those that are dropped. */
  async refill(signal: AbortSignal): Promise<void> {
    const { dropped } = await this.#server.report("as it is");
    let seen = dropped;
    while (!signal.aborted) {
      await sleep(500);
      const { dropped } = await this.#server.report("as it is");
      if (dropped > seen) await this.fill(Math.min(dropped - seen, this.#size));
      seen = dropped;
    }
  }

  /** Disconnects all. */
  cut(): void {
    for (const member of this.#members.splice(0)) member.cut();
  }

  [Symbol.dispose](): void {
    this.cut();
  }
}

if (import.meta.main) {
  const { SECONDS: seconds, SUBSCRIBERS: subscribers, TRANSPORT: transport } = argumentsOrExit({
    SECONDS: 60,
    SUBSCRIBERS: 200,
    TRANSPORT: ["builtin", "hardened"],
  });
  report(
    `Subscribers that never read, transport ${transport}`,
    await slow({ seconds, subscribers, transport }),
  );
}
