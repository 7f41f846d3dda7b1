import { assertEquals } from "@std/assert";
import { ROOT } from "./support/program.ts";

/** What clients see of a server, whatever transport they came by. */
const SUITES = /^(promises|wire|server_stop|clients_1x|bad_input).*_test\.ts$/;

Deno.test("what is promised to clients holds with the hardened transport, too", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const files: string[] = [];
  for await (const { name } of Deno.readDir(new URL("tests/", ROOT))) {
    if (SUITES.test(name)) files.push(`tests/${name}`);
  }
  const at = (path: string) => new URL(path, ROOT).href;
  const map = await Deno.makeTempFile({ suffix: ".json" });
  try {
    // It stands in for the built-in one, so that the suites need not know.
    await Deno.writeTextFile(
      map,
      JSON.stringify({
        imports: { ...imports, [at("transports/deno.ts")]: at("transports/node.ts") },
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
        "--preload=./tests/support/engine_loaded.ts",
        ...files,
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, said.slice(said.indexOf(" ERRORS ")));
  } finally {
    await Deno.remove(map);
  }
});
