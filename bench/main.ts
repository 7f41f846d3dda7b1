/**
 * How fast dsmq is, beside a raw WebSocket echo and, with `--peers`, beside Redis and NATS.
 *
 * Run it with `deno task bench`; `--help` shows the options.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { Progress } from "../measure/progress.ts";
import { table } from "../measure/table.ts";
import type { Bench, Work } from "./bench.ts";
import { conditions } from "./host.ts";
import { machine, save, versions } from "./machine.ts";
import { Interrupted, Missing, Processes } from "./processes.ts";
import { cells, HEAD, type Judged, judged } from "./row.ts";
import { depth } from "./works/depth.ts";
import { gets, puts } from "./works/many_calls.ts";
import { oneCall, sizes } from "./works/one_call.ts";
import { idle, memory, start } from "./works/server.ts";
import { fanOut, oneToOne } from "./works/streams.ts";

const WORKS: readonly Work[] = [
  ...[oneCall, puts, gets, oneToOne, fanOut, sizes, depth, memory, idle, start],
];

const HELP = `Measures dsmq beside a raw WebSocket echo, on this machine.

  --peers        also beside Redis and NATS (Debian: redis-server, nats-server)
  --only NAMES   only these, with commas: ${WORKS.map(({ name }) => name).join(", ")}
  --quick        a tenth of the work: for a look, not for a verdict
  --json         the results as JSON
  --save         writes bench/results.md
  --help         this`;

interface Options {
  readonly peers: boolean;
  readonly quick: boolean;
  readonly json: boolean;
  readonly save: boolean;
  readonly help: boolean;
  readonly only?: string;
}

const options = parseArgs(Deno.args, {
  boolean: ["peers", "quick", "json", "save", "help"],
  string: ["only"],
  unknown(option) {
    console.error(`bench has no option ${option}\n\n${HELP}`);
    Deno.exit(2);
  },
}) as unknown as Options;
if (options.help) {
  console.log(HELP);
  Deno.exit();
}

const names = options.only?.split(",");
const unknown = names?.find((name) => !WORKS.some((work) => work.name === name));
if (unknown !== undefined) {
  console.error(`there is no work ${unknown}\n\n${HELP}`);
  Deno.exit(2);
}
const chosen = WORKS.filter(({ name, needsPeers }) =>
  names ? names.includes(name) : options.peers || !needsPeers
);
if (!options.peers && chosen.some(({ needsPeers }) => needsPeers)) {
  console.error("this work compares with other servers: it needs --peers");
  Deno.exit(2);
}

Deno.exit(await main());

async function main(): Promise<number> {
  const progress = new Progress(chosen.reduce((sum, { steps }) => sum + steps, 0));
  let running: Processes | undefined;
  const interrupted = () => void running?.[Symbol.asyncDispose]().then(() => Deno.exit(130));
  Deno.addSignalListener("SIGINT", interrupted);
  const rows: Judged[] = [];
  try {
    for (const work of chosen) {
      await using processes = running = new Processes();
      const bench: Bench = {
        processes,
        progress,
        peers: options.peers,
        rounds: options.quick ? 1 : 5,
        scale: options.quick ? 0.1 : 1,
      };
      rows.push(...(await work.run(bench)).map(judged));
    }
  } catch (error) {
    progress.end();
    if (error instanceof Interrupted) return 130;
    if (!(error instanceof Missing)) throw error;
    console.error(error.message);
    return 1;
  }
  progress.end();
  const results = {
    machine: await machine(),
    versions: await versions(options.peers),
    conditions: await conditions(),
    rows,
  };
  if (options.json) console.log(JSON.stringify(results, undefined, 2));
  else console.log(table(HEAD, rows.map(cells)));
  if (options.save) await save(results, ["deno task bench", ...Deno.args].join(" "));
  return 0;
}
