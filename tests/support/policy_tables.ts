/**
 * The tables of `docs/access-control.md`, which tests check row by row.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { ServeOptions } from "@dsmq/server";
import { ROOT } from "./program.ts";

const page = await Deno.readTextFile(new URL("docs/access-control.md", ROOT));

/** The rows of the table under a heading. */
export function policyTable(heading: string): readonly (readonly string[])[] {
  const begin = page.indexOf(`## ${heading}\n`);
  assert(begin >= 0, `there is a heading "${heading}"`);
  const text = page.slice(begin + 3).split(/^#/m)[0]!;
  const [, , ...rows] = text.split("\n").filter((line) => line.startsWith("|"));
  return rows.map((row) => row.slice(1, -1).split("|").map((cell) => cell.trim()));
}

/** The code in a cell; `undefined` for other text. */
export function codeIn(cell: string, port: number): string | undefined {
  return /^`(.*)`$/.exec(cell)?.[1]?.replaceAll("PORT", String(port));
}

/** The options that a cell names. */
export function optionsIn(cell: string): ServeOptions {
  if (cell === "nothing") return {};
  const json = cell.slice(1, -1).replace(/(^|, )(\w+):/g, '$1"$2":');
  return JSON.parse(`{${json}}`);
}
