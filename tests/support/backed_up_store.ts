/**
 * A store that is backed up, and what was ever in it.
 *
 * @module
 */

import type { BackupInfo, TopicGone } from "@dsmq/server";
import { BackupFile } from "../../stores/backup_file.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import type { Purge, Put, PutAck, Store } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { closeAll, connectedPair } from "./connected_pair.ts";
import { openContext } from "./memory_peer.ts";

/** For how long its messages are kept, in milliseconds. */
export const RETENTION = 1000;

/** A page of all that it holds. */
export const EVERYTHING = { after: 0, count: 1000, bytes: 1e6 };

/** A name of a message. */
export interface Id {
  readonly messageId: string;
  /** Whose it is. */
  readonly identity: string;
}

/** What happens in it. */
export type Step =
  | { readonly do: "put"; readonly topic: string; readonly count: number } & Partial<Id>
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "purge"; readonly topic: string; readonly left: number; readonly max: number }
  | { readonly do: "trim" | "restart" };

/** A message that was put. */
export interface Stored extends Partial<Id> {
  readonly topic: string;
  readonly seq: number;
  /** From when on nobody can read it any more. */
  goneAt: number;
  /** It was removed before it expired. */
  isRemoved: boolean;
}

/** A put of a message, perhaps with an id. */
export function putOf(
  { topic, messageId, identity }: { readonly topic: string } & Partial<Id>,
): Put {
  const put = { type: "put" as const, topic, body: '"m"', bytes: 3 };
  if (messageId === undefined) return put;
  const attributes = JSON.stringify({ messageId });
  return { ...put, bytes: 3 + attributes.length, attributes, identity };
}

/** Makes a file of a backup, as the command does; returns what the server told. */
export async function copyOf(
  store: Store,
  clock: ManualClock,
  path: string,
  during: (part: "before" | "after") => Promise<void> = async () => {},
): Promise<{ readonly info: BackupInfo; readonly gone: readonly TopicGone[] }> {
  const context = await openContext(store, clock);
  const host = { ...context, welcome: { ...context.welcome, retention: RETENTION } };
  const { mq } = await connectedPair(host);
  const backup = await mq.backup();
  const file = new BackupFile(nodeSqlite, path, backup.info);
  await during("before");
  for await (const message of backup) file.add(message);
  await during("after");
  const gone: TopicGone[] = [];
  for await (const entry of backup.gone()) {
    file.addGone(entry);
    gone.push(entry);
  }
  file.finish(await backup.newestGone());
  await closeAll(mq);
  return { info: backup.info, gone };
}

/** A store that is backed up. */
export class BackedUpStore {
  readonly clock: ManualClock = new ManualClock();
  /** The messages of its history, in order. */
  readonly messages: Stored[] = [];
  /** Each epoch with its last number, and the times at which readers were connected. */
  readonly epochs: { readonly epoch: string; last: number; readonly times: number[] }[] = [];
  /** The present opening. */
  store: Store;
  readonly #open: (clock: ManualClock) => Store;

  /** Opens it; it has a clock of its own. */
  constructor(open: (clock: ManualClock) => Store) {
    this.#open = open;
    this.store = this.#opened();
  }

  /** Has this happen. */
  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.#run(step);
  }

  async #run(step: Step): Promise<void> {
    const { store, clock } = this;
    switch (step.do) {
      case "put":
        for (let i = 0; i < step.count; i++) {
          const { do: _, count: __, ...what } = step;
          const [ack] = await store.apply({ time: clock.now(), commands: [putOf(what)] });
          const { seq, dup } = ack as PutAck;
          if (dup) continue;
          const goneAt = clock.now() + RETENTION;
          this.messages.push({ ...what, seq, goneAt, isRemoved: false });
          this.epochs.at(-1)!.last = seq;
        }
        // What was dropped for it is gone from the next millisecond on.
        await this.#note(clock.now() + 1);
        break;
      case "pass":
        clock.advance(step.ms);
        break;
      case "purge": {
        const there = this.messages.filter(({ topic, goneAt }) =>
          topic === step.topic && goneAt > clock.now()
        );
        const seq = there.at(-step.left)?.seq ?? 1;
        const before = step.left === 0 ? undefined : { seq };
        const purge: Purge = { type: "purge", topic: step.topic, before, max: step.max };
        await store.apply({ time: clock.now(), commands: [purge] });
        await this.#note(clock.now() + 0.5);
        break;
      }
      case "trim":
        await store.trim(1000);
        break;
      case "restart":
        await store[Symbol.asyncDispose]();
        this.store = this.#opened();
    }
    this.epochs.at(-1)!.times.push(clock.now());
  }

  /** What cannot be read any more, and has not expired, went at this time. */
  async #note(at: number): Promise<void> {
    const [page] = await this.store.read([{ prefix: "", ...EVERYTHING }]);
    const left = new Set(page!.messages.map(({ seq }) => seq));
    for (const message of this.messages) {
      if (left.has(message.seq) || message.goneAt <= this.clock.now()) continue;
      message.goneAt = Math.min(message.goneAt, at);
      message.isRemoved = true;
    }
  }

  #opened(): Store {
    const store = this.#open(this.clock);
    const last = this.epochs.at(-1)?.last ?? 0;
    if (store.epochEnds === undefined || [...store.epochEnds].length === 0) {
      // A new history, in memory.
      this.epochs.length = this.messages.length = 0;
    }
    const isNew = this.epochs.length === 0;
    this.epochs.push({ epoch: store.epoch, last: isNew ? 0 : last, times: [this.clock.now()] });
    return store;
  }
}
