/**
 * `dsmq backup`: copies the messages of a running server into a file.
 *
 * @module
 */

import type { Backup, Connection } from "../client.ts";
import { quoted } from "../protocol/text.ts";
import type { BackupFile } from "../stores/backup_file.ts";
import { type CliCommand, EXIT_CODE, UsageError } from "./command.ts";
import { closeQuickly, connectFromArguments, CONNECTION_OPTIONS } from "./connect.ts";
import { interrupt } from "./signals.ts";
import { json, print } from "./terminal.ts";
import { parseFilePath } from "./values.ts";

/** `dsmq backup`. */
export const backupCommand: CliCommand = {
  usage: "FILE",
  summary: "copy all messages of a running server to a file that serve opens (permission admin)",
  options: {
    ...CONNECTION_OPTIONS,
    force: { help: "replace FILE if it exists" },
    json: { help: "print what was copied as a line of JSON" },
  },
  positionals: [1, 1],
  async run(args) {
    const path = requirePath(args.positionals[0]!);
    const isReplaced = args.flag("force");
    await requireFree(path, isReplaced);
    using ctrlC = interrupt();
    const { signal } = ctrlC;
    let mq: Connection | undefined;
    try {
      mq = await connectFromArguments(args, undefined, { signal });
      const messages = await copy(await mq.backup(), path, isReplaced, signal);
      if (args.flag("json")) print(json({ file: path, messages }));
      else print(`${messages} ${messages === 1 ? "message" : "messages"} copied to ${path}`);
      return EXIT_CODE.ok;
    } catch (error) {
      if (signal.aborted) return ctrlC.code;
      throw error;
    } finally {
      if (mq) await closeQuickly(mq);
    }
  },
};

function requirePath(text: string): string {
  parseFilePath("FILE", text);
  if (text === "-") {
    throw new UsageError("FILE must be a path, got -: a database cannot be written to a pipe");
  }
  if (text === "" || text.endsWith("/")) {
    throw new UsageError(`FILE must be the path of a file, got ${quoted(text)}`);
  }
  return text.startsWith("sqlite:") ? text.slice("sqlite:".length) : text;
}

/** Throws if something is in the way. */
async function requireFree(path: string, isReplaced: boolean): Promise<void> {
  const existing = await Deno.lstat(path).catch(whatIsMissing(path));
  if (existing && !existing.isFile) throw backupError(path, "it is not a file");
  if (existing && !isReplaced) throw backupError(path, "it exists already; --force replaces it");
  // A log that is left from another database would be taken for that of the copy.
  const wal = `${path}-wal`;
  if (await Deno.lstat(wal).catch(whatIsMissing(wal))) {
    throw backupError(path, `${wal} is beside it: a server uses it, or did not stop properly`);
  }
}

function whatIsMissing(path: string): (error: Error) => Promise<undefined> {
  return async (error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    const { BackupFile } = await import("../stores/backup_file.ts");
    throw backupError(path, BackupFile.reasonOf(error, path), error);
  };
}

/** Writes a backup into a file beside the wanted one, which takes its name once it is complete; returns how many messages. */
async function copy(
  backup: Backup,
  path: string,
  isReplaced: boolean,
  signal: AbortSignal,
): Promise<number> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.part`;
  let file: BackupFile | undefined;
  try {
    const { BackupFile } = await import("../stores/backup_file.ts");
    Deno.openSync(temporary, { write: true, createNew: true, mode: 0o600 }).close();
    file = await BackupFile.open(temporary, backup.info);
    const messages = await write(backup, file, signal);
    file = undefined;
    syncFile(temporary);
    // It may have been made meanwhile.
    await requireFree(path, isReplaced);
    Deno.renameSync(temporary, path);
    syncFolder(path);
    return messages;
  } catch (error) {
    for (const cleanUp of [() => file?.close(), () => Deno.removeSync(temporary)]) {
      try {
        cleanUp();
      } catch {
        // It was closed already, or not even made.
      }
    }
    signal.throwIfAborted();
    if (!isFromHere(error)) throw error;
    const { BackupFile } = await import("../stores/backup_file.ts");
    throw backupError(path, BackupFile.reasonOf(error, path), error);
  }
}

/** Errors of the disk and of SQLite; those of the connection are sentences already. */
function isFromHere(error: unknown): boolean {
  const { name, message } = error as Error;
  return !name.startsWith("DsmqError") && !message.startsWith("Cannot ");
}

async function write(backup: Backup, file: BackupFile, signal: AbortSignal): Promise<number> {
  for await (const message of backup) {
    signal.throwIfAborted();
    file.add(message);
  }
  for await (const gone of backup.gone()) {
    signal.throwIfAborted();
    file.addGone(gone);
  }
  return file.finish();
}

function syncFile(path: string): void {
  using file = Deno.openSync(path, { read: true, write: true });
  file.syncSync();
}

/** So that the name survives a power failure, too, where the system can do that. */
function syncFolder(path: string): void {
  try {
    using folder = Deno.openSync(path.slice(0, path.lastIndexOf("/") + 1) || ".");
    folder.syncSync();
  } catch {
    // Windows cannot.
  }
}

function backupError(path: string, reason: string, cause?: unknown): Error {
  return new Error(`Cannot back up to ${path}: ${reason}`, { cause });
}
