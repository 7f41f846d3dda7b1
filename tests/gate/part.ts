/**
 * A part of the gate: a `deno` command, and how long it takes.
 *
 * @module
 */

/** The root of the project. */
export const ROOT: URL = new URL("../../", import.meta.url);

const decoder = new TextDecoder();

/** How a part ended. */
export interface Ended {
  readonly code: number;
  readonly seconds: number;
}

/** Runs `deno` with these arguments in the root of the project, with the output of this process: as it comes, or all at the end. */
export async function run(
  args: readonly string[],
  env: Record<string, string> = {},
  isOutputLate = false,
): Promise<Ended> {
  const begin = performance.now();
  const stdio = isOutputLate ? "piped" : "inherit";
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env,
    ...{ stdin: "null", stdout: stdio, stderr: stdio },
  });
  const child = command.spawn();
  if (isOutputLate) {
    const { stdout, stderr } = await child.output();
    for (const text of [stdout, stderr]) console.log(decoder.decode(text));
  }
  const { code } = await child.status;
  return { code, seconds: (performance.now() - begin) / 1000 };
}

/** One line: a part and its time. */
export function timed(name: string, seconds: number): string {
  return `${name.padEnd(28)} ${seconds.toFixed(1).padStart(6)} s`;
}
