/**
 * Who writes to a log, and how far each of them has come.
 *
 * @module
 */

import type { ControlCommand } from "./control_commands.ts";
import type { WriterClock } from "./log_time.ts";

/** A writer is forgotten once it has written nothing for so long, in milliseconds: none of its records would be recent any more. */
const WRITER_LIFETIME = 120_000;

/** The server that writes under a name; it takes another one if the log has forgotten it, or what it wrote. */
export function serverOf(writer: string): string {
  const end = writer.indexOf("/");
  return end < 0 ? writer : writer.slice(0, end);
}

/** Whether a name of a server comes later than another one. */
function isLater(writer: string, than: string): boolean {
  const turn = (name: string) => Number(name.slice(serverOf(name).length + 1));
  return turn(writer) > turn(than);
}

/** A writer, as it is saved. */
export interface WriterState {
  /** Its name: that of a server, which is random, and maybe `/` and a number. */
  readonly writer: string;
  /** The number of its last record that counted. */
  readonly number: number;
  /** When that happened, by the store's time. */
  readonly time: number;
  /** What is known of its clock; `undefined` if all that it wrote is that it begins. */
  readonly clock?: WriterClock;
  /** The newest version of the state machine that it knows. */
  readonly knows: number;
  /** It takes part no more. */
  readonly hasClosed?: true;
  /** Sessions of which its last record had puts that were refused because the store is full, if there are any. */
  readonly refused?: readonly string[];
}

/** Knows the last number of each writer. Decides by the records and their times alone. */
export class LogWriters {
  /** By their servers, the one that has written nothing for the longest time first. */
  readonly #writers = new Map<string, WriterState>();

  /** All that are known, that which has written nothing for the longest time first. */
  get all(): Iterable<WriterState> {
    return this.#writers.values();
  }

  /** The number that the next record of a writer must have. */
  next(writer: string): number {
    const known = this.#writers.get(serverOf(writer));
    if (!known || isLater(writer, known.writer)) return 1;
    // A late copy of what was written under an earlier name, and perhaps written again, counts no more.
    return known.writer === writer ? known.number + 1 : Infinity;
  }

  /** See {@linkcode WriterState.refused}. */
  refused(writer: string): readonly string[] {
    const known = this.#writers.get(serverOf(writer));
    return known?.writer === writer ? known.refused ?? [] : [];
  }

  /** The newest version of the state machine that each of them knows that has written something in the last minutes. */
  get commonVersion(): number {
    return Math.min(...this.#writers.values().map(({ knows }) => knows));
  }

  /** Whether another server than that of a writer takes part, as far as is known. */
  hasOthers(writer: string): boolean {
    return this.#writers.entries().some(([server, { hasClosed }]) =>
      server !== serverOf(writer) && !hasClosed
    );
  }

  /** What is known of the clock of a writer's server. */
  clockOf(writer: string): WriterClock | undefined {
    return this.#writers.get(serverOf(writer))?.clock;
  }

  /** By how much any clock is ahead of the store's time at most; `undefined` if none is known. */
  get maxAhead(): number | undefined {
    const known = this.#writers.values().flatMap(({ clock }) => clock ? [clock.ahead] : []);
    const max = Math.max(...known);
    return max === -Infinity ? undefined : max;
  }

  /** A record of a writer counts. */
  wrote(
    { writer, number }: Pick<WriterState, "writer" | "number">,
    { time, clock }: Pick<WriterState, "time" | "clock">,
    refused: readonly string[],
    control: ControlCommand | undefined,
  ): void {
    const server = serverOf(writer);
    const known = this.#writers.get(server);
    this.#writers.delete(server);
    const knows = control && "knows" in control ? control.knows : known?.knows ?? 1;
    this.#writers.set(server, {
      ...{ writer, number, time, knows },
      ...clock ? { clock } : known?.clock && { clock: known.clock },
      ...control?.type === "close" && { hasClosed: true },
      ...refused.length > 0 && { refused },
    });
    for (const one of this.#writers.values()) {
      if (one.time + WRITER_LIFETIME >= time) break;
      this.#writers.delete(serverOf(one.writer));
    }
  }

  /** Goes on with those that were saved. */
  restore(writers: Iterable<WriterState>): void {
    for (const one of writers) this.#writers.set(serverOf(one.writer), one);
  }
}
