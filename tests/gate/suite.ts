/**
 * All tests, and the examples of the documentation: `deno task test`.
 *
 * Most files run in parallel, `DENO_JOBS` at a time; those of `alone.ts` follow, one after another. With arguments
 * (files, `--filter …`) it is `deno test` for these, in one run.
 *
 * @module
 */

import { ALONE } from "./alone.ts";
import { ROOT, run, timed } from "./part.ts";
import { type Outcome, parseReport, sum, summary } from "./report.ts";

const TEST = ["test", "--lock=deno.lock", "-A", "--quiet"];

/** Half of the time tests wait, for the network or for another process. */
const JOBS = Deno.env.get("DENO_JOBS") ?? `${2 * navigator.hardwareConcurrency}`;

if (Deno.args.length > 0) {
  Deno.exit((await run([...TEST, "--doc", ...Deno.args])).code);
}

const alone = Object.keys(ALONE).map((name) => `tests/${name}`);
for (const file of alone) await Deno.stat(new URL(file, ROOT));

const folder = await Deno.makeTempDir({ prefix: "dsmq-tests-" });
try {
  const begin = performance.now();
  const parallel = await part("in parallel", ["--doc", "--parallel", `--ignore=${alone}`]);
  const others = await part("alone", alone);
  console.log(`\n${timed(`tests in parallel (${JOBS} jobs)`, parallel.seconds)}`);
  console.log(timed("tests alone", others.seconds));
  const outcome = sum(parallel.outcome, others.outcome);
  const seconds = (performance.now() - begin) / 1000;
  for (const line of summary(outcome, seconds)) console.log(line);
  Deno.exitCode = outcome.failed.length === 0 ? 0 : 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Runs a part of the tests. */
async function part(name: string, args: readonly string[]) {
  const report = `${folder}/${name}.xml`;
  const { code, seconds } = await run(
    [...TEST, `--junit-path=${report}`, ...args],
    { DENO_JOBS: JOBS },
  );
  const outcome = await Deno.readTextFile(report).then(parseReport, () => undefined);
  return { seconds, outcome: judged(outcome, name, code) };
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
