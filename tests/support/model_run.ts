/**
 * Runs a program of calls against real clients and real connections, and records the outcome of each call.
 *
 * @module
 */

import type { TopicInfo } from "../../client.ts";
import { failure, FuzzClient, Journal, type ReadCall } from "./fuzz_client.ts";
import { FuzzNetwork } from "./fuzz_network.ts";
import { Records } from "./fuzz_records.ts";
import { watchPurges } from "./fuzz_purges.ts";
import { FuzzServer } from "./fuzz_server.ts";
import { VirtualTime } from "./fuzz_time.ts";
import { checkRun } from "./fuzz_run_check.ts";
import { WireLog } from "./fuzz_wire_log.ts";
import { modelFaults } from "./model_turns.ts";
import { type Program, type Step, TOPICS } from "./model_program.ts";
import { seeded } from "../../testing/seeded.ts";

/** Which store keeps the messages of a run. */
export type StoreKind = "memory" | "late" | "file";

/** All of them. */
export const STORE_KINDS: readonly StoreKind[] = ["memory", "late", "file"];

/** A call of `topics`. */
export interface TopicsCall {
  readonly client: string;
  readonly at: number;
  readonly step: number;
  endedAt: number;
  found: readonly TopicInfo[] | string | undefined;
}

/** The message that is put last. */
const END = "the end";

/** How long everything may take to end, in milliseconds. */
const TIMEOUT = 20_000;

/**
 * Runs a program.
 *
 * @param program the calls, and when they are made
 * @param storeKind which store keeps the messages
 * @param lines gets all that was sent on the wire, if it is given
 * @returns the faults, in sentences
 */
export async function runProgram(
  program: Program,
  storeKind: StoreKind,
  lines?: string[],
): Promise<readonly string[]> {
  const folder = storeKind === "file" ? Deno.makeTempDirSync({ prefix: "dsmq-turns-" }) : "";
  try {
    using time = new VirtualTime(program.seed);
    const run = new ProgramRun(program, storeKind, time, folder, lines !== undefined);
    const faults = await run.run();
    lines?.push(...run.wire.lines);
    return faults;
  } finally {
    if (folder !== "") Deno.removeSync(folder, { recursive: true });
  }
}

class ProgramRun {
  readonly wire: WireLog;
  readonly #program: Program;
  readonly #time: VirtualTime;
  readonly #records = new Records();
  readonly #journal = new Journal(this.#records);
  readonly #topics: TopicsCall[] = [];
  readonly #network: FuzzNetwork;
  readonly #servers: FuzzServer[];
  readonly #urls: string[];
  /** The current clients; a closed one is replaced after the turn. */
  readonly #clients: (FuzzClient & { closing?: Promise<void> })[] = [];
  readonly #waits: { readonly topic: string; readonly controller: AbortController }[] = [];
  readonly #streams: ReturnType<FuzzClient["subscribe"]>[] = [];
  readonly #closed = new Map<string, number>();
  #opened = 0;
  #lastBody = 0;

  constructor(
    program: Program,
    storeKind: StoreKind,
    time: VirtualTime,
    folder: string,
    keepLog: boolean,
  ) {
    this.#program = program;
    this.#time = time;
    this.#network = new FuzzNetwork(time, seeded(program.seed));
    this.#network.faults = () => ({ delay: 3 });
    this.wire = new WireLog(this.#network, keepLog);
    watchPurges(this.#network, this.wire, this.#records);
    const { retention, stored } = program;
    this.#servers = Array.from({ length: program.servers }, (_, i) => {
      const choice = {
        kind: storeKind === "file" ? "file" as const : "memory" as const,
        late: storeKind === "late" ? program.seed + i : undefined,
        retention,
        limits: stored === undefined
          ? {}
          : { storedBytes: stored, overflow: "drop-oldest" as const },
      };
      const server = new FuzzServer(`server${i}`, choice, time, this.#records, folder);
      // Clients try addresses in a random order, and this one has another history.
      server.away = i > 0;
      return server;
    });
    this.#urls = this.#servers.map((server, i) => this.#network.join(`server${i}`, server));
  }

  async run(): Promise<readonly string[]> {
    for (const server of this.#servers) await server.open();
    // There are messages before any client connects.
    this.#do({ do: "arrive", topic: "a", count: 2 });
    await this.#time.pass(10);
    for (let i = 0; i < this.#program.clients; i++) this.#clients.push(await this.#connect());
    for (const { steps, pass, move } of this.#program.turns) {
      for (const step of steps) this.#do(step);
      await this.#time.pass(pass);
      await this.#replaceClosed();
      if (move && this.#servers.length > 1) await this.#move();
    }
    await this.#readOut();
    return [
      ...checkRun(this.#journal, this.#records, this.wire, this.#moved ? undefined : "exact"),
      ...modelFaults({
        journal: this.#journal,
        records: this.#records,
        wire: this.wire,
        topics: this.#topics,
        closed: this.#closed,
        oneHistory: !this.#moved,
      }),
    ];
  }

  #moved = false;

  #do(step: Step): void {
    if (step.do === "arrive") {
      const server = this.#servers.find(({ away }) => !away)!;
      void server.put(step.topic, ...this.#bodies(step.count));
      return;
    }
    if (step.do === "abort") return this.#abort(step.which, step.late);
    if (step.do === "leave") return void this.#streams.at(-1 - step.which)?.cancel();
    const client = this.#clients[step.who % this.#clients.length]!;
    switch (step.do) {
      case "read": {
        const { topic, mode, plain, timeout } = step;
        // An aborted read of the newest has skipped what is older, so that nobody knows what is missing.
        const canAbort = mode === "wait" || (mode === "oldest" && !plain);
        const controller = step.signal && canAbort ? new AbortController() : undefined;
        if (controller) this.#waits.push({ topic, controller });
        client.read(topic, mode, { plain, timeout, signal: controller?.signal });
        return;
      }
      case "put":
        return void client.put(step.topic, this.#bodies(step.count), step.list || step.count > 1);
      case "subscribe":
        // After the end of a connection there is nothing to subscribe to.
        if (!this.#closed.has(client.name)) {
          this.#streams.push(client.subscribe(step.topic, step.since));
        }
        return;
      case "topics":
        return this.#list(client);
      case "purge":
        return this.#purge(client, step.topic, step.ago);
      case "close":
        return this.#close(client);
      default:
        step satisfies never;
    }
  }

  #abort(which: number, late: boolean): void {
    const wait = this.#waits.at(-1 - which);
    if (!wait) return;
    if (late) this.#do({ do: "arrive", topic: wait.topic, count: 1 });
    wait.controller.abort();
  }

  #list({ name, mq }: FuzzClient): void {
    const { now: at, steps: step } = this.#time;
    const call: TopicsCall = { client: name, at, step, endedAt: NaN, found: undefined };
    this.#topics.push(call);
    const end = (found: TopicsCall["found"]) => {
      call.found = found;
      call.endedAt = this.#time.now;
    };
    mq.topics().then(end, (error) => {
      const outcome = failure(error);
      end(outcome.kind === "error" ? outcome.code : outcome.kind);
    });
  }

  #purge({ name, mq }: FuzzClient, topic: string, ago: number | undefined): void {
    mq.purge(topic, ago === undefined ? {} : { before: { ago } }).catch(({ code }) => {
      // Before it was answered.
      if (code === "unknown_outcome" || code === "closed" && this.#closed.has(name)) return;
      this.#journal.faults.push(`${name} purges ${topic}: ${code}`);
    });
  }

  #close(client: FuzzClient & { closing?: Promise<void> }): void {
    if (this.#closed.has(client.name)) return;
    this.#closed.set(client.name, this.#journal.next());
    for (const stream of this.#streams) {
      if (stream.log.client === client.name) stream.log.cancelled = true;
    }
    client.closing = client.mq.close().then(() => client.closedAt = this.#time.now).then(() => {});
  }

  async #connect(): Promise<FuzzClient> {
    const name = `client${this.#opened++}`;
    const { since, heartbeat } = this.#program;
    const options = {
      dial: this.#network.dial(name),
      since,
      heartbeatInterval: heartbeat,
      reconnect: { minDelay: 1, maxDelay: 5 },
    };
    const opening = FuzzClient.open(name, this.#urls, options, this.#time, this.#journal);
    return await this.#time.of(opening, "connecting");
  }

  async #replaceClosed(): Promise<void> {
    for (const [i, client] of this.#clients.entries()) {
      if (!client.closing) continue;
      await this.#time.of(client.closing, "closing");
      this.#clients[i] = await this.#connect();
    }
  }

  /** All clients change to the other server, with its own history, once nothing is in flight. */
  async #move(): Promise<void> {
    this.#moved = true;
    await this.#time.pass(1000);
    const from = this.#servers.find(({ away }) => !away)!;
    for (const server of this.#servers) server.away = server === from;
    this.#network.cut(from);
    await this.#time.pass(200);
  }

  /** Every client reads all that is left, up to a last message. */
  async #readOut(): Promise<void> {
    const server = this.#servers.find(({ away }) => !away)!;
    await this.#time.pass(1000);
    for (const topic of TOPICS) await this.#time.of(server.put(topic, `${END} ${topic}`), "a put");
    for (const client of this.#clients) {
      for (const topic of TOPICS) await this.#readTo(client, topic);
    }
    // Those that still wait for more than there is end by their timeout.
    const { reads, puts } = this.#journal;
    const settled = () =>
      [...reads, ...puts].every(({ outcome }) => outcome) &&
      this.#topics.every(({ found }) => found !== undefined) &&
      this.#streams.every(({ log }) => log.cancelled || log.ended || log.events.some(isEnd));
    if (!await this.#time.until(settled, TIMEOUT)) {
      this.#journal.faults.push("not everything has ended");
    }
    for (const { cancel } of this.#streams) void cancel();
    for (const { mq } of this.#clients) await this.#time.of(mq.close(), "closing");
    for (const server of this.#servers) await server.stop();
  }

  async #readTo(client: FuzzClient, topic: string): Promise<void> {
    const isOurs = (call: ReadCall) => call.client === client.name && call.topic === topic;
    for (let attempts = 0; attempts < 300; attempts++) {
      if (this.#journal.reads.some((call) => isOurs(call) && isEnd(call))) return;
      const { ended } = client.read(topic, "oldest");
      await this.#time.of(ended, "the last reads");
    }
    this.#journal.faults.push(`${client.name} does not reach the last message of ${topic}`);
  }

  #bodies(count: number): string[] {
    return Array.from({ length: count }, () => `m${++this.#lastBody}`);
  }
}

function isEnd({ outcome }: Pick<ReadCall, "outcome">): boolean {
  return outcome?.kind === "message" && outcome.body.startsWith(END);
}
