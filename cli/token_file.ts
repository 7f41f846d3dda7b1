/**
 * Parses a token file. A token is never shown, not even one in the wrong place.
 *
 * @module
 */

import type { Grant, TokenGrant } from "../server.ts";
import { LIMITS } from "../protocol/limits.ts";
import { NameMap } from "../protocol/name_map.ts";
import { topicProblem } from "../protocol/text.ts";
import {
  isPermission,
  type Permission,
  PERMISSIONS,
  TOKEN_FORM,
  tokenProblem,
} from "../protocol/token.ts";
import { nearestWord } from "./did_you_mean.ts";

/** Stands in place of a token for clients without one. */
const ANONYMOUS_WORD = "*";

/** The content of a token file. */
export interface TokenFile {
  readonly tokens: readonly TokenGrant[];
  /** The grant of clients without a token. */
  readonly anonymous: Grant;
}

/**
 * Parses a token file. Each line has a token, optionally its permissions, and optionally the topics for which these hold:
 * `news` is one topic, and `news.*` is every topic that begins with `news.`.
 *
 * ```text
 * # all permissions, for all topics
 * 5s8d3kq0
 * x1m2p9zz read,write orders.* invoices
 * * read public.*
 * ```
 *
 * @param name the name of the file, for errors
 * @param text its content
 * @returns the grants; without a line for `*`, clients without a token may do nothing
 * @throws {Error} if a line is invalid; only its number is shown, because it may contain a token
 */
export function parseTokens(name: string, text: string): TokenFile {
  const fileError = (reason: string) => new Error(`Cannot use ${name}: ${reason}`);
  if (text.trim() === "") throw fileError("it is empty");
  const tokens: TokenGrant[] = [];
  /** The line of each token. */
  const lineOfToken = new NameMap<number>();
  let anonymous: Grant = { permissions: [] };
  text.split(/\r?\n/).forEach((line, i) => {
    const [token, permissions, ...topics] = line.trim().split(/\s+/);
    if (token === undefined || token === "" || token.startsWith("#")) return;
    const lineError = (reason: string) => fileError(`line ${i + 1}: ${reason}`);
    const problem = tokenProblem(token);
    if (problem !== undefined) throw lineError(`the token must be ${TOKEN_FORM}, got ${problem}`);
    const firstLine = lineOfToken.get(token);
    if (firstLine !== undefined) {
      throw lineError(
        `the first word must differ from those of other lines, got that of line ${firstLine}`,
      );
    }
    lineOfToken.set(token, i + 1);
    const grant = {
      ...(permissions !== undefined && { permissions: parsePermissions(permissions, lineError) }),
      ...parseTopicWords(topics, lineError),
    };
    if (token === ANONYMOUS_WORD) anonymous = grant;
    else tokens.push({ token, ...grant });
  });
  return { tokens, anonymous };
}

/** An unknown word is not shown: it may be a token. */
function parsePermissions(
  text: string,
  lineError: (reason: string) => Error,
): readonly Permission[] {
  const parts = text.split(",");
  if (parts.every(isPermission)) return parts;
  const nearestWords = parts.map((part) => nearestWord(part, PERMISSIONS));
  const hint = nearestWords.includes(undefined) ? "" : `; did you mean ${nearestWords.join()}?`;
  const form = "read, write, work or admin, with commas and no spaces between them";
  const place = parts.findIndex((part) => !isPermission(part));
  const got = parts[place] === "" ? "nothing" : "an unknown word";
  const where = parts.length === 1 ? "" : ` at place ${place + 1} of ${parts.length}`;
  throw lineError(`the second word must be ${form}, got ${got}${where}${hint}`);
}

/**
 * Parses topics: `news` is one topic, and `news.*` all that begin with `news.`.
 *
 * @param words one for each
 * @param lineError makes the error of what is wrong
 */
export function parseTopicWords(
  words: readonly string[],
  lineError: (reason: string) => Error,
): Pick<Grant, "topics" | "prefixes"> {
  for (const word of words) {
    if (isPermission(word.replaceAll(",", "").toLowerCase())) {
      throw lineError(
        "the permissions must be one word, such as read,write, got one more behind it",
      );
    }
    if (word === "#") {
      throw lineError("a comment must have its own line, got a # after the permissions");
    }
    if (/^,|,$|[./:*],/.test(word)) {
      throw lineError("topics must be separated by spaces, got a comma");
    }
    if (/^["']|["']$/.test(word)) {
      throw lineError("a topic must have no quotes, which would be part of its name, got some");
    }
    if (word.slice(0, -1).includes("*")) {
      throw lineError(
        "a * must be the last character of a topic (news.* means every topic that begins with news.), got an earlier one",
      );
    }
    // The server would find this, too, but show the word, which may be a token.
    const problem = topicProblem(word, LIMITS.topicBytes.max);
    if (problem !== undefined) throw lineError(problem);
  }
  const topics = words.filter((word) => !word.endsWith("*"));
  const prefixes = words.filter((word) => word.endsWith("*")).map((word) => word.slice(0, -1));
  return {
    ...(topics.length > 0 && { topics }),
    ...(prefixes.length > 0 && { prefixes }),
  };
}
