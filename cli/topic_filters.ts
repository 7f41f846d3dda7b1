/**
 * The topics of `dsmq tail` and `dsmq topics`: a name, or `news.*` for all topics that begin with `news.`, as in a file of tokens.
 *
 * @module
 */

import type { Prefix } from "../client.ts";
import { quoted } from "../protocol/text.ts";
import { UsageError } from "./command.ts";
import { parseTopic } from "./values.ts";

/** What is subscribed to. */
export type Filter = string | Prefix;

/**
 * Reads the arguments of a command. No topic may be in two of them: its messages would come twice.
 *
 * @param command its name, for errors
 * @param words the arguments
 * @param exact take them as names, whatever they end with; `undefined`: the command has no `--exact`
 * @returns a topic or a prefix for each
 * @throws {UsageError} if one cannot be either, or if two include the same topic
 */
export function parseFilters(
  command: string,
  words: readonly string[],
  exact: boolean | undefined,
): Filter[] {
  const hint = exact === undefined ? "" : "; with --exact it is part of a name";
  const filters = words.map((word) => exact ? parseTopic(word) : parseFilter(word, hint));
  filters.forEach((one, i) => {
    const twice = filters.findIndex((other, j) => j !== i && includes(other, one));
    if (twice < 0) return;
    const word = quoted(words[i]!);
    const got = words[twice] === words[i]
      ? `${word} twice`
      : `${word} and ${quoted(words[twice]!)}`;
    throw new UsageError(`${command} takes each topic once, got ${got}`);
  });
  return filters;
}

function parseFilter(word: string, hint: string): Filter {
  if (word === "*") return { prefix: "" };
  const name = word.endsWith("*") ? word.slice(0, -1) : word;
  if (name.includes("*")) {
    const form = "news.* means every topic that begins with news.";
    throw new UsageError(
      `a * must be the last character of a topic (${form}), got an earlier one in ${
        quoted(word)
      }${hint}`,
    );
  }
  parseTopic(name);
  return name === word ? name : { prefix: name };
}

/** Whether all topics of one are topics of the other. */
function includes(other: Filter, one: Filter): boolean {
  if (typeof other === "string") return other === one;
  return (typeof one === "string" ? one : one.prefix).startsWith(other.prefix);
}
