/**
 * Folders that hold a checkout of this project.
 *
 * @module
 */

import { pathToFileURL } from "node:url";

/** A checkout. */
export interface Checkout {
  readonly folder: string;
  /** The folder as a URL that names of files can be resolved against. */
  readonly root: URL;
  /** Its commit, and whether files differ from it; or `unknown`. */
  readonly commit: string;
}

/** A folder that holds no checkout. */
export class NoCheckout extends Error {}

/** What has to be there to be measured. */
const FILES = ["deno.json", "cli.ts", "client.ts"];

/**
 * Looks at a checkout.
 *
 * @param where its folder
 * @throws {NoCheckout} if it holds no checkout
 */
export async function openCheckout(where: string | URL): Promise<Checkout> {
  const folder = await Deno.realPath(where).catch(() => undefined);
  if (folder === undefined) throw new NoCheckout(`There is no folder ${JSON.stringify(where)}`);
  const root = pathToFileURL(`${folder}/`);
  for (const file of FILES) {
    const there = await Deno.stat(new URL(file, root)).then(({ isFile }) => isFile, () => false);
    if (!there) throw new NoCheckout(`${folder} is not a checkout of dsmq: it has no ${file}`);
  }
  return { folder, root, commit: await commitOf(folder) };
}

async function commitOf(folder: string): Promise<string> {
  const args = ["-C", folder, "describe", "--always", "--dirty=, with changes", "--exclude=*"];
  try {
    const { success, stdout } = await new Deno.Command("git", { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : "unknown";
  } catch {
    return "unknown";
  }
}
