/**
 * Programs of the system that tests use.
 *
 * @module
 */

/**
 * The path of a program, if it is installed.
 *
 * @param program its name
 */
export async function pathOfProgram(program: string): Promise<string | undefined> {
  // Debian has nginx in a folder where only root looks for programs.
  for (const folder of [...Deno.env.get("PATH")?.split(":") ?? [], "/usr/sbin"]) {
    const path = `${folder}/${program}`;
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
}

/** Why tests with a program are ignored here, if they are. */
export async function missingProgram(program: string): Promise<string | false> {
  return await pathOfProgram(program) === undefined && `${program} is not installed`;
}
