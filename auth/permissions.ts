/**
 * What those who are in may do.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { compareCodePoints, quoted } from "../protocol/text.ts";

/** One thing to be allowed: reading messages and the list of topics, putting messages, stopping the server. */
export type Permission = "read" | "write" | "admin";

/** All of them. */
export const PERMISSIONS: readonly Permission[] = ["read", "write", "admin"];

/** What somebody may do. */
export interface Grant {
  /** The rights; each stands for itself alone. Default: all. */
  readonly permissions?: readonly Permission[];
  /** Only topics that begin with one of these. Default: all topics. */
  readonly topics?: readonly string[];
}

/** What those may do who bring a certain token. */
export interface TokenGrant extends Grant {
  /** The token: 1 to 1024 visible characters of ASCII. */
  readonly token: string;
}

/** A request that needs a token came without one. */
export const TOKEN_NEEDED: WireError = {
  code: "unauthorized",
  message: "Cannot do this: a token is needed, and none was given",
};

/** The token is unknown, or was revoked. */
export const TOKEN_INVALID: WireError = {
  code: "unauthorized",
  message: "Cannot do this: the token that was given is not good",
};

/**
 * The error of what the permissions do not allow.
 *
 * @param action what was asked for, such as "read"
 * @param topic the topic it was asked for, if it concerns one
 */
export function permissionDenied(action: string, topic?: string): WireError {
  const what = topic === undefined ? action : `${action} topic ${quoted(topic)}`;
  return { code: "permission_denied", message: `Cannot ${what}: there is no leave for it` };
}

/** Leave to do something. It does not change: another takes its place. */
export class Permissions {
  /** Tells one token from another without revealing either; `""` for those without one. */
  readonly identity: string;
  /** It may stop the server, if that was started with leave for it. */
  readonly admin: boolean;
  /** It may read and write, and all topics. */
  readonly full: boolean;
  /**
   * What topics begin with that it may read, in the order of their code points; `undefined` for all. None is the beginning
   * of another.
   */
  readonly readable: readonly string[] | undefined;
  readonly #topics: readonly string[] | undefined;
  readonly #read: boolean;
  readonly #write: boolean;

  /**
   * Gives leave.
   *
   * @param identity of whom
   * @param grant what for
   */
  constructor(identity: string, { permissions = PERMISSIONS, topics }: Grant) {
    this.identity = identity;
    this.admin = permissions.includes("admin");
    this.#read = permissions.includes("read");
    this.#write = permissions.includes("write");
    this.#topics = topics && minimalPrefixes(topics);
    this.readable = this.#read ? this.#topics?.toSorted(compareCodePoints) : [];
    this.full = this.#write && this.readable === undefined;
  }

  /** Whether it may read a topic. */
  mayRead(topic: string): boolean {
    return this.#read && matchesPrefix(topic, this.#topics);
  }

  /** Whether it may put messages into a topic. */
  mayWrite(topic: string): boolean {
    return this.#write && matchesPrefix(topic, this.#topics);
  }
}

/** Whether a topic begins with one of these, of which there may be thousands: see {@linkcode minimalPrefixes}. */
function matchesPrefix(topic: string, prefixes: readonly string[] | undefined): boolean {
  if (prefixes === undefined) return true;
  let [low, high] = [0, prefixes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (prefixes[middle]! <= topic) low = middle + 1;
    else high = middle;
  }
  // What stands between a prefix and a topic that begins with it begins with the prefix, too, and so is none of them.
  return low > 0 && topic.startsWith(prefixes[low - 1]!);
}

/** The same topics by as few prefixes as can be, in the order of their units; `undefined` if these are all topics. */
function minimalPrefixes(prefixes: readonly string[]): readonly string[] | undefined {
  const minimal: string[] = [];
  for (const prefix of [...prefixes].sort()) {
    // In this order what begins with a prefix comes right after it.
    const last = minimal.at(-1);
    if (last === undefined || !prefix.startsWith(last)) minimal.push(prefix);
  }
  return minimal.includes("") ? undefined : minimal;
}
