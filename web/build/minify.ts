/**
 * Makes a built module smaller than esbuild does, by a second pass.
 *
 * @module
 */

import { minify as terse } from "terser";

/**
 * Minifies an ES module. Nothing is assumed that the language does not promise (none of terser's `unsafe` options).
 *
 * @param code the module, whose comments `/*!` stay
 * @returns the smaller one
 * @throws {Error} if it cannot be parsed
 */
export async function minify(code: string): Promise<string> {
  const { code: smaller } = await terse(code, {
    module: true,
    ecma: 2020,
    // The latter two leave more that looks alike, which is smaller once it is compressed.
    compress: { passes: 3, keep_fargs: false, hoist_funs: true, lhs_constants: false },
    format: { comments: /^!/ },
  });
  return `${smaller!}\n`;
}
