/**
 * The history of a simulation: what was done, and what came of it. The oracle judges it, and two runs of a seed have the same.
 *
 * @module
 */

/** A message as a store has it. */
export interface StoredMessage {
  readonly seq: number;
  /** By the time of the store, in milliseconds since 1970. */
  readonly time: number;
  readonly topic: string;
  readonly body: string;
  readonly key?: string | undefined;
}

/** What a reader reads. */
export interface ReaderPlan {
  /** A topic, or with `isPrefix` what the names of topics begin with. */
  readonly topic: string;
  readonly isPrefix: boolean;
  /** Whether it is woken (`wait`, `subscribe`), or asks now and then. */
  readonly how: "subscribe" | "wait" | "poll";
  readonly since: "start" | "now";
}

/** Something that happened. */
export type HistoryEntry =
  /** A store was opened: what it holds. A later opening of its file is the same lineage. */
  | {
    readonly kind: "opened";
    readonly opening: number;
    readonly lineage: string;
    readonly epoch: string;
    /** The store's time. */
    readonly time: number;
    readonly retention: number;
    /** The last number that was given. */
    readonly last: number;
    readonly messages: readonly StoredMessage[];
  }
  /** A server died, or was shut down. */
  | { readonly kind: "closed"; readonly opening: number }
  /** A server has committed a message, and told its readers. */
  | ({ readonly kind: "stored"; readonly opening: number } & StoredMessage)
  | {
    readonly kind: "put";
    readonly call: number;
    readonly client: string;
    readonly topic: string;
    readonly body: string;
  }
  | { readonly kind: "acknowledged"; readonly call: number; readonly seq: number }
  | { readonly kind: "put_failed"; readonly call: number; readonly code: string }
  /** A reader begins to connect; it is connected. */
  | ({ readonly kind: "reader"; readonly reader: string; readonly client: string } & ReaderPlan)
  | { readonly kind: "reading"; readonly reader: string }
  | {
    readonly kind: "read";
    readonly reader: string;
    readonly epoch: string;
    readonly seq: number;
    readonly topic: string;
    readonly body: string;
  }
  | { readonly kind: "gap"; readonly reader: string; readonly code: string }
  /** A wait, or any other call, has begun; it has ended. */
  | {
    readonly kind: "called";
    readonly call: number;
    readonly client: string;
    readonly what: string;
    /** After how many milliseconds it has to end. Default: it may take as long as the faults. */
    readonly timeout?: number | undefined;
  }
  | { readonly kind: "returned"; readonly call: number; readonly outcome: string }
  /** A process was killed, stopped or woken. */
  | { readonly kind: "killed" | "stopped" | "woken"; readonly process: string }
  /** The wall clock of a process was set. */
  | { readonly kind: "clock_set"; readonly process: string; readonly by: number }
  /** No faults any more: everybody is connected. */
  | { readonly kind: "calm" }
  /** Everything that was to come has come, or never will. */
  | { readonly kind: "end" }
  /** Something that must never happen. */
  | { readonly kind: "fault"; readonly what: string };

/** An entry, and when it was made, in milliseconds since the run began. */
export type TimedEntry = HistoryEntry & { readonly at: number };

/** Records a history. */
export class History {
  readonly entries: TimedEntry[] = [];
  readonly #now: () => number;
  #lastCall = 0;

  /** Begins; `now` tells the time. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The number of a new call. */
  nextCall(): number {
    return ++this.#lastCall;
  }

  /** Records something. */
  add(entry: HistoryEntry): void {
    this.entries.push({ at: this.#now(), ...entry });
  }

  /** All of it, a line each. */
  get lines(): string[] {
    return this.entries.map((entry) => JSON.stringify(entry));
  }
}
