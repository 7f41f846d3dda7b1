/**
 * A part of the gate: a `deno` command, and how long it takes.
 *
 * @module
 */

/** The root of the project. */
export const ROOT: URL = new URL("../../", import.meta.url);

/** How a part ended. */
export interface Ended {
  readonly code: number;
  readonly seconds: number;
}

/** Runs `deno` with these arguments in the root of the project, with the output of this process. */
export async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const begin = performance.now();
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "null",
  });
  const { code } = await command.spawn().status;
  return { code, seconds: (performance.now() - begin) / 1000 };
}

/** One line: a part and its time. */
export function timed(name: string, seconds: number): string {
  return `${name.padEnd(28)} ${seconds.toFixed(1).padStart(6)} s`;
}
