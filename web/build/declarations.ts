/**
 * Makes one file of the types of a module and all that it imports.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
// The plugin uses the version that is chosen here: from 7 on, TypeScript has no interface for programs.
import "typescript";
import deno from "../../deno.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The options with which the client is checked for browsers. */
const TSCONFIG = `${ROOT}tests/browser/deno.json`;

/** The doc comment of a module: that of the entry is kept, the others would stand anywhere. */
const MODULE_DOC = /^\/\*\*\n(?: \*.*\n)*? \* @module\n \*\/\n+/gm;

/** What to declare. */
export interface DeclarationsOptions {
  /** The module, from the root of the project. */
  readonly entry: string;
  /** What it is, for the first line of the result. */
  readonly title: string;
}

/**
 * Declares what a module exports, and the types that this needs, with their doc comments.
 *
 * @param options what to declare
 * @returns the text of a `.d.ts` file that imports nothing
 * @throws {Error} if it would import something
 */
export async function declarations({ entry, title }: DeclarationsOptions): Promise<string> {
  const bundle = await rollup({
    input: ROOT + entry,
    plugins: [dts({
      tsconfig: TSCONFIG,
      compilerOptions: { allowImportingTsExtensions: true, types: [] },
    })],
    onLog(_level, { message }) {
      throw new Error(`Cannot declare ${entry}: ${message}`);
    },
  });
  try {
    const { output: [{ code, imports }] } = await bundle.generate({ format: "es" });
    if (imports.length > 0) throw new Error(`Cannot declare ${entry}: it imports ${imports}`);
    const banner = `/*! ${title}, ${deno.name} ${deno.version}, ${deno.license} */`;
    const [moduleDoc] = (await Deno.readTextFile(ROOT + entry)).match(MODULE_DOC) ?? [""];
    return `${banner}\n${moduleDoc}${code.replace(MODULE_DOC, "")}\n`;
  } finally {
    await bundle.close();
  }
}
