/**
 * A client of the fuzzers: the real one, and a record of its calls and their outcomes.
 *
 * @module
 */

import {
  connect,
  type Connection,
  type ConnectOptions,
  DsmqError,
  type Message,
} from "../../client.ts";
import { attributesFault, attributesOf } from "./fuzz_attributes.ts";
import type { Records } from "./fuzz_records.ts";
import { recordIds } from "./record_ids.ts";
import type { VirtualTime } from "./fuzz_time.ts";

/** How a call, or the next step of a stream, ended. */
export type Outcome =
  | {
    readonly kind: "message";
    readonly body: string;
    readonly seq: number | undefined;
    readonly topic?: string;
  }
  | { readonly kind: "none" }
  | { readonly kind: "gap"; readonly error: DsmqError }
  | { readonly kind: "error"; readonly code: string };

/** A call. */
export interface CallRecord {
  readonly client: string;
  /** Its place among all calls of the run. */
  readonly order: number;
  /** When, by the time of the run (ms) and by its events. */
  readonly at: number;
  readonly step: number;
}

/** A read of one message. */
export interface ReadCall extends CallRecord {
  readonly topic: string;
  readonly mode: "oldest" | "newest" | "wait";
  /** Of a waiting one, in milliseconds. */
  readonly timeout: number | undefined;
  abortedAt: number | undefined;
  outcome: Outcome | undefined;
  endedAt: number;
  endedStep: number;
}

/** What a subscription yielded. */
export interface StreamLog extends CallRecord {
  readonly topic: string;
  readonly since: "cursor" | "start" | "now";
  readonly events: { readonly at: number; readonly step: number; readonly outcome: Outcome }[];
  /** It was cancelled by its reader, or the connection was closed by its user. */
  cancelled: boolean;
  /** Its ids on the wire: a new one on each connection. */
  readonly ids: number[];
  ended: boolean;
}

/** A put, or one message of a list. */
export interface PutCall extends CallRecord {
  readonly topic: string;
  readonly body: string;
  /** It was put before, with the same id. */
  readonly isRepeated: boolean;
  outcome: { readonly seq: number } | { readonly code: string } | undefined;
  endedAt: number;
}

/** All calls of all clients of a run. */
export class Journal {
  readonly reads: ReadCall[] = [];
  readonly streams: StreamLog[] = [];
  readonly puts: PutCall[] = [];
  /** Faults of clients. */
  readonly faults: string[] = [];
  readonly #records: Pick<Records, "callCount">;

  /** Counts a call in the records, so that it is known what was stored before. */
  constructor(records: Pick<Records, "callCount">) {
    this.#records = records;
  }

  /** The next place in the order of calls. */
  next(): number {
    return ++this.#records.callCount;
  }
}

const GAPS = new Set(["trimmed", "ahead", "epoch_changed"]);

/** Classifies an error. */
export function failure(error: unknown): Outcome {
  if (!(error instanceof DsmqError)) {
    const { name = "?", message = "" } = Object(error) as Partial<Error>;
    return { kind: "error", code: name === "AbortError" ? "aborted" : `${name}: ${message}` };
  }
  return GAPS.has(error.code) ? { kind: "gap", error } : { kind: "error", code: error.code };
}

/** One client. */
export class FuzzClient {
  readonly name: string;
  readonly mq: Connection;
  readonly #time: VirtualTime;
  readonly #journal: Journal;
  /** From here on every call must be refused. */
  closedAt: number | undefined;

  private constructor(name: string, mq: Connection, time: VirtualTime, journal: Journal) {
    this.name = name;
    this.mq = mq;
    this.#time = time;
    this.#journal = journal;
  }

  /** Connects; time must pass meanwhile. */
  static async open(
    name: string,
    urls: readonly string[],
    options: ConnectOptions,
    time: VirtualTime,
    journal: Journal,
  ): Promise<FuzzClient> {
    return new FuzzClient(name, await connect(urls, options), time, journal);
  }

  /** Reads in one of the possible ways; `plain` returns the text alone. */
  read(
    topic: string,
    mode: ReadCall["mode"],
    { plain = false, timeout, signal }: {
      plain?: boolean;
      timeout?: number | undefined;
      signal?: AbortSignal | undefined;
    } = {},
  ): { readonly call: ReadCall; readonly ended: Promise<void> } {
    const call: ReadCall = {
      ...this.#newCall(),
      topic,
      mode,
      timeout: mode === "wait" ? timeout ?? 10_000 : undefined,
      abortedAt: undefined,
      outcome: undefined,
      endedAt: NaN,
      endedStep: NaN,
    };
    this.#journal.reads.push(call);
    signal?.addEventListener("abort", () => call.abortedAt ??= this.#time.now);
    const cancelledBy = signal && { signal };
    const options = { ...(timeout !== undefined && { timeout }), ...cancelledBy };
    const ways = {
      oldest: {},
      newest: { latest: true },
      wait: { wait: timeout ?? 10_000 },
    };
    const { mq } = this;
    const result: Promise<Message | string | undefined> = !plain
      ? mq.read(topic, { ...ways[mode], ...cancelledBy })
      : mode === "wait"
      ? mq.getWait(topic, options)
      : mode === "newest"
      ? mq.getLatest(topic)
      : mq.get(topic);
    const end = (outcome: Outcome) => {
      if (call.outcome) this.#journal.faults.push(`a read of ${topic} ended twice`);
      call.outcome = outcome;
      call.endedAt = this.#time.now;
      call.endedStep = this.#time.steps;
    };
    const ended = result.then(
      (message) => {
        if (message === undefined || message === "") end({ kind: "none" });
        else if (typeof message === "string") {
          end({ kind: "message", body: message, seq: undefined });
        } else {
          this.#checkAttributes(message);
          end({ kind: "message", body: message.body, seq: message.seq });
        }
      },
      (error) => end(failure(error)),
    );
    return { call, ended };
  }

  /** Subscribes to a topic, or to a prefix such as `news.*`, and reads on and on; after a gap it continues with the oldest retained message. */
  subscribe(
    topic: string,
    since: StreamLog["since"],
    { signal }: { signal?: AbortSignal } = {},
  ): { readonly log: StreamLog; cancel(): Promise<unknown>; readonly ended: Promise<void> } {
    const log: StreamLog = {
      ...this.#newCall(),
      topic,
      since,
      events: [],
      cancelled: false,
      ids: [],
      ended: false,
    };
    this.#journal.streams.push(log);
    const addEvent = (outcome: Outcome) => {
      log.events.push({ at: this.#time.now, step: this.#time.steps, outcome });
    };
    const from = topic.endsWith("*") ? { prefix: topic.slice(0, -1) } : topic;
    const stream = this.mq.subscribe(from, {
      ...(since !== "cursor" && { since }),
      ...(signal && { signal }),
      onGap: (error) => {
        addEvent({ kind: "gap", error });
        return "oldest";
      },
    });
    recordIds(stream, log.ids);
    signal?.addEventListener("abort", () => log.cancelled = true);
    const ended = (async () => {
      try {
        for await (const message of stream) {
          const { body, seq, topic } = message;
          this.#checkAttributes(message);
          addEvent({ kind: "message", body, seq, topic });
        }
        addEvent({ kind: "none" });
      } catch (error) {
        addEvent(failure(error));
      }
      log.ended = true;
    })();
    return {
      log,
      ended,
      cancel: () => {
        log.cancelled = true;
        return stream.return!();
      },
    };
  }

  /** Puts one message, or a list; perhaps again, those that have an id. */
  put(
    topic: string,
    bodies: readonly string[],
    list = bodies.length !== 1,
    isRepeated = false,
  ): Promise<void> {
    const calls = bodies.map((body): PutCall => ({
      ...this.#newCall(),
      topic,
      body,
      isRepeated,
      outcome: undefined,
      endedAt: NaN,
    }));
    this.#journal.puts.push(...calls);
    const end = (i: number, outcome: PutCall["outcome"]) => {
      const call = calls[i];
      if (!call) return;
      call.outcome = outcome;
      call.endedAt = this.#time.now;
    };
    const result = list
      ? this.mq.putMany(topic, bodies.map((body) => ({ body, ...attributesOf(body) })))
      : this.mq.put(topic, bodies[0]!, attributesOf(bodies[0]!)).then((seq) => [seq]);
    return result.then(
      (seqs) => {
        if (seqs.length !== bodies.length) this.#journal.faults.push("a list was answered in part");
        seqs.forEach((seq, i) => end(i, { seq }));
      },
      (error: DsmqError) => {
        bodies.forEach((_, i) => {
          const outcome = error.outcomes?.[i];
          if (typeof outcome === "number") end(i, { seq: outcome });
          else end(i, { code: outcome?.code ?? error.code ?? String(error) });
        });
      },
    );
  }

  #checkAttributes(message: Message): void {
    const fault = attributesFault(message);
    if (fault) this.#journal.faults.push(`${this.name} read ${fault}`);
  }

  #newCall(): CallRecord {
    return {
      client: this.name,
      order: this.#journal.next(),
      at: this.#time.now,
      step: this.#time.steps,
    };
  }
}
