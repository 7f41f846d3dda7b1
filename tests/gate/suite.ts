/**
 * All tests, and the examples of the documentation: `deno task test`. Their types are another part of the gate.
 *
 * Most files run in parallel, `DENO_JOBS` at a time; `apart.ts` says which do not, and how they run instead. With arguments
 * (files, `--filter …`) it is `deno test` for these, in one run.
 *
 * @module
 */

import { APART, type Apart } from "./apart.ts";
import { ROOT, run, timed } from "./part.ts";
import { type Outcome, parseReport, sum, summary } from "./report.ts";

const TEST = ["test", "--lock=deno.lock", "-A", "--quiet"];

/** Half of the time tests wait, for the network or for another process. */
const JOBS = Deno.env.get("DENO_JOBS") ?? `${2 * navigator.hardwareConcurrency}`;

if (Deno.args.length > 0) {
  Deno.exit((await run([...TEST, "--doc", ...Deno.args])).code);
}

/** The files that run like this. */
const filesThatRun = (runs: Apart["runs"]) =>
  Object.keys(APART).filter((name) => APART[name]!.runs === runs).map((name) => `tests/${name}`);

const apart = Object.keys(APART).map((name) => `tests/${name}`);
for (const file of apart) await Deno.stat(new URL(file, ROOT));

const folder = await Deno.makeTempDir({ prefix: "dsmq-tests-" });
try {
  const begin = performance.now();
  const parts = await Promise.all([
    part("in parallel", ["--doc", "--parallel", `--ignore=${apart}`]),
    part("beside them", filesThatRun("beside"), true),
  ]);
  parts.push(await part("together", ["--parallel", ...filesThatRun("together")]));
  parts.push(await part("alone", filesThatRun("alone")));
  console.log(`\n${JOBS} jobs`);
  for (const { name, seconds } of parts) console.log(timed(`tests ${name}`, seconds));
  const outcome = parts.map(({ outcome }) => outcome).reduce(sum);
  const seconds = (performance.now() - begin) / 1000;
  for (const line of summary(outcome, seconds)) console.log(line);
  Deno.exitCode = outcome.failed.length === 0 ? 0 : 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Runs a part of the tests; its output comes at its end, if another part runs meanwhile. */
async function part(name: string, args: readonly string[], isOutputLate = false) {
  const report = `${folder}/${name}.xml`;
  const { code, seconds } = await run(
    [...TEST, "--no-check", `--junit-path=${report}`, ...args],
    { DENO_JOBS: JOBS },
    isOutputLate,
  );
  const outcome = await Deno.readTextFile(report).then(parseReport, () => undefined);
  return { name, seconds, outcome: judged(outcome, name, code) };
}

/** A run that failed as a whole, without a test that did, has failed. */
function judged(
  outcome: Outcome = { passed: 0, failed: [], ignored: new Map() },
  name: string,
  code: number,
): Outcome {
  if (code === 0 || outcome.failed.length > 0) return outcome;
  return { ...outcome, failed: [`the run of the tests ${name}: exit code ${code}`] };
}
