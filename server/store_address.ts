/**
 * Parses the option that says where messages are stored.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { OptionChecks } from "./option_checks.ts";

/** Whether the value of an option is the address of a log. What is in it is known once that is opened. */
export function isLogAddress(store: unknown): boolean {
  return typeof store === "string" && /^(nats|tls):\/\//i.test(store);
}

/** The value of an option for an error or a log: without what may be a password. */
export function shownStore(store: string): string {
  return quoted(store.replace(/^([a-z\d]+:(?:\/\/)?)?.*@/is, "$1…@"));
}

/** What keeps the messages, in a word. */
export function storeKind(store: string): "memory" | "sqlite" | "nats" {
  if (isLogAddress(store)) return "nats";
  return store === "memory" ? "memory" : "sqlite";
}

/**
 * The path of an SQLite file, from the value of an option. Forms of other programs, and what would name a file by mistake,
 * are refused.
 *
 * @param store the value, such as `sqlite:queue.db`
 * @param check the name of the option in errors. Default: `store`
 * @returns the path; `undefined` if the value names no file
 * @throws {RangeError} if it is invalid; the message says why
 */
export function storePath(
  store: string,
  check: OptionChecks = new OptionChecks(),
): string | undefined {
  const path = typeof store === "string" ? /^sqlite:(.*)$/is.exec(store)?.[1] : undefined;
  if (path === undefined || path === "") return undefined;
  const reason = pathFault(path);
  if (reason === undefined) return path;
  throw check.rangeError("store", `"sqlite:PATH", ${reason}`, shownStore(store));
}

/**
 * What may have been meant by another value.
 *
 * @param store the value
 * @returns `; did you mean …?`, or nothing
 */
export function storeHint(store: unknown): string {
  if (typeof store !== "string") return "";
  const path = store.replace(/^[a-z\d]+:/i, "");
  // It may have a password.
  if (path.includes("@")) return "";
  const suggestion = /^:?mem/i.test(store)
    ? "memory"
    : /[./\\]/.test(path) && pathFault(path) === undefined
    ? `sqlite:${path}`
    : undefined;
  return suggestion === undefined ? "" : `; did you mean ${quoted(suggestion)}?`;
}

/** Why a text had better be no path of a file, if so. */
export function pathFault(path: string): string | undefined {
  if (path === ":memory:") return 'and for messages in memory it is "memory"';
  if (path.startsWith("//")) {
    return "without slashes before the path: sqlite:queue.db, or sqlite:/var/lib/queue.db";
  }
  if (/^file:|^[a-z][a-z\d+.-]+:\/\//i.test(path)) return "where PATH is a path and no address";
  if (/\?[^/]*=/.test(path)) return "and takes no options behind a ?";
  if (/^~/.test(path)) return "where ~ does not stand for a folder: write the whole path";
  if (/^["'`]|["'`]$/.test(path)) return "and quotes would be a part of the path";
  if (/^\s|\s$/.test(path)) return "and spaces around it would be a part of the path";
  // deno-lint-ignore no-control-regex -- that is what it looks for
  if (/[\x00-\x1f\x7f]/.test(path)) return "where PATH has no control characters";
  if (/[/\\]$/.test(path)) return "where PATH is a file and no folder";
  return undefined;
}

/** The address of a log is invalid; it is parsed only when the log is opened. */
export class LogAddressError extends RangeError {}
