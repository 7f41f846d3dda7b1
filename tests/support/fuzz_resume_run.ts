/**
 * One run of the fuzzer of breaks: clients that read, subscribe and put, and everything that may happen to them and
 * their servers.
 *
 * @module
 */

import type { StoreLimits } from "../../stores/store_limits.ts";
import { FuzzAdmin } from "./fuzz_admin.ts";
import { CHAOS, END, FuzzCalls, RESUME_KINDS, type ResumeKind } from "./fuzz_calls.ts";
import { FuzzClient, Journal } from "./fuzz_client.ts";
import { randomFaults } from "./fuzz_connection_faults.ts";
import { FuzzNetwork } from "./fuzz_network.ts";
import { Records } from "./fuzz_records.ts";
import { watchPurges } from "./fuzz_purges.ts";
import { FuzzServer } from "./fuzz_server.ts";
import { VirtualTime } from "./fuzz_time.ts";
import { FuzzTokens } from "./fuzz_tokens.ts";
import { checkRun } from "./fuzz_run_check.ts";
import { WireLog } from "./fuzz_wire_log.ts";
import { type Random, seeded } from "../../testing/seeded.ts";

/** How a run went. */
export interface RunResult {
  /** Faults, in sentences. */
  readonly faults: readonly string[];
  /** What happened, in figures. */
  readonly seen: {
    readonly cuts: number;
    readonly restarts: number;
    readonly messages: number;
    /** Tokens that were renewed on a living connection. */
    readonly renewed: number;
    /** What administrators did. */
    readonly purged: number;
    readonly disconnected: number;
    readonly backedUp: number;
  };
  /** All that was sent, if it was recorded. */
  readonly lines: readonly string[];
}

/** How long everything may take to end once there are no more faults, in milliseconds. */
const CALM_TIME = 30_000;

/** Runs one seed. */
export async function resumeRun(
  kind: ResumeKind,
  seed: number,
  { keepLog = false }: { readonly keepLog?: boolean } = {},
): Promise<RunResult> {
  const folder = Deno.makeTempDirSync({ prefix: "dsmq-fuzz-" });
  try {
    using time = new VirtualTime(seed);
    const run = new ResumeRun(kind, seed, time, folder, keepLog);
    // Whatever is thrown is a fault of this seed.
    return await run.run().catch((error) => run.result([`${error?.stack ?? error}`]));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

class ResumeRun {
  readonly #kind: ResumeKind;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #records = new Records();
  readonly #journal = new Journal(this.#records);
  readonly #network: FuzzNetwork;
  readonly #wire: WireLog;
  readonly #servers: FuzzServer[] = [];
  readonly #urls: string[] = [];
  readonly #topics: string[];
  readonly #clients: FuzzClient[] = [];
  readonly #calls: FuzzCalls;
  readonly #heartbeat: number;
  readonly #lasting: boolean;
  readonly #tokens: FuzzTokens | undefined;
  readonly #admin: FuzzAdmin | undefined;
  #restarts = 0;

  constructor(
    kind: ResumeKind,
    seed: number,
    time: VirtualTime,
    folder: string,
    keepLog: boolean,
  ) {
    this.#kind = kind;
    this.#time = time;
    const random = this.#random = seeded(seed * 7919 + RESUME_KINDS.indexOf(kind));
    // Chance of its own, so that the runs without tokens are as they would be.
    const tokenRandom = seeded(seed * 104_729);
    this.#tokens = tokenRandom(3) === 0 ? new FuzzTokens(time, tokenRandom) : undefined;
    this.#network = new FuzzNetwork(time, random);
    this.#wire = new WireLog(this.#network, keepLog);
    watchPurges(this.#network, this.#wire, this.#records);
    this.#network.faults = () => {
      // A connection must last to be renewed.
      const lasts = this.#calls.calm || (this.#tokens && tokenRandom(3) > 0);
      return lasts ? { delay: 1 } : randomFaults(random, this.#heartbeat);
    };
    this.#topics = ["a", "ab", "b"].slice(0, 1 + random(3));
    const adminRandom = seeded(seed * 15_485_863);
    if (adminRandom(2) === 0) {
      this.#admin = new FuzzAdmin({
        ...{ topics: this.#topics, servers: this.#servers, folder, time, random: adminRandom },
        ...{ records: this.#records, journal: this.#journal },
      });
    }
    this.#heartbeat = [100, 150, 400, 10_000][random(4)]!;
    // Some servers never end: then no put may be left with an unknown outcome.
    this.#lasting = kind === "puts" && random(2) === 0;
    const full = this.#limits();
    const passing = random(3) === 0 || full.overflow === "reject";
    const retention = passing ? 300 + random(1500) : 600_000;
    // Few puts may be unanswered: lists and bursts are longer than what is remembered.
    const inFlight = kind === "puts" && random(2) === 0 ? 4 + random(12) : undefined;
    const narrow = inFlight !== undefined;
    this.#calls = new FuzzCalls(kind, this.#topics, narrow, this.#records, time, random);
    const limits = {
      ...full,
      ...(inFlight !== undefined && { dedupWindow: inFlight }),
    };
    const serverLimits = inFlight === undefined ? {} : { inFlight };
    const servers = !this.#lasting && random(3) === 0 ? 2 : 1;
    for (let i = 0; i < servers; i++) {
      const late = random(2) === 0 ? undefined : random(1_000_000);
      const choice = {
        kind: (["memory", "file"] as const)[random(2)]!,
        late,
        retention,
        limits,
        serverLimits,
        tokens: this.#tokens,
      };
      const server = new FuzzServer(`server${i}`, choice, time, this.#records, folder);
      this.#servers.push(server);
      this.#urls.push(this.#network.join(`server${i}`, server));
      this.#records.repeats = !this.#admin && servers === 1 && choice.kind === "file" && !passing &&
        full.storedBytes === undefined;
    }
  }

  async run(): Promise<RunResult> {
    for (const server of this.#servers) await server.open();
    const random = this.#random;
    for (let i = 0; i < 1 + random(2); i++) await this.#connect(`client${i}`);
    for (const client of this.#clients) {
      this.#calls.begin(client);
      this.#calls.loops.push(...this.#admin?.begin(client) ?? []);
    }
    this.#calls.loops.push(this.#feed());
    await this.#chaos();
    const hanging = !await this.#end();
    const faults = [...checkRun(this.#journal, this.#records, this.#wire)];
    if (hanging) faults.push("not everything has ended");
    return this.result(faults);
  }

  /** What is known of the run so far. */
  result(faults: readonly string[]): RunResult {
    const { connections } = this.#network;
    const cuts = connections.length - this.#clients.length;
    const { renewed = 0 } = this.#tokens?.seen ?? {};
    const seen = {
      ...{ cuts, restarts: this.#restarts, messages: this.#records.messages.size },
      renewed,
      ...this.#admin?.seen ?? { purged: 0, disconnected: 0, backedUp: 0 },
    };
    return { faults, seen, lines: this.#wire.lines };
  }

  /** A store that drops the oldest when it is full; if there are no readers, one that accepts no more. */
  #limits(): Partial<StoreLimits> {
    const random = this.#random;
    if (random(4) > 0) return {};
    // Three quarters of it hold the largest message, with all attributes.
    const storedBytes = 1300 + random(3000);
    return { storedBytes, overflow: this.#kind === "puts" ? "reject" : "drop-oldest" };
  }

  async #connect(name: string): Promise<void> {
    const options = {
      dial: this.#network.dial(name),
      heartbeatInterval: this.#heartbeat,
      reconnect: { minDelay: 1, maxDelay: 1 + this.#random(60) },
      timeout: 60_000,
      ...(this.#random(3) === 0 && { since: "start" as const }),
      ...(this.#tokens && { token: this.#tokens.source }),
    };
    // The first connection is made without faults; the fuzzer tests reconnecting.
    this.#calls.calm = true;
    if (this.#tokens) this.#tokens.calm = true;
    const opening = FuzzClient.open(name, this.#urls, options, this.#time, this.#journal);
    this.#clients.push(await this.#time.of(opening, "connecting"));
    this.#calls.calm = false;
    if (this.#tokens) this.#tokens.calm = false;
    this.#wire.of(name);
  }

  /** Puts messages without a client, some of them together. */
  async #feed(): Promise<void> {
    const random = this.#random;
    while (this.#time.now < CHAOS) {
      await this.#calls.pause(random(this.#kind === "puts" ? 400 : 80));
      const server = this.#servers[random(this.#servers.length)]!;
      await server.put(this.#calls.topic(), ...this.#calls.bodies(1 + random(4)));
    }
  }

  /** Servers that end and come back, and periods in which no server can be reached. */
  async #chaos(): Promise<void> {
    const random = this.#random;
    while (this.#time.now < CHAOS) {
      await this.#time.pass(random(800));
      const server = this.#servers[random(this.#servers.length)]!;
      switch (random(4)) {
        case 0:
          if (!this.#lasting) await this.#restart(server);
          break;
        case 1:
          server.backUp();
          break;
        default:
          if (random(2) === 0) this.#network.cut();
      }
    }
  }

  async #restart(server: FuzzServer): Promise<void> {
    const random = this.#random;
    this.#restarts++;
    if (random(2) === 0) await server.stop();
    else await server.kill();
    if (random(4) === 0) server.backUp();
    if (random(3) === 0) server.restore();
    await this.#time.pass([0, random(30), random(500)][random(3)]!);
    await server.open();
  }

  /** Without faults: every client gets to the last message. */
  async #end(): Promise<boolean> {
    this.#calls.calm = true;
    if (this.#tokens) this.#tokens.calm = this.#tokens.lasting = true;
    this.#network.cut();
    // The last messages are put when all clients are connected: they may not be retained for long.
    const there = await this.#time.until(
      () => this.#clients.every(({ name }) => this.#isThere(name)),
      CALM_TIME,
    );
    if (!there) this.#journal.faults.push("not every client reconnected");
    await this.#time.pass(1000);
    for (const [i, server] of this.#servers.entries()) {
      for (const topic of this.#topics) {
        await this.#time.of(server.put(topic, `${END} ${i} ${topic}`), "the last put");
      }
    }
    let ended = false;
    void Promise.all(this.#calls.loops).then(() => ended = true);
    const done = await this.#time.until(() => ended, CALM_TIME);
    for (const { mq } of this.#clients) {
      await this.#time.of(mq.close(), "closing").catch((error) =>
        this.#journal.faults.push(String(error))
      );
    }
    for (const server of this.#servers) await server.stop();
    return done;
  }

  #isThere(name: string): boolean {
    const newest = this.#network.connections.findLast(({ client }) => client === name)!;
    return !newest.over && this.#wire.of(name).lastTimes.has(newest);
  }
}
