/**
 * The folders of replicas in temporary files.
 *
 * @module
 */

import { FileLock } from "../file_lock.ts";

const PREFIX = "dsmq-replica-";

/** A younger folder may be one in which nothing is yet, in milliseconds. */
const MIN_AGE = 60_000;

/** Makes a folder for the replica of a server that starts, and removes those that killed servers have left. */
export function makeReplicaFolder(): string {
  const folder = Deno.makeTempDirSync({ prefix: PREFIX });
  try {
    const parent = folder.slice(0, folder.lastIndexOf(PREFIX));
    for (const { name, isDirectory } of Deno.readDirSync(parent)) {
      const other = `${parent}${name}`;
      if (isDirectory && name.startsWith(PREFIX) && other !== folder) removeIfLeft(other);
    }
  } catch {
    // Perhaps it may not be listed. What is left takes room, and nothing else.
  }
  return folder;
}

/** Removes a folder whose server does not run any more. */
function removeIfLeft(folder: string): void {
  try {
    const { mtime } = Deno.statSync(folder);
    if (!mtime || Date.now() - mtime.getTime() < MIN_AGE) return;
    const lock = FileLock.acquire(`${folder}/replica.db.lock`);
    lock.release();
    Deno.removeSync(folder, { recursive: true });
  } catch {
    // A server runs, or it is somebody else's.
  }
}
