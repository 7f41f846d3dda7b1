/**
 * Tests under `@db/sqlite`, whose native library is loaded once and stays.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ROOT } from "../support/program.ts";

Deno.test("with the real packages, no test is reported to leak the native library", async () => {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const at = (path: string) => new URL(path, ROOT).href;
  const imports = {
    ...config.imports,
    ...(config.links && { "@std/assert": at("offline/std_assert/mod.ts") }),
    "@dsmq/server": at("mod.ts"),
    // The stand-in opens a library, too.
    [config.imports["@db/sqlite"]]: at("tests/support/fake_db_sqlite.ts"),
  };
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, JSON.stringify({ imports, test: config.test }));
    const [, preload] = / (--preload=\S+)/.exec(config.tasks["test:jsr"].command)!;
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "-A", "--quiet", "--no-check", "--no-lock", "--config", file],
        ...[preload!, "tests/programs/first_use.ts"],
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(file);
  }
});
