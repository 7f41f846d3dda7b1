/**
 * Runs suites in a process of their own, with another module in place of one that they load and know nothing of.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ROOT } from "./program.ts";

/** What takes the place of what. */
export interface Replacement {
  /** The path of a module of the product. */
  readonly of: string;
  /** The path of the module that takes its place; it may load the other one itself. */
  readonly by: string;
  /** Variables for the process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs suites; rejects with their output if one of them fails. */
export async function runSuites(
  suites: readonly string[],
  { of, by, env = {} }: Replacement,
): Promise<void> {
  const { imports, scopes } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const at = (path: string) => new URL(path, ROOT).href;
  const map = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(
      map,
      JSON.stringify({
        imports: { ...imports, ...scopes["./"], ...scopes["./tests/"], [at(of)]: at(by) },
        scopes: { [at(by)]: { [at(of)]: at(of) } },
      }),
    );
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "-A", "--no-check", "--quiet", "--parallel", "--import-map", map],
        ...["--preload=./tests/support/preload_engine.ts", ...suites],
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1", ...env },
    }).output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, output.slice(output.indexOf(" ERRORS ")));
  } finally {
    await Deno.remove(map);
  }
}
