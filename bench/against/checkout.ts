/**
 * Finds a checkout of this project in a folder.
 *
 * @module
 */

import { pathToFileURL } from "node:url";

/** A checkout. */
export interface Checkout {
  readonly folder: string;
  /** The folder as a URL, to resolve file names against. */
  readonly root: URL;
  /** Its commit, with a note if files differ from it; or `unknown`. */
  readonly commit: string;
}

/** The folder is not a checkout. */
export class NoCheckout extends Error {}

/** Files that must be there. */
const FILES = ["deno.json", "cli.ts", "client.ts"];

/**
 * Checks that a folder is a checkout.
 *
 * @param where the folder
 * @throws {NoCheckout} if it is not
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
