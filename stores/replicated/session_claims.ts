/**
 * Which attempt of a client to connect has its session, over all servers.
 *
 * @module
 */

import { NameMap } from "../../protocol/name_map.ts";
import { type Command, type Result, StoreError } from "../store.ts";

/** A claim is forgotten after so long, in milliseconds: no older attempt arrives any more. */
const CLAIM_LIFETIME = 600_000;

/** At most so many are remembered, the newest. */
const MAX_CLAIMS = 262_144;

/** A session that was opened. */
export interface OpenedSession {
  readonly session: string;
  /** The number of the attempt. */
  readonly attempt: number;
}

/** The last attempt of a session, as it is saved; and whether its client has closed it. */
export type SavedClaim = readonly [
  session: string,
  attempt: number,
  time: number,
  isClosed: boolean,
];

interface Claim {
  readonly attempt: number;
  readonly time: number;
  /** Its client has forgotten it: what a server that it has left still puts for it must not be stored again. */
  readonly isClosed: boolean;
}

/** Decides by records and their times alone. */
export class SessionClaims {
  /** The session that was opened first at the beginning. */
  readonly #claims = new NameMap<Claim>();

  /** Goes on from what was saved. */
  restore(saved: Iterable<SavedClaim>): void {
    for (const [session, attempt, time, isClosed] of saved) {
      this.#claims.set(session, { attempt, time, isClosed });
    }
  }

  /** What is saved of them. */
  *saved(): Generator<SavedClaim> {
    for (const [session, { attempt, time, isClosed }] of this.#claims) {
      yield [session, attempt, time, isClosed];
    }
  }

  /**
   * Applies commands, but for puts of sessions that their clients have closed: the same puts were made at another server, and
   * nobody knows them any more.
   *
   * @param commands the commands
   * @param apply applies those that are left
   * @returns the results of all
   */
  withoutClosed(
    commands: readonly Command[],
    apply: (commands: readonly Command[]) => (Result | StoreError)[],
  ): (Result | StoreError)[] {
    if (!commands.some((command) => this.#isLate(command))) return apply(commands);
    const isLate = commands.map((command) => this.#isLate(command));
    const applied = apply(commands.filter((_, i) => !isLate[i]));
    let next = 0;
    return isLate.map((isLate) => isLate ? CLOSED : applied[next++]!);
  }

  #isLate(command: Command): boolean {
    return command.type === "put" && command.session !== undefined &&
      this.#claims.get(command.session)?.isClosed === true;
  }

  /**
   * Judges the sessions that commands open. The result of one that comes from an older attempt than the last becomes an error.
   *
   * @param commands what was applied
   * @param results what came of it
   * @param time the time
   * @returns the sessions that were opened
   */
  judge(
    commands: readonly Command[],
    results: (Result | StoreError)[],
    time: number,
  ): readonly OpenedSession[] {
    let opened: OpenedSession[] | undefined;
    for (const [i, command] of commands.entries()) {
      if (command.type === "forget_session") this.#close(command.session);
      if (command.type !== "open_session" || command.attempt === undefined) continue;
      const { session, attempt } = command;
      const last = this.#claims.get(session);
      if (last && last.attempt > attempt && last.time + CLAIM_LIFETIME > time) {
        results[i] = TAKEN_OVER;
        continue;
      }
      this.#claims.delete(session);
      this.#claims.set(session, { attempt, time, isClosed: false });
      (opened ??= []).push({ session, attempt });
    }
    if (opened) this.#forget(time);
    return opened ?? NONE;
  }

  #close(session: string): void {
    const claim = this.#claims.get(session);
    if (claim) this.#claims.set(session, { ...claim, isClosed: true });
  }

  #forget(time: number): void {
    for (const [session, claim] of this.#claims) {
      if (claim.time + CLAIM_LIFETIME > time && this.#claims.size <= MAX_CLAIMS) break;
      this.#claims.delete(session);
    }
  }
}

const NONE: readonly OpenedSession[] = [];

const TAKEN_OVER = new StoreError("Cannot open the session: a newer connection has it", {
  code: "session_taken_over",
});

const CLOSED = new StoreError("Cannot put message: its client has closed the session", {
  code: "session_taken_over",
});
