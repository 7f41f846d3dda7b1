/**
 * Commands of one call that are in several records: together they count as one batch.
 *
 * @module
 */

import { NameMap } from "../../protocol/name_map.ts";
import { type Command, type Result, StoreError } from "../store.ts";

/** Once a put is refused because the store is full, all later ones of its session in the batch are. */
export interface ContinuedCommands {
  /** Those that are applied. */
  readonly left: readonly Command[];
  /** Puts the results of the others in their places. */
  merge(results: (Result | StoreError)[]): (Result | StoreError)[];
}

/**
 * Leaves out puts of sessions that were refused in the record before.
 *
 * @param commands the commands of a record that goes on with the batch of the one before it
 * @param refused the sessions that were refused there
 * @param isKnown whether a put repeats one that was stored: it has the result of the first time
 */
export function withoutRefused(
  commands: readonly Command[],
  refused: readonly string[],
  isKnown: (session: string, n: number) => boolean,
): ContinuedCommands {
  const sessions = new NameMap<true>();
  for (const session of refused) sessions.set(session, true);
  const isRefused = commands.map((command) =>
    command.type === "put" && command.session !== undefined &&
    sessions.get(command.session) === true &&
    !(command.n !== undefined && isKnown(command.session, command.n))
  );
  return {
    left: commands.filter((_, i) => !isRefused[i]),
    merge(results) {
      let next = 0;
      return commands.map((_, i) => isRefused[i] ? REFUSED_BEFORE : results[next++]!);
    },
  };
}

/** The sessions of which a put was refused because the store is full. */
export function refusedSessions(
  commands: readonly Command[],
  results: readonly (Result | StoreError)[],
): readonly string[] {
  let sessions: NameMap<true> | undefined;
  for (let i = 0; i < results.length; i++) {
    const [result, command] = [results[i]!, commands[i]!];
    if (!(result instanceof StoreError) || result.code !== "full") continue;
    if (command.type === "put" && command.session !== undefined) {
      (sessions ??= new NameMap()).set(command.session, true);
    }
  }
  return sessions ? [...sessions].map(([session]) => session) : NONE;
}

const NONE: readonly string[] = [];

const REFUSED_BEFORE = new StoreError(
  "Cannot put message: there was no room for one before it of its session",
  { code: "full" },
);
