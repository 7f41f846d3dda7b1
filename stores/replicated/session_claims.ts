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

/** The last attempt of a session, as it is saved. */
export type SavedClaim = readonly [session: string, attempt: number, time: number];

/** Decides by records and their times alone. */
export class SessionClaims {
  /** The session that was opened first at the beginning. */
  readonly #claims = new NameMap<{ readonly attempt: number; readonly time: number }>();

  /** Goes on from what was saved. */
  restore(saved: Iterable<SavedClaim>): void {
    for (const [session, attempt, time] of saved) this.#claims.set(session, { attempt, time });
  }

  /** What is saved of them. */
  *saved(): Generator<SavedClaim> {
    for (const [session, { attempt, time }] of this.#claims) yield [session, attempt, time];
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
      if (command.type === "forget_session") this.#claims.delete(command.session);
      if (command.type !== "open_session" || command.attempt === undefined) continue;
      const { session, attempt } = command;
      const last = this.#claims.get(session);
      if (last && last.attempt > attempt && last.time + CLAIM_LIFETIME > time) {
        results[i] = TAKEN_OVER;
        continue;
      }
      this.#claims.delete(session);
      this.#claims.set(session, { attempt, time });
      (opened ??= []).push({ session, attempt });
    }
    if (opened) this.#forget(time);
    return opened ?? NONE;
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
