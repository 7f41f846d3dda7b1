/**
 * Measures dsmq beside a raw WebSocket echo and, with `--peers`, beside Redis, NATS and BullMQ; or, with `--against`, beside
 * another checkout of itself.
 *
 * Run it with `deno task bench`; `--help` shows the options.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { Progress } from "../cli/measure/progress.ts";
import { formatMarkdownTable } from "../cli/measure/table.ts";
import { against } from "./against/against.ts";
import { NoCheckout } from "./against/checkout.ts";
import { PAIRED_SCENARIOS } from "./against/paired_scenarios.ts";
import type { Bench, Scenario } from "./bench.ts";
import { conditions } from "./environment.ts";
import { machine, saveResults, versions } from "./machine.ts";
import { Interrupted, MeasurementFailed, MissingProgram, Processes } from "./processes.ts";
import { cells, grade, type Graded, HEAD } from "./row.ts";
import { depth } from "./scenarios/depth.ts";
import { jobDepth } from "./scenarios/job_depth.ts";
import { jobMemory } from "./scenarios/job_memory.ts";
import { jobs, workers } from "./scenarios/jobs.ts";
import { gets, puts } from "./scenarios/many_calls.ts";
import { oneCall, sizes } from "./scenarios/one_call.ts";
import { oneJob } from "./scenarios/one_job.ts";
import {
  replicatedFanOut,
  replicatedGets,
  replicatedPut,
  replicatedPuts,
  replicatedSyncedPuts,
} from "./scenarios/replicated.ts";
import { idle, memory, start } from "./scenarios/server.ts";
import { fanOut, oneToOne } from "./scenarios/streams.ts";

const ALL_SCENARIOS: readonly Scenario[] = [
  ...[oneCall, puts, gets, oneToOne, fanOut, sizes, depth, memory, idle, start],
  ...[jobs, workers, oneJob, jobDepth, jobMemory],
  ...[replicatedPuts, replicatedSyncedPuts, replicatedPut, replicatedGets, replicatedFanOut],
];

/** How often each is measured. */
const ROUNDS = { full: 5, against: 7, quick: 3 };

const HELP = `Measures dsmq beside a raw WebSocket echo on this machine.

  --peers             also beside Redis, NATS and BullMQ (needs the package redis-server, and deno task nats)
  --against CHECKOUT  beside the server and the client of another checkout of dsmq, such as a git worktree
  --transport NAME    with --against: the transport of both servers, builtin (default) or hardened
  --only NAMES        only these, separated by commas: ${names(ALL_SCENARIOS)};
                      with --against: ${names(PAIRED_SCENARIOS)}
  --rounds N          how often each is measured (${ROUNDS.full}; with --against ${ROUNDS.against})
  --quick             a tenth of the work: for a first look, not for a verdict
  --json              print the results as JSON
  --save              write bench/results.md
  --help              show this help

With --against the exit code is 1 if anything is slower, by more than 5 % and by more than the spread, and 2 if
something could not be measured. What seems faster or slower is measured again, with twice as many rounds, except
with --quick.`;

interface Options {
  readonly peers: boolean;
  readonly quick: boolean;
  readonly json: boolean;
  readonly save: boolean;
  readonly help: boolean;
  readonly only?: string;
  readonly against?: string;
  readonly rounds?: string;
  readonly transport?: string;
}

const options = parseArgs(Deno.args, {
  boolean: ["peers", "quick", "json", "save", "help"],
  string: ["only", "against", "rounds", "transport"],
  unknown: (option) => exitWithUsage(`bench has no option ${option}`),
}) as unknown as Options;
if (options.help) {
  console.log(HELP);
  Deno.exit();
}
const rounds = options.rounds === undefined ? undefined : Number(options.rounds);
if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
  exitWithUsage(`--rounds must be a whole number above 0, got ${options.rounds}`);
}
const { transport, against: other } = options;
if (transport !== undefined && !["builtin", "hardened"].includes(transport)) {
  exitWithUsage(`--transport must be builtin or hardened, got ${transport}`);
}
if (transport !== undefined && other === undefined) {
  exitWithUsage("--transport goes with --against");
}
const scale = options.quick ? 0.1 : 1;

Deno.exit(
  await run(options.against === undefined ? scenarioProgram() : comparisonProgram(options.against)),
);

/** What to run, with processes that end when it is interrupted. */
type Program = (begin: () => Processes) => Promise<number>;

async function run(program: Program): Promise<number> {
  let running: Processes | undefined;
  const interrupted = () => void running?.[Symbol.asyncDispose]().then(() => Deno.exit(130));
  Deno.addSignalListener("SIGINT", interrupted);
  try {
    return await program(() => running = new Processes());
  } catch (error) {
    if (error instanceof Interrupted) return 130;
    if (error instanceof NoCheckout || error instanceof MeasurementFailed) return failed(error, 2);
    if (error instanceof MissingProgram) return failed(error, 1);
    throw error;
  }
}

/** Compares with another checkout. */
function comparisonProgram(folder: string): Program {
  if (options.peers || options.save) exitWithUsage("--against takes neither --peers nor --save");
  const defaultRounds = options.quick ? ROUNDS.quick : ROUNDS.against;
  const scenarios = chosen(PAIRED_SCENARIOS);
  return async (begin) => {
    await using processes = begin();
    const { json, transport } = options;
    const count = rounds ?? defaultRounds;
    const how = { scenarios, rounds: count, scale, again: !options.quick, json, transport };
    return await against(folder, how, processes);
  };
}

/** Compares with other software. */
function scenarioProgram(): Program {
  const all = options.only === undefined && !options.peers
    ? ALL_SCENARIOS.filter(({ needsPeers }) => !needsPeers)
    : ALL_SCENARIOS;
  const todo = chosen(all);
  if (!options.peers && todo.some(({ needsPeers }) => needsPeers)) {
    console.error("this scenario compares with other servers: it needs --peers");
    Deno.exit(2);
  }
  return (begin) => runScenarios(todo, begin);
}

async function runScenarios(
  scenarios: readonly Scenario[],
  begin: () => Processes,
): Promise<number> {
  const progress = new Progress(scenarios.reduce((sum, { steps }) => sum + steps, 0));
  const rows: Graded[] = [];
  const defaultRounds = options.quick ? 1 : ROUNDS.full;
  try {
    for (const scenario of scenarios) {
      await using processes = begin();
      const { peers } = options;
      const bench: Bench = { processes, progress, peers, rounds: rounds ?? defaultRounds, scale };
      rows.push(...(await scenario.run(bench)).map(grade));
    }
  } finally {
    progress.end();
  }
  const results = {
    machine: await machine(),
    versions: await versions(options.peers),
    conditions: await conditions(),
    rows,
  };
  if (options.json) console.log(JSON.stringify(results, undefined, 2));
  else console.log(formatMarkdownTable(HEAD, rows.map(cells)));
  if (options.save) await saveResults(results, ["deno task bench", ...Deno.args].join(" "));
  return 0;
}

/** The scenarios that `--only` names, in their own order; by default all. */
function chosen<T extends { readonly name: string }>(all: readonly T[]): readonly T[] {
  const only = options.only?.split(",");
  const unknown = only?.find((name) => !all.some((one) => one.name === name));
  if (unknown !== undefined) exitWithUsage(`there is no scenario ${unknown}`);
  return only ? all.filter(({ name }) => only.includes(name)) : all;
}

function names(all: readonly { readonly name: string }[]): string {
  return all.map(({ name }) => name).join(", ");
}

function exitWithUsage(reason: string): never {
  console.error(`${reason}\n\n${HELP}`);
  Deno.exit(2);
}

function failed({ message }: Error, code: number): number {
  console.error(message);
  return code;
}
