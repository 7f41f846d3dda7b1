/**
 * What imports what, as `deno info` tells it.
 *
 * @module
 */

import { ROOT } from "./program.ts";

/** What a module imports. */
export interface Dependency {
  readonly specifier: string;
  readonly code?: { readonly specifier?: string };
  readonly type?: { readonly specifier?: string };
  readonly isDynamic?: boolean;
}

/** A module of the project. */
export interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly Dependency[];
}

/** The modules of the project that a module loads, itself included; without the stand-ins for packages. */
export async function graph(file: string): Promise<readonly Module[]> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", file],
    cwd: ROOT,
    stderr: "inherit",
  });
  const { stdout } = await command.output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: Module[] };
  return modules.filter(({ specifier }) =>
    specifier.startsWith(ROOT.href) && !local(specifier).startsWith("offline/")
  );
}

/** A specifier as a path from the root of the project. */
export function local(specifier: string): string {
  return specifier.slice(ROOT.href.length);
}
