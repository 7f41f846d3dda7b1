/**
 * What a token, or a client without one, may do.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { NameSet } from "../protocol/name_map.ts";
import { compareCodePoints, quoted } from "../protocol/text.ts";

/** `read` messages and the list of topics, `write` messages, and `admin`: stop the server. */
export type Permission = "read" | "write" | "admin";

/** All of them. */
export const PERMISSIONS: readonly Permission[] = ["read", "write", "admin"];

/** What is allowed, and for which topics. Without `topics` and `prefixes`: for all topics. */
export interface Grant {
  /** What is allowed. None of them includes another. Default: all. */
  readonly permissions?: readonly Permission[];
  /** Topics by their exact names: `news` does not include `newsletter`. A name with a `*` is an error: use `prefixes`. */
  readonly topics?: readonly string[];
  /** All topics that begin with one of these: `news.` includes `news.today`. */
  readonly prefixes?: readonly string[];
}

/** A token and what it allows. */
export interface TokenGrant extends Grant {
  /** The token: 1 to 1024 visible characters of ASCII. */
  readonly token: string;
}

/** The error of a request that needs a token and came without one. */
export const TOKEN_NEEDED: WireError = {
  code: "unauthorized",
  message: "Access denied: a token is needed, and none was given",
};

/** The error of a token that is unknown, or was revoked. */
export const TOKEN_INVALID: WireError = {
  code: "unauthorized",
  message: "Access denied: the token is not valid",
};

/**
 * The error of what the permissions do not allow.
 *
 * @param action what was asked for, such as "read"
 * @param topic the topic it was asked for, if it concerns one
 */
export function permissionDenied(action: string, topic?: string): WireError {
  const what = topic === undefined ? action : `${action} topic ${quoted(topic)}`;
  return { code: "permission_denied", message: `Cannot ${what}: permission denied` };
}

/** A range of topics that may be read: one topic, or all that begin with a prefix. */
export interface ReadableRange {
  /** The name of the topic, or the prefix. */
  readonly text: string;
  readonly isPrefix: boolean;
}

/** What one client may do. It never changes: a client that may do something else gets another one. */
export class Permissions {
  /** Tells one token from another without revealing either; `""` for clients without a token. */
  readonly identity: string;
  /** It may stop the server, if the server allows that to clients. */
  readonly admin: boolean;
  /** It may read and write all topics. */
  readonly full: boolean;
  /**
   * What it may read, in the order of the code points; `undefined` for all topics. No topic is in two of these ranges, so
   * that all topics of one come before all topics of the next.
   */
  readonly readable: readonly ReadableRange[] | undefined;
  readonly #topics: NameSet | undefined;
  readonly #prefixes: readonly string[] | undefined;
  readonly #read: boolean;
  readonly #write: boolean;

  /**
   * Permits what a grant says.
   *
   * @param identity of the token
   * @param grant what it allows
   */
  constructor(identity: string, { permissions = PERMISSIONS, topics, prefixes }: Grant) {
    this.identity = identity;
    this.admin = permissions.includes("admin");
    this.#read = permissions.includes("read");
    this.#write = permissions.includes("write");
    const minimal = minimalPrefixes(prefixes ?? []);
    const ranges: ReadableRange[] = minimal.map((text) => ({ text, isPrefix: true }));
    const isRestricted = minimal[0] !== "" && (topics !== undefined || prefixes !== undefined);
    if (isRestricted) {
      this.#prefixes = minimal;
      this.#topics = new NameSet();
      for (const text of topics ?? []) {
        if (this.#includes(text)) continue;
        this.#topics.add(text);
        ranges.push({ text, isPrefix: false });
      }
    }
    const readable = isRestricted ? ranges : undefined;
    this.readable = this.#read ? readable?.sort((a, b) => compareCodePoints(a.text, b.text)) : [];
    this.full = this.#write && this.readable === undefined;
  }

  /** Whether it may read a topic. */
  mayRead(topic: string): boolean {
    return this.#read && this.#includes(topic);
  }

  /** Whether it may put messages into a topic. */
  mayWrite(topic: string): boolean {
    return this.#write && this.#includes(topic);
  }

  #includes(topic: string): boolean {
    if (this.#topics === undefined) return true;
    return this.#topics.has(topic) || matchesPrefix(topic, this.#prefixes!);
  }
}

/** Whether a topic begins with one of these, of which there may be thousands: see {@linkcode minimalPrefixes}. */
function matchesPrefix(topic: string, prefixes: readonly string[]): boolean {
  let [low, high] = [0, prefixes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (prefixes[middle]! <= topic) low = middle + 1;
    else high = middle;
  }
  // Everything that is sorted between a prefix and a topic that begins with it begins with that prefix, too. So it is not in the list.
  return low > 0 && topic.startsWith(prefixes[low - 1]!);
}

/** The same topics by the fewest prefixes, in the order of their UTF-16 units. No prefix begins with another. */
function minimalPrefixes(prefixes: readonly string[]): readonly string[] {
  const minimal: string[] = [];
  for (const prefix of [...prefixes].sort()) {
    // In this order what begins with a prefix comes right after it.
    const last = minimal.at(-1);
    if (last === undefined || !prefix.startsWith(last)) minimal.push(prefix);
  }
  return minimal;
}
