import { assertEquals } from "@std/assert";
import { ROOT } from "../support/program.ts";

/** What clients see of a server, over any transport. */
const SUITES = ["tests/promises/", "tests/wire/", "tests/server/shutdown_test.ts"];

Deno.test("the promises to clients hold over the hardened transport, too", async () => {
  const { imports, scopes } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const at = (path: string) => new URL(path, ROOT).href;
  const map = await Deno.makeTempFile({ suffix: ".json" });
  try {
    // It replaces the built-in one, so that the suites need not know.
    await Deno.writeTextFile(
      map,
      JSON.stringify({
        imports: {
          ...imports,
          ...scopes["./tests/"],
          [at("transports/deno.ts")]: at("transports/node.ts"),
        },
      }),
    );
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        "-A",
        "--no-check",
        "--quiet",
        "--parallel",
        "--import-map",
        map,
        "--preload=./tests/support/preload_engine.ts",
        ...SUITES,
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, output.slice(output.indexOf(" ERRORS ")));
  } finally {
    await Deno.remove(map);
  }
});
