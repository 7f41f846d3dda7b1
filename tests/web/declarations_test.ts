import { assertEquals, assertStringIncludes } from "@std/assert";
import { ROOT } from "../support/program.ts";

const DECLARATIONS = new URL("web/built/client.d.ts", ROOT);
const declarations = await Deno.readTextFile(DECLARATIONS);

/** Type-checks a file with the library of browsers, and without Deno's. */
async function check(file: string): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--config", "tests/browser/deno.json", file],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

/** Type-checks a text. */
async function checkText(text: string): Promise<{ code: number; stderr: string }> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, text);
    return await check(file);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("the types of the built client are one file that needs nothing but a browser's library", async () => {
  assertEquals(declarations.match(/^(import|export) .*\bfrom\b|^\/\/\/|import\(/gm), null);
  // As a module of its own it is checked in all its lines, which a declaration file is not.
  assertEquals(await checkText(declarations), { code: 0, stderr: "" });
});

Deno.test("the types of the built client are those of the client: the same names, the same values", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", "client.ts"],
    cwd: ROOT,
  }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    nodes: Record<string, { symbols: readonly { name: string }[] }>;
  };
  const names = Object.values(nodes).flatMap(({ symbols }) => symbols.map(({ name }) => name));
  const lists = declarations.matchAll(/^export (?:type )?\{ (.*) \};$/gm);
  assertEquals([...lists].flatMap(([, list]) => list!.split(", ")).sort(), names.sort());
});

Deno.test("a page's program type-checks with the types of the built client, and a wrong one does not", async () => {
  assertEquals(await check("tests/browser/built_client.ts"), { code: 0, stderr: "" });
  const wrong = await checkText(`
    // @ts-types=${JSON.stringify(DECLARATIONS.href)}
    import { connect } from ${JSON.stringify(new URL("client.js", DECLARATIONS).href)};
    await connect({ hostname: "example.org" });
    console.log(Deno.version);
  `);
  assertEquals(wrong.code, 1);
  assertStringIncludes(wrong.stderr, "'{ hostname: string; }' is not assignable");
  assertStringIncludes(wrong.stderr, "Cannot find name 'Deno'");
});
