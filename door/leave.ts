/**
 * What those who are in may do.
 *
 * @module
 */

/** One thing to be allowed: reading messages and the list of topics, putting messages, stopping the server. */
export type Right = "read" | "write" | "admin";

/** All of them. */
export const RIGHTS: readonly Right[] = ["read", "write", "admin"];

/** What somebody may do. */
export interface Grant {
  /** The rights; each stands for itself alone. Default: all. */
  readonly rights?: readonly Right[];
  /** Only topics that begin with one of these. Default: all topics. */
  readonly topics?: readonly string[];
}

/** What those may do who bring a certain token. */
export interface TokenGrant extends Grant {
  /** The token: 1 to 1024 visible characters of ASCII. */
  readonly token: string;
}

/** Leave to do something. It does not change: another takes its place. */
export class Leave {
  /** Tells one token from another without revealing either; `""` for those without one. */
  readonly identity: string;
  /** It may stop the server, if that was started with leave for it. */
  readonly admin: boolean;
  /** It may read and write, and all topics. */
  readonly full: boolean;
  /** What topics begin with that it may read; `undefined` for all. None is the beginning of another. */
  readonly readable: readonly string[] | undefined;
  readonly #topics: readonly string[] | undefined;
  readonly #write: boolean;

  /**
   * Gives leave.
   *
   * @param identity of whom
   * @param grant what for
   */
  constructor(identity: string, { rights = RIGHTS, topics }: Grant) {
    this.identity = identity;
    this.admin = rights.includes("admin");
    this.#write = rights.includes("write");
    this.#topics = topics && shortest(topics);
    this.readable = rights.includes("read") ? this.#topics : [];
    this.full = this.#write && this.readable === undefined;
  }

  /** Whether it may read a topic. */
  mayRead(topic: string): boolean {
    return within(topic, this.readable);
  }

  /** Whether it may put messages into a topic. */
  mayWrite(topic: string): boolean {
    return this.#write && within(topic, this.#topics);
  }
}

function within(topic: string, prefixes: readonly string[] | undefined): boolean {
  return prefixes === undefined || prefixes.some((prefix) => topic.startsWith(prefix));
}

/** The same topics by as few prefixes as can be; `undefined` if these are all topics. */
function shortest(prefixes: readonly string[]): readonly string[] | undefined {
  const kept: string[] = [];
  for (const prefix of [...prefixes].sort()) {
    // In this order what begins with a prefix comes right after it.
    const last = kept.at(-1);
    if (last === undefined || !prefix.startsWith(last)) kept.push(prefix);
  }
  return kept.includes("") ? undefined : kept;
}
