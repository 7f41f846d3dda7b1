/**
 * Runs suites in a process of their own, with another module in place of one that they load and know nothing of.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
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

/** Runs suites; rejects with their output if one of them fails, if one has no test, or if nothing was replaced. */
export async function runSuites(
  suites: readonly string[],
  { of, by, env = {} }: Replacement,
): Promise<void> {
  const { imports, scopes } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const at = (path: string) => new URL(path, ROOT).href;
  const folder = await Deno.makeTempDir();
  try {
    // Between the two: it says that it was loaded. A module that has moved would not be replaced, and all would pass.
    const [between, mark, map, report] = ["between.ts", "mark", "map.json", "report.xml"]
      .map((name) => `${folder}/${name}`) as [string, string, string, string];
    await Deno.writeTextFile(
      between,
      `Deno.writeTextFileSync(${JSON.stringify(mark)}, "loaded");
       export * from ${JSON.stringify(at(by))};`,
    );
    await Deno.writeTextFile(
      map,
      JSON.stringify({
        imports: {
          ...{ ...imports, ...scopes["./"], ...scopes["./tests/"] },
          [at(of)]: new URL(`file://${between}`).href,
        },
        scopes: { [at(by)]: { [at(of)]: at(of) } },
      }),
    );
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "-A", "--no-check", "--quiet", "--parallel", "--import-map", map],
        ...[`--junit-path=${report}`, "--preload=./tests/support/preload_engine.ts", ...suites],
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1", ...env },
    }).output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, output.slice(Math.max(0, output.indexOf(" ERRORS "))));
    assertEquals(await Deno.readTextFile(mark).catch(() => "not loaded"), "loaded", by);
    const xml = await Deno.readTextFile(report);
    for (const suite of suites) {
      assert(xml.includes(`<testsuite name="./${suite}`), `${suite} has no test that ran`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
