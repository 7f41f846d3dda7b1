/**
 * Python, as Debian has it.
 *
 * @module
 */

/**
 * Finds a Python that has a module: that of the system first, which Debian's packages are for.
 *
 * @param module its name
 * @returns the program; `undefined` if there is none
 */
export async function findPython(module: string): Promise<string | undefined> {
  for (const candidate of ["/usr/bin/python3", "python3"]) {
    try {
      const args = ["-c", `import ${module}`];
      if ((await new Deno.Command(candidate, { args }).output()).success) return candidate;
    } catch {
      // There is no program of this name.
    }
  }
}
