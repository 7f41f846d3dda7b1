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

Deno.test("the files that ARCHITECTURE.md lists for a put, a get and a streamed message take part in it", async () => {
  await using program = new Program(["-A", "tests/programs/trace_ways.ts"]);
  const { code, stdout, stderr } = await program.end();
  assertEquals([code, stderr], [0, ""]);
  const traced = JSON.parse(stdout) as Record<"put" | "get" | "stream", string[]>;
  const ways = { put: "A put", get: "A get", stream: "A streamed message" } as const;
  for (const [name, heading] of Object.entries(ways)) {
    const files = listed(heading);
    assert(files.length >= 20, `${heading}: ${files.length} files`);
    const absent = files.filter((file) => !traced[name as keyof typeof ways].includes(file));
    assertEquals(absent, [], heading);
  }
  assert(listed(ways.put).length <= 28, "a put passes more files than it has to");
});
