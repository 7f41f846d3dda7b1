/**
 * What a token, or a client without one, may do, and for which topics.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { quoted } from "../protocol/text.ts";
import { type Permission, PERMISSIONS } from "../protocol/token.ts";
import { type TopicRange, TopicScope } from "./topic_scope.ts";

/** Whether a client may administer a server; `"local"`: only if its request shows no sign of another machine. */
export type AdminReach = "granted" | "local" | "denied";

/** What is allowed, and for which topics. Without `topics` and `prefixes`: for all topics. */
export interface Grant {
  /** What is allowed. None of them includes another. Default: all, and all but `admin` for clients without a token. */
  readonly permissions?: readonly Permission[];
  /** Topics by their exact names: `news` does not include `newsletter`. A name with a `*` is an error: use `prefixes`. */
  readonly topics?: readonly string[];
  /** All topics that begin with one of these: `news.` includes `news.today`. */
  readonly prefixes?: readonly string[];
}

/** A token and what it allows. */
export interface TokenGrant extends Grant {
  /** The token: 1 to 8192 visible characters of ASCII. */
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

/** The error of a token that was valid until now. */
export const TOKEN_EXPIRED: WireError = {
  code: "unauthorized",
  message: "Access denied: the token has expired",
};

/** The error of a token that may be valid. */
export const TOKEN_UNCHECKED: WireError = {
  code: "unavailable",
  message: "Cannot check the token now: try again later",
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

/**
 * The error of what acts on the whole server, for a client that may not do that.
 *
 * @param action what was asked for, such as "shut down"
 * @param permissions of the client, which may have `admin` for some topics only
 */
export function administrationDenied(
  action: string,
  permissions: Permissions | undefined,
): WireError {
  const denied = permissionDenied(action);
  return permissions?.names.includes("admin")
    ? { ...denied, message: `${denied.message}: that needs the permission admin for all topics` }
    : denied;
}

/** Who a token belongs to, beyond what it allows. */
export interface Provenance {
  /** When it expires, in milliseconds since 1970. Default: never. */
  readonly expires?: number | undefined;
  /** What vouched for it, if it is not one of a list. */
  readonly source?: unknown;
  /** Whether a client with the permission `admin` may use it. Default: it may. */
  readonly administration?: AdminReach;
}

const NOTHING = new TopicScope([]);

/** What one client may do. It never changes: a client that may do something else gets another one. */
export class Permissions {
  /** Tells one client from another without revealing a token that cannot be guessed; `""` for clients without a token. */
  readonly identity: string;
  /** It may stop the server, if the server allows that to clients: it has the permission `admin`, and for all topics. */
  readonly mayStop: boolean;
  /** It may read, write and work on all topics. */
  readonly full: boolean;
  /**
   * What it may read, in the order of the code points; `undefined` for all topics. No topic is in two of these ranges, so
   * that all topics of one come before all topics of the next.
   */
  readonly readable: readonly TopicRange[] | undefined;
  /** When they end, in milliseconds since 1970; `undefined` if they do not. */
  readonly expires: number | undefined;
  /** What vouched for the token, if it is not one of a list. */
  readonly source: unknown;
  readonly #read: TopicScope;
  readonly #write: TopicScope;
  readonly #work: TopicScope;
  readonly #administered: TopicScope;
  readonly #administration: AdminReach;

  /**
   * Permits what one grant says, or each of several.
   *
   * @param identity of the client
   * @param grants what it may do
   * @param provenance when the token expires, and what vouched for it
   */
  constructor(
    identity: string,
    grants: Grant | readonly Grant[],
    { expires, source, administration = "granted" }: Provenance = {},
  ) {
    this.identity = identity;
    this.expires = expires;
    this.source = source;
    const all = [grants].flat();
    const allowing = (permission: Permission) =>
      all.filter(({ permissions = PERMISSIONS }) => permissions.includes(permission));
    const read = this.#read = new TopicScope(allowing("read"));
    const write = this.#write = new TopicScope(allowing("write"));
    const work = this.#work = new TopicScope(allowing("work"));
    this.#administration = administration;
    const admin = new TopicScope(allowing("admin"));
    this.mayStop = admin.ranges === undefined;
    this.#administered = administration === "denied" ? NOTHING : admin;
    this.readable = read.ranges;
    this.full = [read, write, work].every(({ ranges }) => ranges === undefined);
  }

  /** Whether it may read a topic. */
  mayRead(topic: string): boolean {
    return this.#read.includes(topic);
  }

  /** Whether it may read all topics that begin with a prefix. */
  mayReadAll(prefix: string): boolean {
    return this.#read.includesAll(prefix);
  }

  /** Whether it may put messages into a topic. */
  mayWrite(topic: string): boolean {
    return this.#write.includes(topic);
  }

  /** Whether it may work on a topic: take the jobs of its groups. */
  mayWork(topic: string): boolean {
    return this.#work.includes(topic);
  }

  /** Whether it may work on all topics that begin with a prefix. */
  mayWorkOnAll(prefix: string): boolean {
    return this.#work.includesAll(prefix);
  }

  /** It is that of a server that is open to all: whether it may administer the server depends on where its client is. */
  get isOpen(): boolean {
    return this.#administration !== "granted";
  }

  /** What it may do, perhaps for some topics only. */
  get names(): readonly Permission[] {
    return PERMISSIONS.filter((name) => this.#scopeOf(name).ranges?.length !== 0);
  }

  /**
   * What everybody who has it may do, wherever they are: in words such as `read, write and work`, or `read some topics`, and whether that
   * is for all topics; `undefined` if it is nothing.
   */
  get summary(): { readonly words: string; readonly allTopics: boolean } | undefined {
    const names = this.names.filter((name) => name !== "admin" || !this.isOpen);
    if (names.length === 0) return undefined;
    const allTopics = names.every((name) => this.#scopeOf(name).ranges === undefined);
    const verbs = names.map((name) => name === "admin" ? "administer" : name).join(", ")
      .replace(/, (\w+)$/, " and $1");
    return { words: allTopics ? verbs : `${verbs} some topics`, allTopics };
  }

  /**
   * The topics for which something is permitted, in the order of the code points; an empty prefix stands for all topics. No
   * topic is in two of these ranges.
   *
   * @param name what is permitted
   * @param isForwarded see {@linkcode Permissions.mayAdministrate}
   */
  rangesOf(name: Permission, isForwarded: boolean): readonly TopicRange[] {
    if (name === "admin" && this.#isElsewhere(isForwarded)) return [];
    return this.#scopeOf(name).ranges ?? [{ text: "", isPrefix: true }];
  }

  /** Whether its client may not administer because of where it seems to be. */
  #isElsewhere(isForwarded: boolean): boolean {
    return this.#administration === "local" && isForwarded;
  }

  #scopeOf(name: Permission): TopicScope {
    const [read, write, work, admin] = [this.#read, this.#write, this.#work, this.#administered];
    return { read, write, work, admin }[name];
  }

  /**
   * Whether it may administer a topic, or without one the whole server: not if it may do so for some topics only.
   *
   * @param topic the topic, if it is about one
   * @param isForwarded whether the request of the connection seems to come through a proxy, or from a page of another machine
   */
  mayAdministrate(topic: string | undefined, isForwarded: boolean): boolean {
    if (this.#isElsewhere(isForwarded)) return false;
    const { ranges } = this.#administered;
    return topic === undefined ? ranges === undefined : this.#administered.includes(topic);
  }

  /** The same of all topics that begin with a prefix. */
  mayAdministrateAll(prefix: string, isForwarded: boolean): boolean {
    return !this.#isElsewhere(isForwarded) && this.#administered.includesAll(prefix);
  }
}
