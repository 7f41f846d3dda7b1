/**
 * Measures what metrics cost: the CPU time of a put on a server with `--metrics`, beside one without.
 *
 * There are several pairs of servers, because two starts of the same program may differ by more than metrics cost; within a pair
 * rounds alternate. The comparison is the median of all pairs of rounds, and its spread half their interquartile range.
 *
 * Run it with `deno task bench:metrics`; it ends with 1 if a goal is missed.
 *
 * @module
 */

import { measureRate } from "../cli/measure/calls.ts";
import { Progress } from "../cli/measure/progress.ts";
import { formatMarkdownTable } from "../cli/measure/table.ts";
import { connectTo } from "./bench.ts";
import { MESSAGE } from "./client_calls.ts";
import { cells, HEAD, type HttpComparison, judge } from "./http/comparison.ts";
import { sample } from "./http/http_scenario.ts";
import { Processes } from "./processes.ts";

const PAIRS = 7;
const GOAL = 1.03;

/**
 * How many puts are in flight, how many make a round, and how many rounds there are, after those in which V8 still compiles. Rounds
 * are short, so that both servers see the same machine. Alone each put is a batch of its own, for which times are read.
 */
const CASES = [
  { work: "one put at a time", window: 1, count: 200, warmUp: 40, rounds: 80 },
  { work: "puts, 1,024 in flight", window: 1024, count: 20_000, warmUp: 8, rounds: 24 },
] as const;

/** The CPU time of a put of each case, in microseconds, round by round. */
const found = CASES.map(() => ({ on: [] as number[], off: [] as number[] }));

let running: Processes | undefined;
const interrupted = () => void running?.[Symbol.asyncDispose]().then(() => Deno.exit(130));
Deno.addSignalListener("SIGINT", interrupted);
const progress = new Progress(PAIRS);

/** Measures one pair of servers. */
async function measurePair(processes: Processes, startsOff: boolean): Promise<void> {
  await using connections = new AsyncDisposableStack();
  const start = async (...options: string[]) => {
    const server = await processes.startDsmq(...options);
    return { server, mq: connections.use(await connectTo(server)) };
  };
  const off = startsOff ? await start() : undefined;
  const on = await start("--metrics");
  const sides = [["on", on], ["off", off ?? await start()]] as const;
  await processes.keepAwake();
  for (const [i, { window, count, warmUp, rounds }] of CASES.entries()) {
    for (let round = 0; round < warmUp + rounds; round++) {
      for (const [side, { server, mq }] of round % 2 === 0 ? sides : sides.toReversed()) {
        const put = () => mq.put("t", MESSAGE);
        const { cpu } = await sample(server, count, () => measureRate(count, window, put));
        if (round >= warmUp) found[i]![side].push(cpu);
      }
    }
  }
}

for (let pair = 0; pair < PAIRS; pair++) {
  progress.step("a pair of servers");
  await using processes = running = new Processes();
  await measurePair(processes, pair % 2 === 0);
}
progress.end();
Deno.removeSignalListener("SIGINT", interrupted);

const judged = CASES.map(({ work }, i) => {
  const comparison: HttpComparison = {
    ...{ work, against: "without metrics", unit: "µs of CPU a put" },
    ...{ ours: found[i]!.on, theirs: found[i]!.off },
    by: "ratio",
    goal: { atMost: GOAL },
  };
  return judge(comparison);
});
console.log(formatMarkdownTable(HEAD, judged.map(cells)));
if (judged.some(({ isMissed }) => isMissed)) Deno.exitCode = 1;
