/**
 * Which connection owns which session: the one of the newest attempt. The last attempts of sessions without an owner are
 * remembered: an older attempt may still arrive, and must not win.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { Budget, type BudgetAccount } from "../budgets/budget.ts";

/** For how many sessions the last attempt is remembered. One holder has at most half of them. */
const MAX_SESSIONS = 20_000;

/** The sessions of one holder, the one that ended first at the beginning. */
interface HolderAttempts {
  readonly account: BudgetAccount;
  readonly attempts: NameMap<number>;
}

/** Shared fairly between holders: a holder that leaves very many sessions loses only its own oldest ones. */
export class LastAttempts {
  readonly #budget: Budget;
  readonly #byHolder = new NameMap<HolderAttempts>();
  readonly #holderOf = new NameMap<string>();

  /** Remembers nothing yet, and at most this many. */
  constructor(max = MAX_SESSIONS) {
    this.#budget = new Budget({ own: 0, shared: max });
  }

  /** How many are remembered. */
  get size(): number {
    return this.#holderOf.size;
  }

  /** The last attempt of a session, if it is remembered. */
  get(session: string): number | undefined {
    const holder = this.#holderOf.get(session);
    return holder === undefined ? undefined : this.#byHolder.get(holder)!.attempts.get(session);
  }

  /** A session is not in use any more. */
  set(session: string, holder: string, attempt: number): void {
    this.delete(session);
    let record = this.#attemptsOf(holder);
    const oldest = record.attempts.first;
    if (oldest !== undefined && !record.account.mayTake(1)) {
      this.delete(oldest);
      record = this.#attemptsOf(holder);
    }
    if (!record.account.take()) return this.#removeIfEmpty(holder, record);
    record.attempts.set(session, attempt);
    this.#holderOf.set(session, holder);
  }

  /** A session is in use again. */
  delete(session: string): void {
    const holder = this.#holderOf.get(session);
    if (holder === undefined) return;
    const record = this.#byHolder.get(holder)!;
    this.#holderOf.delete(session);
    record.attempts.delete(session);
    record.account.release();
    this.#removeIfEmpty(holder, record);
  }

  #attemptsOf(holder: string): HolderAttempts {
    let record = this.#byHolder.get(holder);
    if (!record) {
      record = { account: this.#budget.open(holder), attempts: new NameMap() };
      this.#byHolder.set(holder, record);
    }
    return record;
  }

  #removeIfEmpty(holder: string, { account, attempts }: HolderAttempts): void {
    if (attempts.size > 0) return;
    account.close();
    this.#byHolder.delete(holder);
  }
}

/** A connection that may own a session. */
export interface SessionOwner {
  /** The same for all clients with the same token; `""` for those without one. */
  readonly identity: string;
  /** To whom what it uses is charged: its token, or its address if it has none. */
  readonly holder: string;
  /** A newer connection has taken over the session. */
  takenOver(): void;
}

/**
 * A connection beyond the limit of connections. It may send `hello`, and nothing else. If it takes over the session of a
 * connection, it gets the slot of that one. If its session has no owner, it gets a slot that is free by then.
 */
export interface SlotTakeover {
  /** Takes the slot of the connection that it takes over; `false` if that has none. */
  takeSlotFrom(previous: SessionOwner): boolean;
  /** Takes a slot that has become free; `false` if there is none. */
  takeFreeSlot(): boolean;
  /** It has to be closed, for it takes over no other. Returns why there is no slot. */
  reject(): string;
}

/** The owners of all sessions of a server. The names of sessions are secrets. */
export class SessionOwners {
  readonly #owners = new NameMap<{ readonly owner: SessionOwner; readonly attempt: number }>();
  readonly #lastAttempts = new LastAttempts();

  /**
   * Makes a connection the owner of a session. The previous owner is notified first.
   *
   * @param session its name
   * @param owner the connection
   * @param attempt the number of the attempt that opened the connection
   * @returns `false` if a newer attempt owns it, or owned it: then nothing has changed
   */
  acquire(session: string, owner: SessionOwner, attempt: number): boolean {
    const previous = this.#owners.get(session);
    const lastAttempt = previous
      ? previous.owner === owner ? 0 : previous.attempt
      : this.#lastAttempts.get(session);
    if (lastAttempt !== undefined && lastAttempt > attempt) return false;
    this.#lastAttempts.delete(session);
    this.#owners.set(session, { owner, attempt });
    if (previous && previous.owner !== owner) previous.owner.takenOver();
    return true;
  }

  /**
   * A session was opened at another server of the same queue. An older connection of it here is notified, and none becomes its owner any
   * more.
   *
   * @param session its name
   * @param attempt the number of the attempt that opened the connection there
   */
  openedElsewhere(session: string, attempt: number): void {
    const current = this.#owners.get(session);
    if (current && current.attempt >= attempt) return;
    this.#owners.delete(session);
    this.#lastAttempts.set(session, current?.owner.holder ?? "", attempt);
    current?.owner.takenOver();
  }

  /** The owner of a session. */
  ownerOf(session: string): SessionOwner | undefined {
    return this.#owners.get(session)?.owner;
  }

  /** Ends the ownership of a session, if this is its owner. */
  release(session: string, owner: SessionOwner): void {
    const current = this.#owners.get(session);
    if (current?.owner !== owner) return;
    this.#owners.delete(session);
    // An older attempt may still arrive.
    if (current.attempt > 0) this.#lastAttempts.set(session, owner.holder, current.attempt);
  }

  /** How many sessions are in use. */
  get size(): number {
    return this.#owners.size;
  }
}
