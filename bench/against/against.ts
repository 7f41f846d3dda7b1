/**
 * Compares this checkout with another: rounds of both alternate, with a verdict for each scenario.
 *
 * @module
 */

import { Progress } from "../../cli/measure/progress.ts";
import { formatMarkdownTable } from "../../cli/measure/table.ts";
import { inTurn } from "../bench.ts";
import { conditions } from "../environment.ts";
import { machine } from "../machine.ts";
import { configArgs, MeasurementFailed, type Processes, ROOT } from "../processes.ts";
import { type Checkout, openCheckout } from "./checkout.ts";
import {
  cells,
  compare,
  compareAgain,
  type Comparison,
  exitCode,
  HEAD,
  type Sample,
} from "./comparison.ts";
import type { Round } from "./round.ts";
import type { PairedScenario } from "./paired_scenarios.ts";

/** How to compare. */
export interface AgainstOptions {
  readonly scenarios: readonly PairedScenario[];
  readonly rounds: number;
  /** The fraction of the full amount of work. */
  readonly scale: number;
  /** Whether what seems to differ is measured again. */
  readonly again: boolean;
  readonly json: boolean;
  /** The transport of both servers. Default: each server's default. */
  readonly transport?: string | undefined;
}

const PROGRAM = new URL("round.ts", import.meta.url).href;

/** How long a round may take at most, in milliseconds: most take a second or two. */
const ROUND_TIMEOUT = 120_000;

/** The fraction of a scenario that runs once at first, so that the system has cached the programs. */
const WARM_UP_SCALE = 0.001;

const METHOD = [
  "Rounds of old and new alternate; each has its own server and client process, warmed up.",
  "Times are for each message, as medians of the rounds; CPU is the CPU time for each message.",
  "Ratio: new to old, the median of the pairs of rounds; ±: half their interquartile range.",
  "A difference of more than 5 %, and of more than that spread, counts as faster or slower.",
  "What seems faster or slower is measured again, with twice as many rounds, and all of them count (not with --quick).",
  "With a spread above 5 %, smaller differences cannot be seen: use more --rounds, or a quieter machine.",
];

/**
 * Compares, and prints the results.
 *
 * @param folder the other checkout
 * @param options what to compare, and how much
 * @param processes runs the rounds
 * @returns the exit code: 1 if anything has become slower, else 0
 * @throws {NoCheckout} if the folder holds no checkout
 * @throws {MeasurementFailed} if a round fails
 */
export async function against(
  folder: string,
  { scenarios, rounds, scale, again, json, transport }: AgainstOptions,
  processes: Processes,
): Promise<0 | 1> {
  const [old, now] = [await openCheckout(folder), await openCheckout(ROOT)];
  const both = (scenario: PairedScenario, scale: number) => ({
    old: () => round(processes, "old", old, scenario, { scale, transport }),
    new: () => round(processes, "new", now, scenario, { scale, transport }),
  });
  const progress = new Progress(scenarios.length);
  const comparisons: Comparison[] = [];
  try {
    await inTurn(both(scenarios[0]!, WARM_UP_SCALE), 1, 0);
    for (const scenario of scenarios) {
      progress.step(scenario.work);
      const measure = (rounds: number) => inTurn(both(scenario, scale), 0, rounds, true);
      const first = await measure(rounds);
      comparisons.push(
        again ? await compareAgain(scenario, first, measure) : compare(scenario, first),
      );
    }
  } finally {
    progress.end();
  }
  const about = {
    machine: await machine(),
    versions: { Deno: Deno.version.deno },
    conditions: [...await conditions(), ...METHOD],
  };
  if (json) {
    const results = {
      ...about,
      rounds,
      scale,
      transport,
      old: shown(old),
      new: shown(now),
      comparisons,
    };
    console.log(JSON.stringify(results, undefined, 2));
  } else {
    console.log(`old: ${old.commit}, ${old.folder}\nnew: ${now.commit}, ${now.folder}`);
    console.log(`${about.machine}, Deno ${about.versions.Deno}\n`);
    console.log(formatMarkdownTable(HEAD, comparisons.map(cells)));
    console.log(`\n${METHOD.join("\n")}`);
  }
  return exitCode(comparisons);
}

function shown({ folder, commit }: Checkout): Pick<Checkout, "folder" | "commit"> {
  return { folder, commit };
}

async function round(
  processes: Processes,
  name: string,
  { root, folder }: Checkout,
  scenario: PairedScenario,
  { scale, transport }: Pick<AgainstOptions, "scale" | "transport">,
): Promise<Sample> {
  const count = Math.ceil(scenario.count * scale);
  const what: Round = { root: root.href, scenario: scenario.name, count, transport };
  const args = ["--no-lock", ...configArgs(root), PROGRAM, JSON.stringify(what)];
  try {
    return JSON.parse(await processes.runDeno(args, ROUND_TIMEOUT));
  } catch (error) {
    if (!(error instanceof MeasurementFailed)) throw error;
    const reason = error.message;
    throw new MeasurementFailed(
      `Cannot measure ${scenario.name} of the ${name} checkout, ${folder}: ${reason}`,
    );
  }
}
