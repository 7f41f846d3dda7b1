/**
 * Makes one file for browsers of a module and all that it imports.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { MIN_RUNTIMES } from "../../client/runtime.ts";
import deno from "../../deno.json" with { type: "json" };
import { internalNames } from "./internal_names.ts";
import { minify } from "./minify.ts";
import { ownClient } from "./own_client.ts";
import { packages } from "./packages.ts";
import { withoutDeno } from "./without_deno.ts";
import { withoutDescriptions } from "./without_descriptions.ts";

/** The root of the project. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The oldest browsers that the client supports, as esbuild names them: `safari16.4`. */
const TARGET = [...MIN_RUNTIMES.matchAll(/\b(Safari|Chrome|Firefox) ([\d.]+)/g)]
  .map(([, browser, version]) => browser!.toLowerCase() + version);

/** What to bundle. */
export interface BundleOptions {
  /** The module or style sheet, from the root of the project. */
  readonly entry: string;
  /** What it is, for the first line of the result. */
  readonly title: string;
  /** Specifiers that the result imports as they are. Default: none. */
  readonly external?: readonly string[];
  /** The public types, if names that are not among them may be shortened. Default: names of members stay as they are. */
  readonly publicTypes?: string;
}

/**
 * Bundles a module or a style sheet, without what only Deno needs.
 *
 * @param options what to bundle
 * @returns the text of the result
 * @throws {Error} if a source is invalid, esbuild warns of something, or the result would import what is not `external`, or
 *   import dynamically: service workers cannot
 */
export async function bundle(options: BundleOptions): Promise<string> {
  const { entry, title, publicTypes } = options;
  const banner = `/*! ${title}, ${deno.name} ${deno.version}, ${deno.license} */`;
  try {
    const names = publicTypes === undefined
      ? []
      : internalNames(await sourcesOf(options), publicTypes);
    const { text } = await build(options, {
      banner: { js: banner, css: banner },
      ...(names.length > 0 && { mangleProps: new RegExp(`^(?:${names.join("|")})$`) }),
    });
    return entry.endsWith(".css") ? text : await minify(text);
  } finally {
    await esbuild.stop();
  }
}

/** The text of each source of ours that a bundle takes something of, and of all that names what goes over the wire, by its path from the root. */
async function sourcesOf(options: BundleOptions): Promise<Map<string, string>> {
  const { inputs } = await build(options, {});
  const wire = Array.from(Deno.readDirSync(`${ROOT}protocol`), ({ name }) => `protocol/${name}`);
  const paths = [...new Set([...inputs.filter((path) => path.endsWith(".ts")), ...wire.sort()])];
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(ROOT + path)));
  return new Map(paths.map((path, i) => [path, texts[i]!]));
}

async function build(
  { entry, external = [] }: BundleOptions,
  more: esbuild.BuildOptions,
): Promise<{ text: string; inputs: string[] }> {
  const { outputFiles: [output], metafile, warnings } = await esbuild.build({
    ...more,
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: TARGET,
    minify: true,
    charset: "utf8",
    legalComments: "none",
    external: [...external],
    plugins: [withoutDeno, withoutDescriptions, packages, ownClient],
    write: false,
    metafile: true,
    // What is wrong is thrown instead.
    logLevel: "silent",
  });
  if (warnings.length > 0) {
    const texts = await esbuild.formatMessages(warnings, { kind: "warning" });
    throw new Error(`Cannot bundle ${entry}: esbuild warns of this:\n${texts.join("\n")}`);
  }
  for (const { path, kind } of Object.values(metafile.outputs).flatMap(({ imports }) => imports)) {
    if (kind === "import-statement" && external.includes(path)) continue;
    throw new Error(`Cannot bundle ${entry}: it would still import ${path} (${kind})`);
  }
  return { text: output!.text, inputs: Object.keys(metafile.inputs) };
}
