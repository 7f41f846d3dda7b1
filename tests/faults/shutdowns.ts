/**
 * Servers that are stopped while peers with a weak token hold as much as they may: each is told, an honest client
 * gets its replies and a close, and the server ends in time.
 *
 * ```sh
 * deno run -A tests/faults/shutdowns.ts builtin|hardened [PART_OF_A_NAME]
 * ```
 *
 * It takes about 30 s.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { ChildServer } from "./child_server.ts";
import {
  GOOD,
  RESOURCE_LIMITS,
  RESOURCE_USES,
  type ResourceUse,
  totalReceived,
  useResources,
  WEAK,
} from "./held_resources.ts";
import { sleep } from "./sleep.ts";
import { RawPutter } from "./raw_putter.ts";
import { Report } from "./report.ts";
import { selected } from "./attack_runner.ts";

/** Peers that do not answer the close get 2 s; the rest takes less than another second. In milliseconds. */
const STATED = 3000;

async function stopped(transport: TransportChoice, use: ResourceUse): Promise<[string[], boolean]> {
  // A stream ends with its connection, without a notice.
  const expected = use.held.waits ?? 0;
  await using server = await ChildServer.start({
    ...{ transport, limits: RESOURCE_LIMITS },
    auth: { tokens: [GOOD, WEAK], anonymous: { prefixes: ["honest"] } },
  });
  using stack = new DisposableStack();
  const honest = await RawPutter.open(server.port, "honest", "honest");
  const flooders = await useResources(server.port, use, stack);
  await sleep(1000);
  const begin = performance.now();
  server.signal("SIGTERM");
  await honest.over;
  const closeTime = performance.now() - begin;
  const { code, stderr } = await server.end();
  const took = performance.now() - begin;
  // The last data is read.
  await sleep(200);
  const received = totalReceived(flooders, "over") + totalReceived(flooders, "tooMany");
  const good = code === 0 && stderr === "" && took < STATED && honest.ordered &&
    honest.code === 1012 && honest.refused.length === 0 && honest.acknowledged.size > 0 &&
    received >= expected;
  const cells = [
    `${took.toFixed(0)} ms`,
    `${received} of ${expected}`,
    `${honest.acknowledged.size} of ${honest.sent}, ${honest.ordered ? "in order" : "DISORDERED"}`,
    `${honest.code} after ${closeTime.toFixed(0)} ms`,
    `${code} ${stderr.slice(0, 100)}`,
  ];
  return [cells, good];
}

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const report = new Report(
    ...["held", "the end took", "were told", "honest puts answered", "honest close", "exit"],
  );
  for (const use of selected(RESOURCE_USES, which)) {
    const [cells, good] = await stopped(transport as TransportChoice, use);
    console.error(report.row([use.name, ...cells], { good }).join("  "));
  }
  report.print(`Servers stopped, transport ${transport}`);
}
