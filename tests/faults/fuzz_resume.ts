/**
 * Random faults under reads, newest, streams and puts: connections that are cut at any byte, replies that are lost or
 * late, servers that restart, lose their memory or come back with an older file, and two servers with two histories.
 * Nothing may be lost, doubled, reordered, silently skipped, falsely told, or hang. A seed repeats a run exactly.
 *
 * @module
 */

import { FuzzClient, Journal } from "../support/fuzz_client.ts";
import { type Fate, FuzzNetwork } from "../support/fuzz_network.ts";
import { FuzzServer, Records, type StoreChoice } from "../support/fuzz_server.ts";
import { VirtualTime } from "../support/fuzz_time.ts";
import { verdict } from "../support/fuzz_verdict.ts";
import { WireLog } from "../support/fuzz_wire_log.ts";
import { type Random, seeded } from "../support/seeded.ts";
import type { Finding } from "./report.ts";

/** What the clients of a run do. */
export type ResumeKind = "reads" | "newest" | "streams" | "puts" | "mixed";

/** All of them. */
export const RESUME_KINDS: readonly ResumeKind[] = ["reads", "newest", "streams", "puts", "mixed"];

/** How a run went. */
export interface RunResult {
  /** What must not be, in sentences. */
  readonly faults: readonly string[];
  /** What happened, in figures. */
  readonly seen: { readonly cuts: number; readonly restarts: number; readonly messages: number };
  /** All that was said, if it was kept. */
  readonly lines: readonly string[];
}

/** How often it is run. */
export interface ResumeOptions {
  /** How many seeds, each with all kinds. */
  readonly runs: number;
  /** The first of them. */
  readonly seed: number;
}

/**
 * Runs many seeds.
 *
 * @param options how many
 * @returns what was found; of a fault, with which seed
 */
export async function resume({ runs, seed }: ResumeOptions): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const kind of RESUME_KINDS) {
    const bad: string[] = [];
    let [cuts, restarts, messages] = [0, 0, 0];
    for (let i = seed; i < seed + runs; i++) {
      const { faults, seen, lines } = await resumeRun(kind, i, { keeps: runs === 1 });
      cuts += seen.cuts;
      restarts += seen.restarts;
      messages += seen.messages;
      if (faults.length === 0) continue;
      bad.push(`${i}`);
      console.error(`deno task fuzz resume 1 ${i}: ${kind}`);
      console.error([...lines, ...faults.slice(0, 10)].join("\n"));
    }
    const figures = `${messages} messages, ${cuts} breaks, ${restarts} restarts`;
    found.push({ what: `${kind}: ${runs} runs`, seen: figures, good: true });
    found.push({
      what: `${kind}: something lost, doubled, reordered, skipped, falsely told, or hanging`,
      seen: bad.length === 0 ? 0 : `seeds ${bad.slice(0, 10).join(", ")}`,
      good: bad.length === 0,
    });
  }
  return found;
}

/** For how long there are faults, and how long everything may take to end afterwards, in milliseconds. */
const CHAOS = 2500;
const CALM = 30_000;

/** The message that is put last. */
const END = "the end";

/** Runs one seed. */
export async function resumeRun(
  kind: ResumeKind,
  seed: number,
  { keeps = false }: { readonly keeps?: boolean } = {},
): Promise<RunResult> {
  const folder = Deno.makeTempDirSync({ prefix: "dsmq-fuzz-" });
  try {
    using time = new VirtualTime(seed);
    return await new ResumeRun(kind, seed, time, folder, keeps).run();
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

class ResumeRun {
  readonly #kind: ResumeKind;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #records = new Records();
  readonly #journal = new Journal();
  readonly #network: FuzzNetwork;
  readonly #wire: WireLog;
  readonly #servers: FuzzServer[] = [];
  readonly #urls: string[] = [];
  readonly #topics: string[];
  readonly #clients: FuzzClient[] = [];
  /** What was begun and has to end. */
  readonly #loops: Promise<unknown>[] = [];
  readonly #heartbeat: number;
  #calm = false;
  #restarts = 0;
  #lastBody = 0;

  constructor(
    kind: ResumeKind,
    seed: number,
    time: VirtualTime,
    folder: string,
    keeps: boolean,
  ) {
    this.#kind = kind;
    this.#time = time;
    const random = this.#random = seeded(seed * 7919 + RESUME_KINDS.indexOf(kind));
    this.#network = new FuzzNetwork(time, random);
    this.#wire = new WireLog(this.#network, keeps);
    this.#network.fate = () => this.#fate();
    this.#topics = ["a", "b", "c"].slice(0, 1 + random(3));
    this.#heartbeat = [100, 150, 400, 10_000][random(4)]!;
    const retention = random(3) === 0 ? 300 + random(1500) : 600_000;
    // A put whose session was forgotten may not be repeated: that is another matter.
    const limits: StoreChoice["limits"] = kind !== "puts" && random(4) === 0
      ? { storedBytes: 1000 + random(3000), overflow: "drop-oldest" as const }
      : {};
    for (let i = 0; i < 1 + Number(random(3) === 0); i++) {
      const late = random(2) === 0 ? undefined : random(1_000_000);
      const choice = { kind: (["memory", "file"] as const)[random(2)]!, late, retention, limits };
      const server = new FuzzServer(`server${i}`, choice, time, this.#records, folder);
      this.#servers.push(server);
      this.#urls.push(this.#network.join(`server${i}`, server));
    }
  }

  async run(): Promise<RunResult> {
    for (const server of this.#servers) await server.open();
    const random = this.#random;
    for (let i = 0; i < 1 + random(2); i++) await this.#connect(`client${i}`);
    for (const client of this.#clients) this.#begin(client);
    this.#loops.push(this.#feed());
    await this.#chaos();
    const hung = !await this.#end();
    const faults = [...verdict(this.#journal, this.#records, this.#wire)];
    if (hung) faults.push("not everything has ended");
    const { connections } = this.#network;
    const cuts = connections.length - this.#clients.length;
    const seen = { cuts, restarts: this.#restarts, messages: this.#records.messages.size };
    return { faults, seen, lines: this.#wire.lines };
  }

  async #connect(name: string): Promise<void> {
    const options = {
      url: this.#urls,
      dial: this.#network.dial(name),
      heartbeat: this.#heartbeat,
      reconnect: { firstPause: 1, longestPause: 1 + this.#random(60) },
      timeout: 60_000,
      ...(this.#random(3) === 0 && { since: "start" as const }),
    };
    // The first contact is made in peace; the fuzzer is about coming back.
    this.#calm = true;
    const opening = FuzzClient.open(name, options, this.#time, this.#journal);
    this.#clients.push(await this.#time.of(opening, "connecting"));
    this.#calm = false;
    this.#wire.of(name);
  }

  /** What happens to the next connection. */
  #fate(): Fate {
    const random = this.#random;
    if (this.#calm) return { delay: 1 };
    const learns = () => [0, random(30), random(400), Infinity][random(4)]!;
    const fate = {
      delay: [0.5, 2, 10, 40][random(4)]!,
      clientLearns: this.#heartbeat < 1000 ? learns() : random(50),
      serverLearns: learns(),
    };
    // The answer to hello is some 800 bytes.
    const bytes = () => [random(1200), 800 + random(600), 800 + random(4000)][random(3)]!;
    switch (random(8)) {
      case 0:
      case 1:
        return { ...fate, cutAfterDown: bytes() };
      case 2:
      case 3:
        return { ...fate, cutAfterUp: 100 + random(1500) };
      case 4:
        return { ...fate, deafAfterDown: bytes(), cutAfter: random(600) };
      case 5:
        return { ...fate, deafAfterUp: 100 + random(1500), cutAfter: random(600) };
      case 6:
        return { ...fate, cutAfter: random(500) };
      default:
        return random(6) === 0
          ? { ...fate, unanswered: true }
          : { ...fate, cutAfter: random(3000) };
    }
  }

  /** Puts messages past all clients, some of them together. */
  async #feed(): Promise<void> {
    const random = this.#random;
    while (this.#time.now < CHAOS) {
      await this.#pause(random(this.#kind === "puts" ? 400 : 80));
      const server = this.#servers[random(this.#servers.length)]!;
      await server.put(this.#topic(), ...this.#bodies(1 + random(4)));
    }
  }

  #begin(client: FuzzClient): void {
    const random = this.#random;
    for (const topic of this.#topics) {
      switch (this.#kind) {
        case "reads":
          this.#loops.push(this.#reads(client, topic));
          break;
        case "newest":
          this.#loops.push(this.#newest(client, topic));
          break;
        case "streams":
          this.#loops.push(this.#streams(client, topic));
          break;
        case "mixed":
          if (random(3) > 0) this.#loops.push(this.#reads(client, topic));
          if (random(2) > 0) this.#loops.push(this.#streams(client, topic));
      }
    }
    if (this.#kind === "puts" || this.#kind === "mixed") this.#loops.push(this.#puts(client));
  }

  /** Gets and waits, some of them together, until the last message has come. */
  async #reads(client: FuzzClient, topic: string): Promise<void> {
    const random = this.#random;
    await this.#pause(random(300));
    for (let over = false; !over;) {
      const calls = Array.from({ length: 1 + (random(2) && random(4)) }, () => {
        const plain = random(2) === 0;
        if (random(3) > 0) return client.read(topic, "oldest", { plain });
        const abort = random(4) === 0 ? new AbortController() : undefined;
        if (abort) this.#time.after(random(80), () => abort.abort());
        const timeout = [0, random(20), random(200), random(1500)][random(4)]!;
        return client.read(topic, "wait", { plain, timeout, signal: abort?.signal });
      });
      await Promise.all(calls.map(({ ended }) => ended));
      over = calls.some(({ call }) => isEnd(call.outcome));
      // A session that read nothing for a while is a case of its own.
      await this.#pause(this.#calm ? random(5) : random(20) === 0 ? random(800) : random(60));
    }
  }

  async #newest(client: FuzzClient, topic: string): Promise<void> {
    const random = this.#random;
    for (let over = false; !over;) {
      const calls = Array.from(
        { length: 1 + (random(3) === 0 ? 1 : 0) },
        () => client.read(topic, "newest", { plain: random(2) === 0 }),
      );
      await Promise.all(calls.map(({ ended }) => ended));
      over = calls.some(({ call }) => isEnd(call.outcome));
      await this.#pause(random(this.#calm ? 5 : 100));
    }
  }

  async #streams(client: FuzzClient, topic: string): Promise<void> {
    await this.#pause(this.#random(300));
    const since = (["cursor", "cursor", "start", "now"] as const)[this.#random(4)]!;
    const { log, leave } = client.subscribe(topic, since);
    while (!log.events.some(({ outcome }) => isEnd(outcome)) && !log.ended) await this.#pause(5);
    await leave();
  }

  async #puts(client: FuzzClient): Promise<void> {
    const random = this.#random;
    while (this.#time.now < CHAOS) {
      const together = Array.from({ length: 1 + random(4) }, () => {
        const list = random(4) === 0;
        return client.put(this.#topic(), this.#bodies(list ? 1 + random(5) : 1), list);
      });
      // Some go on before they are answered.
      if (random(3) === 0) this.#loops.push(...together);
      else await Promise.all(together);
      await this.#pause(random(60));
    }
  }

  /** Servers that end and come back, and a time in which nobody is reached. */
  async #chaos(): Promise<void> {
    const random = this.#random;
    while (this.#time.now < CHAOS) {
      await this.#time.pass(random(800));
      const server = this.#servers[random(this.#servers.length)]!;
      switch (random(4)) {
        case 0:
          await this.#restart(server);
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

  /** In peace: everybody gets to the last message. */
  async #end(): Promise<boolean> {
    this.#calm = true;
    this.#network.cut();
    // The last messages are put when everybody is there: they may not be kept for long.
    const there = await this.#time.until(
      () => this.#clients.every(({ name }) => this.#isThere(name)),
      CALM,
    );
    if (!there) this.#journal.faults.push("not everybody came back");
    await this.#time.pass(1000);
    for (const [i, server] of this.#servers.entries()) {
      for (const topic of this.#topics) {
        await this.#time.of(server.put(topic, `${END} ${i} ${topic}`), "the last put");
      }
    }
    let ended = false;
    void Promise.all(this.#loops).then(() => ended = true);
    const done = await this.#time.until(() => ended, CALM);
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
    return !newest.over && this.#wire.of(name).heard.has(newest);
  }

  #topic(): string {
    return this.#topics[this.#random(this.#topics.length)]!;
  }

  #bodies(count: number): string[] {
    return Array.from({ length: count }, () => {
      const long = this.#random(12) === 0 ? "x".repeat(this.#random(500)) : "";
      return `m${++this.#lastBody}${long}`;
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#time.after(ms, resolve));
  }
}

function isEnd(outcome: { readonly kind: string; readonly body?: string } | undefined): boolean {
  return outcome?.kind === "message" && outcome.body!.startsWith(END);
}
