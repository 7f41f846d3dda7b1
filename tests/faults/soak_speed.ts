/**
 * How fast the server of a soak is.
 *
 * @module
 */

import type { ChildServer, Report } from "./child_server.ts";
import type { LimitedRun } from "./limited_run.ts";
import { type Load, Loader } from "./load.ts";
import type { Finding } from "./report.ts";
import { sleep, until } from "./sleep.ts";
import { STEP, STEP_TIMEOUT } from "./soak_steps.ts";

/**
 * How many puts are accepted and read again in a second, if the server gets as many as it accepts for some time (ms); and
 * what failed, or arrived out of order.
 */
export async function fullSpeed(
  server: Pick<ChildServer, "advance">,
  load: Load,
  ms: number,
  { signal }: Pick<LimitedRun, "signal">,
): Promise<{ readonly rate: number; readonly wrong: readonly string[] }> {
  using loader = new Loader(load);
  for (let passed = 0; passed < ms; passed += STEP) {
    await sleep(STEP);
    await server.advance(STEP);
  }
  // The first figures come after a second.
  const isKnown = () => {
    signal.throwIfAborted();
    return loader.rate > 0 || loader.wrong.length > 0;
  };
  await until(isKnown, STEP_TIMEOUT);
  const { rate, wrong } = loader;
  return { rate, wrong };
}

/** How many messages were stored in a second of the server's processor time between two reports. */
export function putsPerCpu(
  begin: Pick<Report, "stored" | "cpu">,
  end: Pick<Report, "stored" | "cpu">,
): number {
  return 1000 * (end.stored - begin.stored) / (end.cpu - begin.cpu);
}

/**
 * Whether a server has stayed fast, in puts per second.
 *
 * Where others use the processor its full speed by the clock is low, but not that by its processor time. So the
 * larger of both counts.
 */
export function speed(full: { readonly wall: number; readonly cpu: number }, cpu: number): Finding {
  return {
    what: "puts per second of the server's processor time",
    seen: Math.round(cpu),
    good: cpu > Math.max(full.wall, full.cpu) / 3,
  };
}
