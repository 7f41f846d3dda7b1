/**
 * What JSR's score asks of a repository: module docs with an example for each entry, documented symbols, no slow types
 * (`deno publish --dry-run`, in the gate), and a provenance. A description and the runtimes are set on jsr.io.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { graph, local } from "../support/module_graph.ts";
import { ROOT } from "../support/program.ts";

const { exports: entries, license } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
) as { exports: Record<string, string>; license: string };

async function doc(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["doc", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("the package has these entries", () => {
  assertEquals(Object.keys(entries), [
    ".",
    "./client",
    "./server",
    "./cli",
    "./fetch",
    "./testing",
  ]);
  assertEquals(license, "MIT");
});

Deno.test("each entry begins with what it is, and an example", async () => {
  for (const [entry, file] of Object.entries(entries)) {
    const { stdout } = await doc("--json", file);
    const { nodes } = JSON.parse(stdout) as {
      nodes: Record<string, { module_doc?: { doc?: string }; moduleDoc?: { doc?: string } }>;
    };
    const [node] = Object.values(nodes);
    const text = (node?.module_doc ?? node?.moduleDoc)?.doc ?? "";
    assert(text.length > 50, `${entry} says what it is`);
    assertStringIncludes(text, "```ts", `${entry} has an example`);
  }
});

Deno.test("every symbol of every entry is documented, and so is every type that it names", async () => {
  const { code, stderr } = await doc("--lint", "--quiet", ...Object.values(entries));
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("nothing but ./testing loads what is for tests, and that loads no server, and of the client what reads an address", async () => {
  for (const [entry, file] of Object.entries(entries)) {
    const files = (await graph(file)).map(({ specifier }) => local(specifier));
    const testing = files.filter((file) => file.startsWith("testing"));
    if (entry !== "./testing") assertEquals(testing, [], entry);
    else {
      assert(testing.length > 20);
      assertEquals(
        files.filter((file) => /^(server|connection|transports|client|cli)[/.]/.test(file)).sort(),
        ["client/addresses.ts", "client/require_options.ts"],
      );
    }
  }
});

Deno.test("releases are published by a workflow that proves where the package was built", async () => {
  const workflow = await Deno.readTextFile(new URL(".github/workflows/publish.yml", ROOT));
  assertStringIncludes(workflow, "id-token: write");
  assertStringIncludes(workflow, "deno task publish");
});
