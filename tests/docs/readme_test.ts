import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { noCurl, startShell } from "../support/curl.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { Program, ROOT } from "../support/program.ts";

const readme = await Deno.readTextFile(new URL("README.md", ROOT));
const results = await Deno.readTextFile(new URL("bench/results.md", ROOT));

Deno.test("the README has at most 120 lines, and no table cell that nobody reads", () => {
  const lines = readme.trimEnd().split("\n");
  assert(lines.length <= 120, `${lines.length} lines`);
  assertEquals(lines.filter((line) => line.length > 130), []);
});

Deno.test("the README's commands are tasks and files of the project", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const named = [...readme.matchAll(/deno task (\S+)/g)].map(([, name]) => name!);
  assert(named.length >= 2);
  for (const name of named) assert(name in tasks, name);
  for (const [, file] of readme.matchAll(/deno run --allow-net (\S+\.ts)/g)) {
    await Deno.stat(new URL(file!, ROOT));
  }
});

/** A figure as the README rounds it. */
const rounded = (figure: string) =>
  Number(Number(figure.replaceAll(",", "")).toPrecision(3)).toLocaleString("en");

Deno.test("the README's figures are those of the last results", () => {
  const table = readme.slice(readme.indexOf("## Performance"), readme.indexOf("## Install"));
  const figures = [...table.matchAll(/\d[\d,.]*\d(?= (?:µs|a second)|: )/g)].map(([figure]) =>
    figure
  );
  assertEquals(figures.length, 9);
  const measured = new Set(
    [...results.matchAll(/\| +([\d.,]+) +(?=\|)/g)].map(([, figure]) => rounded(figure!)),
  );
  for (const figure of figures) assert(measured.has(rounded(figure)), figure);
  assertStringIncludes(results, "AMD EPYC");
});

Deno.test({
  ...ignoredIf(
    noCurl,
    "the README's four lines with curl put, read, wait and follow on the server that it starts",
  ),
  async fn() {
    await using server = new Program(["--allow-net", "--no-prompt", "cli.ts", "--port", "0"]);
    const [, url] = /listens on (ws:\S+) /.exec((await server.errorLine())!)!;
    const lines = [...readme.matchAll(/^curl .*$/gm)].map(([line]) =>
      line.replaceAll("localhost:30008", new URL(url!).host)
    );
    assertEquals(lines.length, 4);
    const [put, read, wait, follow] = lines as [string, string, string, string];
    await using putting = startShell(put);
    assertMatch((await putting.end()).stdout, /"seq":1,/);
    await using reading = startShell(read);
    assertEquals(await reading.end().then(({ stdout }) => stdout), "hello");
    await using mq = await connect(url!);
    await using waiting = startShell(`exec ${wait}`);
    await using following = startShell(`exec ${follow}`);
    assertMatch((await following.line())!, /^id: /);
    while ((await mq.connections()).length < 3) await Promise.resolve();
    await using again = startShell(put);
    await again.end();
    assertEquals((await waiting.end()).stdout, "hello");
    await following.line();
    assertMatch((await following.line())!, /^id: .*:2$/);
    assertMatch((await following.line())!, /^data: .*"body":"hello"}$/);
  },
});
