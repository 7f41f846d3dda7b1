/**
 * Records what the records of a log do, as the servers apply them: once, by whichever server is first. All others must come to the same.
 *
 * @module
 */

import type { AppliedEntry } from "../../stores/replicated/applied_entry.ts";
import { Replica } from "../../stores/replicated/replica.ts";
import { decodeRecord } from "../../stores/replicated/record_text.ts";
import type { LogEntry } from "../../stores/replicated/record_log.ts";
import { StoreError } from "../../stores/store.ts";
import type { GroupResult } from "../../stores/groups/group_commands.ts";
import type { History } from "./history.ts";
import { GroupRecorder } from "./recorded_groups.ts";
import { toStored } from "./recorded_store.ts";
import type { World } from "./world.ts";

/** The opening of a store that several servers share: there is only one, whichever of them are started again. */
const OPENING = 1;

/** What a record came to, as text to compare. */
interface Outcome {
  readonly server: string;
  readonly text: string;
}

/** Records the log of a run, from its first record on. */
export class LogRecorder implements Disposable {
  readonly #world: World;
  readonly #history: History;
  readonly #retention: number;
  readonly #groups: GroupRecorder;
  readonly #apply = Replica.prototype.apply;
  /** By position. */
  readonly #outcomes: Outcome[] = [];
  #isOpened = false;

  /**
   * Begins, before any server is started.
   *
   * @param world tells which server applies a record
   * @param history where to record it
   * @param retention how long messages are kept, in milliseconds
   */
  constructor(world: World, history: History, retention: number) {
    this.#world = world;
    this.#history = history;
    this.#retention = retention;
    this.#groups = new GroupRecorder(history, OPENING);
    // deno-lint-ignore no-this-alias -- the replica is `this` in the function
    const recorder = this;
    Replica.prototype.apply = function (this: Replica, entry: LogEntry): AppliedEntry {
      const applied = recorder.#apply.call(this, entry);
      recorder.#applied(this, entry, applied);
      return applied;
    };
  }

  [Symbol.dispose](): void {
    Replica.prototype.apply = this.#apply;
  }

  #applied(replica: Replica, entry: LogEntry, applied: AppliedEntry): void {
    const { position } = entry;
    const { ignored, results, messages } = applied;
    const { name: server, isDying } = this.#world.current;
    // Nobody gets to know what it comes to.
    if (isDying) return;
    const text = JSON.stringify([replica.chain.last, ignored, results, messages]);
    const first = this.#outcomes[position];
    if (!first) {
      this.#outcomes[position] = { server, text };
      return this.#record(replica, entry, applied);
    }
    if (first.text === text) return;
    const what = `record ${position} is ${first.text} at ${first.server}, and ${text} at ${server}`;
    this.#history.add({ kind: "fault", what });
  }

  #record({ identity }: Replica, { record }: LogEntry, applied: AppliedEntry): void {
    const { time, results, messages } = applied;
    if (time === undefined || !identity) return;
    if (!this.#isOpened) {
      this.#isOpened = true;
      const opened = { opening: OPENING, lineage: "log", epoch: identity.epoch };
      this.#history.add({
        ...{ kind: "opened", ...opened, time, retention: this.#retention },
        ...{ last: 0, messages: [], isShared: true },
      });
    }
    this.#groups.advance(time);
    for (const message of messages) {
      this.#history.add({ kind: "stored", opening: OPENING, ...toStored(message) });
    }
    decodeRecord(record)!.commands()!.forEach((command, i) => {
      const result = results[i];
      if (!(result instanceof StoreError)) this.#groups.record(command, result as GroupResult);
    });
  }
}
