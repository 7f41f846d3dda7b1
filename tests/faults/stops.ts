/**
 * Servers that are told to stop while peers with a weak token have as much as they may: each is told, an honest client
 * has its answers and a goodbye, and the end comes in time.
 *
 * ```sh
 * deno run -A tests/faults/stops.ts builtin|hardened [PART_OF_A_NAME]
 * ```
 *
 * It takes about 30 s.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { ChildServer } from "./child_server.ts";
import { GOOD, type Hoard, HOARD_LIMITS, hoarded, HOARDS, sum, WEAK } from "./hoards.ts";
import { pause } from "./pause.ts";
import { RawPutter } from "./raw_putter.ts";
import { Report } from "./report.ts";
import { picked } from "./trials.ts";

/** Peers that do not answer the goodbye get 2 s; what comes after is not worth another. In milliseconds. */
const STATED = 3000;

async function stopped(transport: TransportChoice, hoard: Hoard): Promise<[string[], boolean]> {
  // A stream ends with its connection, without a word.
  const told = hoard.held.waits ?? 0;
  await using server = await ChildServer.start({
    ...{ transport, limits: HOARD_LIMITS },
    ...{ tokens: [GOOD, WEAK], anonymous: { topics: ["honest"] } },
  });
  using crowd = new DisposableStack();
  const honest = await RawPutter.open(server.port, "honest", "honest");
  const hoarders = await hoarded(server.port, hoard, crowd);
  await pause(1000);
  const begin = performance.now();
  server.signal("SIGTERM");
  await honest.over;
  const goodbye = performance.now() - begin;
  const { code, complaints } = await server.end();
  const took = performance.now() - begin;
  // What was sent last is read.
  await pause(200);
  const heard = sum(hoarders, "over") + sum(hoarders, "tooMany");
  const good = code === 0 && complaints === "" && took < STATED && honest.ordered &&
    honest.code === 1012 && honest.refused.length === 0 && honest.acknowledged.size > 0 &&
    heard >= told;
  const cells = [
    `${took.toFixed(0)} ms`,
    `${heard} of ${told}`,
    `${honest.acknowledged.size} of ${honest.sent}, ${honest.ordered ? "in order" : "DISORDERED"}`,
    `${honest.code} after ${goodbye.toFixed(0)} ms`,
    `${code} ${complaints.slice(0, 100)}`,
  ];
  return [cells, good];
}

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const report = new Report(
    ...["hoard", "the end took", "were told", "honest puts answered", "honest close", "exit"],
  );
  for (const hoard of picked(HOARDS, which)) {
    const [cells, good] = await stopped(transport as TransportChoice, hoard);
    console.error(report.row([hoard.name, ...cells], { good }).join("  "));
  }
  report.print(`Servers stopped, transport ${transport}`);
}
