/**
 * How a server takes part in a log: with its options, and again when the log is not what it was.
 *
 * @module
 */

import { formatValue } from "../../protocol/text.ts";
import type { Clock } from "../../queue/clock.ts";
import type { AppliedEntry } from "./applied_entry.ts";
import { lastCommonLink } from "./chain_history.ts";
import type { Configure, StoreConfiguration } from "./control_commands.ts";
import { type DigestChain, RECENT } from "./digest_chain.ts";
import type { LogFollower } from "./log_follower.ts";
import type { LogWatch } from "./log_watch.ts";
import { LogError, type RecordLog } from "./record_log.ts";
import type { RecordSender } from "./record_sender.ts";
import type { ReplicaIdentity } from "./store_identity.ts";
import type { ReplicaKeeper } from "./replica_keeper.ts";
import type { ReplicaNotice } from "./replica_notice.ts";

/** After so long it is tried once more to take part in a log, in milliseconds. */
const RETRY_AFTER = 500;

/** For so long a server that begins waits for another one to answer, in milliseconds. */
const ANSWER_WAIT = 1000;

/** What this needs of the store. */
export interface LogMembershipOptions {
  readonly log: Pick<RecordLog, "state">;
  readonly clock: Pick<Clock, "after">;
  readonly keeper: ReplicaKeeper;
  readonly follower: LogFollower;
  readonly sender: RecordSender;
  readonly watch: LogWatch;
  /** The options of this server. */
  readonly configuration: StoreConfiguration;
  /** Gives the log the options of this server, if it has others. */
  readonly reconfigure: boolean;
  /** The newest version of the state machine that this program knows. */
  readonly knows: number;
  /** Takes what the operator should know. */
  readonly notify: (notice: ReplicaNotice) => void;
}

/** Takes part in a log. */
export class LogMembership {
  readonly #options: LogMembershipOptions;
  /** What the store was when it was known last. */
  #known: ReplicaIdentity | undefined;
  /** It has taken part: from then on it goes by the options of the log, which another server may have changed. */
  #hasJoined = false;
  /** Another server has written something. */
  #onAnswer: () => void = () => {};
  /** How often the replica was made anew. */
  #rebuilt = 0;
  #stopped = false;

  /** Does not take part yet. */
  constructor(options: LogMembershipOptions) {
    this.#options = options;
    // What the file says: clients may know it.
    this.#known = options.keeper.replica.identity;
  }

  /** What the store is; throws before it is known. */
  get identity(): ReplicaIdentity {
    this.#known = this.#options.keeper.replica.identity ?? this.#known;
    if (!this.#known) throw new Error("the log is empty");
    return this.#known;
  }

  /** The number that the next record of this server must have. */
  get nextNumber(): number {
    const { keeper, sender } = this.#options;
    return keeper.replica.writers.next(sender.writer);
  }

  /**
   * Applies all that is in the log, and takes part.
   *
   * @throws {LogError} if the log has other options than this server
   */
  async join(): Promise<void> {
    const { follower, keeper, sender, reconfigure, knows } = this.#options;
    await this.#catchUp();
    follower.requireRunning();
    const { identity } = keeper.replica;
    // What waits or is under way does not count in a log without options, and they would wait behind it.
    sender.resume(this.nextNumber, identity ? undefined : this.#configuring);
    const hasOthers = keeper.replica.writers.hasOthers(sender.writer);
    if (identity && hasOthers && !this.#hasJoined) await this.#announce();
    if (!identity || (reconfigure && !this.#hasJoined && this.#difference)) {
      await sender.control(this.#configuring);
    }
    follower.requireRunning();
    if (!this.#hasJoined && this.#difference) throw new LogError("unusable", this.#difference);
    this.#known = keeper.replica.identity;
    await sender.control({ type: "join", knows });
    this.#hasJoined = true;
  }

  /** Takes part no more, if it did. */
  async close(): Promise<void> {
    if (this.#hasJoined) await this.#options.sender.control({ type: "close" });
  }

  /** Waits until another server has written something, but not long: behind that this one goes by the same time. */
  async #announce(): Promise<void> {
    const { clock, sender, knows } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onAnswer = resolve;
    await sender.control({ type: "announce", knows });
    const cancel = clock.after(ANSWER_WAIT, resolve);
    await promise.finally(cancel);
  }

  /**
   * A record was applied; `undefined` if it does not count. If another server begins with it, that needs an answer. If it has begun an epoch,
   * what was told here is of the one that has ended.
   */
  applied(record: AppliedEntry["record"]): void {
    const { keeper: { replica: { identity } }, watch, sender } = this.#options;
    if (record && record.writer !== sender.writer) {
      if (record.control?.type !== "announce") this.#onAnswer();
      else if (this.#hasJoined) void sender.fence();
    }
    if (!identity || watch.behind !== undefined || identity.epoch === this.#known?.epoch) return;
    const isFirst = this.#known === undefined;
    this.#known = identity;
    if (!isFirst) watch.interrupt("another epoch has begun");
  }

  /** The replica is not right any more, for this reason: until it is made anew, nothing is read from it and nothing sent. */
  block(reason: string): void {
    const { sender, watch, notify } = this.#options;
    watch.block("rebuild", reason);
    sender.pause();
    const message = "the log is not what it was: the replica is made anew";
    notify({ event: "log_replaced", message, reason });
  }

  /**
   * The replica was made anew. Once it has all that is in the log, the server is as before, perhaps in another epoch.
   *
   * @param before what was applied before
   */
  async rebuilt(before: DigestChain): Promise<void> {
    const { follower, watch, clock } = this.#options;
    const rebuilt = ++this.#rebuilt;
    const known = this.#known;
    while (!this.#stopped && follower.isRunning && rebuilt === this.#rebuilt) {
      try {
        await this.join();
        if (known && this.identity.id === known.id) await this.#settleHistory(before, known);
        this.#known = this.identity;
        if (rebuilt === this.#rebuilt) watch.unblock("rebuild");
        return;
      } catch (error) {
        if (error instanceof LogError && error.code === "unusable") {
          watch.block("rebuild", error.message);
        }
        await new Promise<void>((resolve) => clock.after(RETRY_AFTER, resolve));
      }
    }
  }

  /** Has the log use a newer version of the state machine, once every server that takes part knows it. */
  raiseVersion(): void {
    const { keeper: { replica }, sender, knows } = this.#options;
    const { version = knows } = replica.identity ?? {};
    if (version >= knows || replica.writers.commonVersion < knows) return;
    void sender.control({ type: "raise_version", version: knows });
  }

  /** Takes part no more. */
  stop(): void {
    this.#stopped = true;
  }

  async #catchUp(): Promise<void> {
    const { log, follower } = this.#options;
    let rebuilt: number;
    do {
      rebuilt = this.#rebuilt;
      const { last } = await log.state();
      await follower.reached(last);
    } while (rebuilt !== this.#rebuilt);
  }

  /** Gives the log the options of this server, or those that it had before, unless it has got others meanwhile. */
  get #configuring(): Configure {
    const { keeper, configuration: own } = this.#options;
    const { configuration } = this.#hasJoined ? this.identity : { configuration: own };
    const [seed] = crypto.getRandomValues(new Uint32Array(1)) as unknown as [number];
    return {
      ...{ type: "configure", after: keeper.replica.identity?.configured ?? 0, seed },
      configuration,
      id: crypto.randomUUID(),
      epoch: crypto.randomUUID(),
    };
  }

  /** What is different between the options of the log and those of this server, in words. */
  get #difference(): string | undefined {
    const { configuration: { retention, limits } } = this.#options;
    const { configuration: log } = this.identity;
    const mine = { retention, ...limits };
    const theirs: Readonly<Record<string, unknown>> = { retention: log.retention, ...log.limits };
    const different = Object.entries(mine).filter(([name, value]) => theirs[name] !== value);
    if (different.length === 0) return undefined;
    const list = different.map(([name, value]) =>
      `${name} ${formatValue(theirs[name])} and not ${formatValue(value)}`
    );
    return `the other servers of the log have other options: ${
      list.join(", ")
    }; start this one with the same, or with --reconfigure to change them for all`;
  }

  /** If the log has lost what was applied here, and maybe told, a new epoch begins where it was the same. */
  async #settleHistory(before: DigestChain, known: ReplicaIdentity): Promise<void> {
    const { keeper: { replica: { chain, epochEnds } }, sender } = this.#options;
    const common = lastCommonLink(before, chain);
    if (common?.position === before.last.position) return;
    // It was away for so long that nobody knows any more what it had: the others have told if any of that was lost.
    if (!common && before.last.position <= chain.last.position - RECENT.records) return;
    // Another server may have done so.
    const end = epochEnds.get(known.epoch);
    if (end !== undefined && end <= (common?.last ?? 0)) return;
    await sender.control({
      ...{ type: "begin_epoch", after: this.identity.epochs, common: common?.position ?? 0 },
      epoch: crypto.randomUUID(),
    });
  }
}
