/**
 * The steps in which the server's time passes in a soak: each one only when its clients keep up.
 *
 * @module
 */

import type { Report } from "./child_server.ts";
import type { LimitedRun } from "./limited_run.ts";
import { sleep, until } from "./sleep.ts";

/** The server's time passes in steps, in milliseconds; a step takes at least as long. */
export const STEP = 50;

/** How long anything may take before it counts as stuck, in milliseconds. */
export const STEP_TIMEOUT = 60_000;

/** How often (ms of the server's time) each client must have got something, and all that was put before the last time. */
const CHECK = 500;

/** What the steps of the server's time depend on. */
export interface Steps {
  /** Lets everybody do what belongs to a step. */
  grant(): void;
  /** Who has not done yet what belongs to a step, or to the time since the last check if it is checked. */
  behind(isCheck: boolean): readonly string[];
  /** What failed so far, or arrived out of order. */
  wrong(): readonly string[];
  /** A check is over. */
  onChecked(): void;
}

/** Somebody was behind in a step for {@linkcode STEP_TIMEOUT}; the message tells who, and what went wrong before. */
export class StuckError extends Error {}

/** What the steps need of a server. */
export interface SteppedServer {
  readonly ended: boolean;
  advance(ms: number): Promise<void>;
  report(): Promise<Report>;
}

/**
 * Lets time pass for a server.
 *
 * @param server its clock stands still otherwise
 * @param length how long in seconds, and after how many milliseconds it reports again; both by its clock
 * @returns its reports after garbage collection, again and again
 * @throws {StuckError} if a step is not over in time
 */
export async function sampled(
  server: SteppedServer,
  { seconds, every }: { readonly seconds: number; readonly every: number },
  steps: Steps,
  run: Pick<LimitedRun, "signal" | "waitsFor">,
): Promise<readonly Report[]> {
  const samples: Report[] = [];
  let [sampledAt, checkedAt] = [0, 0];
  for (let time = STEP; time <= seconds * 1000 && !server.ended; time += STEP) {
    const isCheck = time - checkedAt >= CHECK;
    const behind = () => `${steps.behind(isCheck).join("; ")} at ${time} ms`;
    run.waitsFor(behind);
    steps.grant();
    await sleep(STEP);
    const isOver = () => {
      run.signal.throwIfAborted();
      return server.ended || steps.behind(isCheck).length === 0;
    };
    if (!await until(isOver, STEP_TIMEOUT, 2)) {
      const [wrong] = steps.wrong();
      throw new StuckError(`stuck: ${behind()}${wrong === undefined ? "" : `; wrong: ${wrong}`}`);
    }
    if (isCheck) steps.onChecked();
    if (isCheck) checkedAt = time;
    run.waitsFor(`the server at ${time} ms`);
    await server.advance(STEP);
    if (time - sampledAt < every) continue;
    sampledAt = time;
    samples.push(await server.report());
  }
  return samples;
}
