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
  /** After how many milliseconds groups may have it. Default: at once. */
  readonly delay?: number | undefined;
}

/** A group: what it works on, and its name. */
export interface GroupPlan {
  /** A topic, or with `isPrefix` what the names of topics begin with. */
  readonly topic: string;
  readonly isPrefix: boolean;
  readonly group: string;
}

/** What a store has done to the jobs of a group. `clock` is the time by which leases end, in milliseconds since it was opened. */
interface GroupChange {
  readonly opening: number;
  readonly name: GroupPlan;
  readonly clock: number;
}

/** What a reader reads. */
export interface ReaderPlan {
  /** A topic, or with `isPrefix` what the names of topics begin with. */
  readonly topic: string;
  readonly isPrefix: boolean;
  /** Whether it is woken (`wait`, `subscribe`), or asks now and then: for the next message, or for the newest one. */
  readonly how: "subscribe" | "wait" | "poll" | "latest";
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
    /** Several servers share it, over a log that may be out of reach of some of them. Default: false. */
    readonly isShared?: boolean | undefined;
  }
  /** A server died, or was shut down, at a time of the clock by which leases end. */
  | { readonly kind: "closed"; readonly opening: number; readonly clock: number }
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
  /** A reader that is not woken asks; there is nothing for it. */
  | { readonly kind: "asked"; readonly reader: string }
  | { readonly kind: "found_nothing"; readonly reader: string }
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
  /** A holder was opened. */
  | (GroupChange & {
    readonly kind: "holder";
    readonly holder: string;
    readonly lease: number;
    readonly timeout: number;
    readonly attempts: number;
    /** If that makes the group, it gets what comes after this number. Default: all that is retained. */
    readonly after?: number | undefined;
    /** The claims of it that it knows of, or is told: the others are given back. Default: all. */
    readonly knows?: readonly number[];
  })
  /** A job was given to a holder. */
  | (GroupChange & {
    readonly kind: "claimed";
    readonly holder: string;
    readonly claim: number;
    readonly seq: number;
    readonly attempt: number;
  })
  /** A claim was finished, or was to be; `lost`: its lease had ended. */
  | (GroupChange & {
    readonly kind: "finished";
    readonly claim: number;
    readonly outcome: "done" | "retry" | "dead" | "release" | "lost";
  })
  /** Leases were renewed: of a holder, and of those who hold claims. */
  | (GroupChange & {
    readonly kind: "extended";
    readonly holder?: string | undefined;
    readonly claims: readonly number[];
    readonly lost: readonly number[];
  })
  /** A holder takes no more jobs; it was said of one that its lease has ended. */
  | (GroupChange & { readonly kind: "holder_closed"; readonly holder: string })
  | (GroupChange & { readonly kind: "holder_ended"; readonly holder: string })
  /** Without faults, and when nothing is left to do: the jobs that are dead or were given up. */
  | {
    readonly kind: "drained";
    readonly name: GroupPlan;
    readonly dead: number;
    readonly givenUp: number;
  }
  /** The handler of a worker has begun; it was told to stop; it has ended. */
  | {
    readonly kind: "job_began";
    readonly process: string;
    readonly name: GroupPlan;
    readonly claim: number;
    readonly seq: number;
    readonly body: string;
    readonly attempt: number;
    /** How many this worker may work on at once. */
    readonly concurrency: number;
  }
  | { readonly kind: "job_aborted"; readonly process: string; readonly claim: number }
  | {
    readonly kind: "job_ended";
    readonly process: string;
    readonly claim: number;
    readonly outcome: "done" | "retry" | "dead" | "release";
  }
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
