/**
 * `dsmq backup`: copies the messages of a running server into a file.
 *
 * @module
 */

import type { Backup, Connection } from "../client.ts";
import { quoted } from "../protocol/text.ts";
import type { BackupFile } from "../stores/backup_file.ts";
import { type CliCommand, EXIT_CODE, UsageError } from "./command.ts";
import {
  closeQuickly,
  connectFromArguments,
  CONNECTION_OPTIONS,
  requireAddress,
} from "./connect.ts";
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
    requireAddress(args);
    // All this shows again when the file is written; but connecting may take seconds, for nothing.
    requirePermissions(path);
    await requireFree(path, isReplaced);
    await requireUsable(path);
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
  const existing = await lstat(path, path);
  if (existing && !existing.isFile) throw backupError(path, "it is not a file");
  if (existing && !isReplaced) throw backupError(path, "it exists already; --force replaces it");
  // A log that is left from another database would be taken for that of the copy.
  const wal = `${path}-wal`;
  if (await lstat(wal, path)) {
    throw backupError(path, `${wal} is beside it: a server uses it, or did not stop properly`);
  }
}

/** What is there, if anything is. */
async function lstat(path: string, target: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (Object(error).code !== "ENAMETOOLONG") throw await fileError(target, error, path);
    // The target itself may have the longest name that there can be: then there is nothing beside it.
    if (path !== target) return undefined;
    throw backupError(target, "its path is longer than this system permits", error);
  }
}

/** Throws if a file cannot be made in the folder, or if no server could open it. */
async function requireUsable(path: string): Promise<void> {
  const probe = temporaryPath(path);
  try {
    const { BackupFile } = await import("../stores/backup_file.ts");
    BackupFile.requireName(path);
    BackupFile.requirePath(probe);
    makeFile(probe);
    Deno.removeSync(probe);
  } catch (error) {
    throw await fileError(path, error, probe);
  }
}

/** Throws if Deno would ask for a permission, or refuse it. */
function requirePermissions(path: string): void {
  const folder = folderOf(path) || ".";
  const missing = (["read", "write"] as const).filter((name) =>
    Deno.permissions.querySync({ name, path: folder }).state !== "granted"
  );
  if (missing.length === 0) return;
  const flags = missing.map((name) => `--allow-${name}=${folder}`).join(" ");
  throw backupError(path, `permission denied, it needs ${flags}`);
}

/** The beginning of a path, up to its last part. */
function folderOf(path: string): string {
  return path.replace(Deno.build.os === "windows" ? /[^/\\]*$/ : /[^/]*$/, "");
}

/** A name beside a file that nobody can guess. It is as short for a file with the longest name. */
function temporaryPath(path: string): string {
  return `${folderOf(path)}dsmq-${crypto.randomUUID().slice(-12)}.part`;
}

/** Makes an empty file that nobody else can read; throws if there is one. */
function makeFile(path: string): void {
  Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
}

/** Writes a backup into a file beside the wanted one, which takes its name once it is complete; returns how many messages. */
async function copy(
  backup: Backup,
  path: string,
  isReplaced: boolean,
  signal: AbortSignal,
): Promise<number> {
  const temporary = temporaryPath(path);
  let file: BackupFile | undefined;
  try {
    const { BackupFile } = await import("../stores/backup_file.ts");
    makeFile(temporary);
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
    const shown = isFromHere(error) ? await fileError(path, error, temporary) : error;
    for (const cleanUp of [() => file?.close(), () => Deno.removeSync(temporary)]) {
      try {
        cleanUp();
      } catch {
        // It was closed already, or not even made.
      }
    }
    signal.throwIfAborted();
    throw shown;
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
  return file.finish(await backup.newestGone());
}

function syncFile(path: string): void {
  using file = Deno.openSync(path, { read: true, write: true });
  file.syncSync();
}

/** So that the name survives a power failure, too, where the system can do that. */
function syncFolder(path: string): void {
  try {
    using folder = Deno.openSync(folderOf(path) || ".");
    folder.syncSync();
  } catch {
    // Windows cannot.
  }
}

/** The error for a person of one that the system, or SQLite, has with a file. */
async function fileError(path: string, error: unknown, file: string): Promise<Error> {
  const { BackupFile } = await import("../stores/backup_file.ts");
  return backupError(path, BackupFile.reasonOf(error, file), error);
}

function backupError(path: string, reason: string, cause?: unknown): Error {
  return new Error(`Cannot back up to ${path}: ${reason}`, { cause });
}
