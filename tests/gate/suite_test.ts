import { assert, assertEquals, assertMatch } from "@std/assert";
import { APART } from "./apart.ts";
import { ROOT } from "./part.ts";
import { parseReport, sum, summary } from "./report.ts";

/** Every file of `tests/`, by its path from there. */
async function* testFiles(folder = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(`tests/${folder}`, ROOT))) {
    if (isDirectory) yield* testFiles(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield folder + name;
  }
}

async function sourceOf(file: string): Promise<string> {
  return await Deno.readTextFile(new URL(`tests/${file}`, ROOT));
}

/** What one test does to, or reads of, all tests in its process. */
const SHARED =
  /Deno\.(chdir|umask|env\.(set|delete)|kill\(Deno\.pid|memoryUsage\(\)\.rss)|process\.(chdir|umask)/;

/** Heartbeats that a busy machine misses, over a real network. */
function hasShortHeartbeats(source: string): boolean {
  return source.includes("new FaultyProxy(") && /\bheartbeat(Interval)?: \d{1,3}\b/.test(source);
}

Deno.test("a test file that changes or measures its whole process, or cannot bear a busy machine, does not run among the others", async () => {
  const files = await Array.fromAsync(testFiles());
  const tests = files.filter((file) => file.endsWith("_test.ts") && !file.startsWith("gate/"));
  assert(tests.length > 100);
  const missing: string[] = [];
  for (const file of tests) {
    const source = await sourceOf(file);
    if (!(file in APART) && (SHARED.test(source) || hasShortHeartbeats(source))) missing.push(file);
  }
  assertEquals(missing, []);
  assertEquals(Object.keys(APART).filter((file) => !files.includes(file)), []);
});

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="1" errors="0" time="1.5">
  <testsuite name="./tests/a_test.ts" tests="5" disabled="0" errors="0" failures="1">
    <testcase name="it holds" classname="./tests/a_test.ts" time="0.1" line="1" col="6">
    </testcase>
    <testcase name="it&apos;s &lt;broken&gt; &#38;&#x20;so" classname="./tests/a_test.ts" time="0.1" line="2" col="6">
      <failure message="Uncaught Error">Error: <![CDATA[<skipped/>]]></failure>
    </testcase>
    <testcase name="one (ignored: there is no &quot;x&quot;)" classname="./tests/a_test.ts" time="0.0" line="3" col="6">
      <skipped/>
    </testcase>
    <testcase name="two (ignored: there is no &quot;x&quot;)" classname="./tests/a_test.ts" time="0.0" line="4" col="6">
      <skipped/>
    </testcase>
    <testcase name="three" classname="./tests/a_test.ts" time="0.0" line="5" col="6">
      <skipped/>
    </testcase>
  </testsuite>
</testsuites>`;

Deno.test("a report tells what passed, what failed, and what was ignored for each reason", () => {
  const outcome = parseReport(REPORT);
  assertEquals(outcome.passed, 1);
  assertEquals(outcome.failed, [
    "it's <broken> & so (./tests/a_test.ts)",
    "three (./tests/a_test.ts) is ignored without a reason",
  ]);
  assertEquals([...outcome.ignored], [['there is no "x"', 2]]);
});

Deno.test("the last lines of a run count all of its parts", () => {
  const one = { passed: 2, failed: ["it holds"], ignored: new Map([["no x", 1]]) };
  const other = { passed: 3, failed: [], ignored: new Map([["no y", 2], ["no x", 2]]) };
  assertEquals(summary(sum(one, other), 119.4), [
    "failed: it holds",
    "3 ignored: no x",
    "2 ignored: no y",
    "FAILED | 5 passed | 1 failed | 5 ignored (1m59s)",
    "5 passed, 1 failed, 5 skipped",
  ]);
  const good = summary({ passed: 3, failed: [], ignored: new Map() }, 5);
  assertEquals(good, [
    "ok | 3 passed | 0 failed | 0 ignored (0m5s)",
    "3 passed, 0 failed, 0 skipped",
  ]);
});

Deno.test("a run fails if a test does, and with arguments only those tests run", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, body] of [["good", ""], ["bad", "throw new Error()"]]) {
      const test = `Deno.test("${name}", () => { ${body} })`;
      await Deno.writeTextFile(`${folder}/${name}_test.ts`, test);
    }
    const command = (name: string) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "tests/gate/suite.ts", "--no-check", `${folder}/${name}_test.ts`],
        cwd: ROOT,
        env: { NO_COLOR: "1" },
      }).output();
    const good = await command("good");
    assertEquals(good.code, 0);
    assertMatch(new TextDecoder().decode(good.stdout), /ok \| 1 passed \| 0 failed/);
    assertEquals((await command("bad")).code, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
