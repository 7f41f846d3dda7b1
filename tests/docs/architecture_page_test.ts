import { assert, assertEquals } from "@std/assert";
import { Program, ROOT } from "../support/program.ts";

const page = await Deno.readTextFile(new URL("docs/ARCHITECTURE.md", ROOT));

/** The files that a section lists. */
function listed(heading: string): readonly string[] {
  const section = page.split(/^##+ /m).find((text) => text.startsWith(`${heading}\n`))!;
  return [...section.matchAll(/^\d+\. `(\S+\.ts)`/gm)].map(([, file]) => file!);
}

Deno.test("every file and folder that ARCHITECTURE.md names is there", async () => {
  const names = [...page.matchAll(/`([\w./]+(?:\.ts|\/))`/g)].map(([, name]) => name!);
  assert(names.length > 80, `${names.length} names`);
  for (const name of new Set(names)) {
    const file = name.includes("/") || name.match(/^(mod|server|client|cli)\.ts$/)
      ? name
      : undefined;
    if (file !== undefined) await Deno.stat(new URL(file, ROOT));
  }
});

Deno.test("the files that ARCHITECTURE.md lists for each way of a message take part in it", async () => {
  await using program = new Program(["-A", "tests/programs/trace_ways.ts"]);
  const { code, stdout, stderr } = await program.end();
  assertEquals([code, stderr], [0, ""]);
  const ways = {
    put: ["A put", 20],
    get: ["A get", 20],
    stream: ["A streamed message", 20],
    job: ["A job", 25],
    finish: ["The outcome of a job", 25],
    httpPut: ["A put over plain HTTP", 15],
    httpFollow: ["A message followed over plain HTTP", 10],
  } as const;
  const traced = JSON.parse(stdout) as Record<keyof typeof ways, string[]>;
  for (const [name, [heading, count]] of Object.entries(ways)) {
    const files = listed(heading);
    assert(files.length >= count, `${heading}: ${files.length} files`);
    const absent = files.filter((file) => !traced[name as keyof typeof ways].includes(file));
    assertEquals(absent, [], heading);
  }
  assert(listed(ways.put[0]).length <= 28, "a put passes more files than it has to");
});
