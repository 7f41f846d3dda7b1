import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { graph, local } from "../support/module_graph.ts";
import { Program, ROOT } from "../support/program.ts";

Deno.test("mod.ts can be imported without Deno, and what is missing is reported in a sentence", async () => {
  const script = `
    const { log } = console;
    delete globalThis.Deno;
    const { connect, createHandler, serve } = await import(${
    JSON.stringify(new URL("mod.ts", ROOT).href)
  });
    const failed = (call) => Promise.try(call).then(() => "nothing", (error) => error.message);
    log(typeof connect, typeof serve);
    log(await failed(serve));
    log(await failed(createHandler));
    delete globalThis.WebSocket;
    log(await failed(connect));
    delete String.prototype.isWellFormed;
    log(await failed(connect));
  `;
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(file, script);
    await using program = new Program(["--no-prompt", "--allow-import", "--allow-read", file]);
    const { code, stdout, stderr } = await program.end();
    assertEquals([code, stderr], [0, ""]);
    const [types, serve, handler, connect, old] = stdout.split("\n");
    assertEquals(types, "function function");
    assertStringIncludes(serve!, "Cannot serve: a server needs Deno");
    assertStringIncludes(
      handler!,
      "Cannot create a handler: it uses Deno.upgradeWebSocket of Deno",
    );
    assertStringIncludes(
      connect!,
      "Cannot connect: there is no WebSocket here, as in Node before 22",
    );
    assertStringIncludes(old!, "the client needs Safari 16.4, Chrome 111, Firefox 119, Node 20,");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("the client type-checks against a browser's library, and would not with a single use of Deno in it", async () => {
  const check = async (file: string) => {
    const args = ["check", "--quiet", "--config", "tests/browser/deno.json", file];
    const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } });
    const { code, stderr } = await command.output();
    return { code, stderr: new TextDecoder().decode(stderr) };
  };
  assertEquals(await check("client.ts"), { code: 0, stderr: "" });
  const server = await check("transports/deno.ts");
  assertEquals(server.code, 1);
  assertStringIncludes(server.stderr, "Cannot find name 'Deno'");
});

const { imports, lock, publish } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
);

Deno.test("the published package has no stand-ins, and is loaded without them", async () => {
  for (const folder of ["offline", "tests", "bench"]) {
    assert(publish.exclude.includes(folder), folder);
  }
  const files = [...await graph("mod.ts"), ...await graph("client.ts")];
  const outside = files.map(({ specifier }) => specifier).filter((specifier) =>
    !specifier.startsWith("node:") &&
    (!specifier.startsWith(ROOT.href) || publish.exclude.includes(local(specifier).split("/")[0]))
  );
  assertEquals(outside, []);
});

Deno.test("a person who only wants to see the demo does not fetch what tests and benchmarks use", () => {
  assertEquals(Object.values<string>(imports).filter((name) => !name.startsWith("jsr:")), []);
  // Before any task, and any program that may use one of them, Deno fetches all that a lock file lists.
  assertEquals(lock, false);
});

Deno.test("a binary can be compiled, up to the base that is downloaded for it", async () => {
  const dir = await Deno.makeTempDir();
  try {
    // Deno itself stands in for that base: the result is whole, but does not run.
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "tools/compile.ts", `${dir}/dsmq`, "--verbose"],
      cwd: ROOT,
      env: { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await command.output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, output);
    // What is imported dynamically is in it, too, and what is imported under a computed name.
    for (
      const part of [
        "node.ts",
        "ws/",
        "jose/",
        "prom-client/",
        "opentelemetry/api/",
        "deno.json",
        "built/",
      ]
    ) {
      assertStringIncludes(output, part);
    }
    // Deno lists a folder as one line, or file by file.
    assertMatch(output, /[─┬] stores(\/\*| \()/);
    assert((await Deno.stat(`${dir}/dsmq`)).size > 10_000_000);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
