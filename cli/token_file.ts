/**
 * A file of tokens. None is ever shown, also not where it stands in the wrong place.
 *
 * @module
 */

import type { Grant, Right, TokenGrant } from "../server.ts";
import { NameMap } from "../protocol/name_map.ts";
import { TOKEN_FORM, tokenFault } from "../protocol/token.ts";
import { nearest } from "./nearest.ts";

const RIGHTS: readonly Right[] = ["read", "write", "admin"];

/** Who stands for those without a token, where a file has a token. */
const STRANGERS = "*";

/** What a file says of tokens. */
export interface TokenFile {
  readonly tokens: readonly TokenGrant[];
  /** What those may do who have none. */
  readonly anonymous: Grant;
}

/**
 * Understands a file of tokens. Each line has a token, then perhaps its rights, then perhaps what the topics
 * begin with that these are for:
 *
 * ```text
 * # all rights, for all topics
 * 5s8d3kq0
 * x1m2p9zz read,write orders. invoices.
 * * read public.
 * ```
 *
 * @param name of the file, for the errors
 * @param text what is in it
 * @returns what it says; without a line for `*`, those without a token may do nothing
 * @throws {Error} if a line is wrong; it is named by its number, for it may hold a token
 */
export function parseTokens(name: string, text: string): TokenFile {
  const wrong = (why: string) => new Error(`Cannot use ${name}: ${why}`);
  if (text.trim() === "") throw wrong("it is empty");
  const tokens: TokenGrant[] = [];
  /** In which line each token stands. */
  const lines = new NameMap<number>();
  let anonymous: Grant = { rights: [] };
  text.split(/\r?\n/).forEach((line, i) => {
    const [token, rights, ...topics] = line.trim().split(/\s+/);
    if (token === undefined || token === "" || token.startsWith("#")) return;
    const fault = (why: string) => wrong(`in line ${i + 1} ${why}`);
    const bad = tokenFault(token);
    if (bad !== undefined) throw fault(`the token must be ${TOKEN_FORM}, got ${bad}`);
    const before = lines.get(token);
    if (before !== undefined) throw fault(`is the same token as in line ${before}`);
    lines.set(token, i + 1);
    const grant = {
      ...(rights !== undefined && { rights: parseRights(rights, fault) }),
      ...(topics.length > 0 && { topics: parsePrefixes(topics, fault) }),
    };
    if (token === STRANGERS) anonymous = grant;
    else tokens.push({ token, ...grant });
  });
  return { tokens, anonymous };
}

/** What is not understood is not shown: it may be a token. */
function parseRights(text: string, fault: (why: string) => Error): readonly Right[] {
  const parts = text.split(",");
  if (parts.every(isRight)) return parts;
  const meant = parts.map((part) => nearest(part, RIGHTS));
  const hint = meant.includes(undefined) ? "" : `; did you mean ${meant.join()}?`;
  const form = "read, write or admin, with commas and no spaces between them";
  throw fault(`the second word must be ${form}${hint}`);
}

function parsePrefixes(
  topics: readonly string[],
  fault: (why: string) => Error,
): readonly string[] {
  for (const topic of topics) {
    if (isRight(topic.replaceAll(",", "").toLowerCase())) {
      throw fault("what topics begin with looks like a right: rights are one word, as read,write");
    }
    if (topic === "#") throw fault("has a # behind the rights: a comment has a line of its own");
    if (/^,|,$|[./:],/.test(topic)) {
      throw fault("what topics begin with has a comma: several stand apart by spaces");
    }
    if (/^["']|["']$/.test(topic)) {
      throw fault("what topics begin with is in quotes, which would be a part of it");
    }
    if (topic.endsWith("*")) {
      throw fault("what topics begin with ends with *: write it without, as news. for news.today");
    }
  }
  return topics;
}

function isRight(text: string): text is Right {
  return (RIGHTS as readonly string[]).includes(text);
}
