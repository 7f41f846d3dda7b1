/**
 * The error of a value that does not fit.
 *
 * @module
 */

import type { ValueIssue } from "../../protocol/error_fields.ts";
import { DsmqError } from "../../protocol/errors.ts";
import type { Message } from "../../protocol/message.ts";
import { escapeControls } from "../../protocol/text.ts";

/** Why a value does not fit. */
export interface Misfit {
  readonly issues: readonly ValueIssue[];
  /** What the validator, or the JSON parser, threw. */
  readonly cause?: unknown;
}

/** This many issues stand in the message of an error, and so many characters of each; all are in `issues`. */
const SHOWN = { issues: 3, characters: 200 };

/** The error of a value that cannot be put; with an index, of one in a list. */
export function unfitToPut(topic: string, { issues, cause }: Misfit, index?: number): DsmqError {
  const what = index === undefined
    ? "Cannot put message: the value does not fit"
    : `Cannot put messages: value ${index} does not fit`;
  return new DsmqError("invalid_value", `${what}${inWords(issues)}`, {
    topic,
    issues,
    index,
    cause,
  });
}

/** The error of a message whose value does not fit. */
export function unfitToRead(received: Message, { issues, cause }: Misfit): DsmqError {
  const { topic, seq } = received;
  const message = `Cannot read message ${seq}: its value does not fit${inWords(issues)}`;
  return new DsmqError("invalid_value", message, { topic, issues, received, cause });
}

function inWords(issues: readonly ValueIssue[]): string {
  const shown = issues.slice(0, SHOWN.issues).map(({ path, message }) => {
    const text = path.length === 0 ? message : `${pathInWords(path)}: ${message}`;
    // A schema's message may hold text of the other end.
    return escapeControls(text.slice(0, SHOWN.characters));
  });
  const others = issues.length - shown.length;
  if (others > 0) shown.push(`and ${others} more`);
  return shown.length === 0 ? "" : `: ${shown.join("; ")}`;
}

/** A path as it would stand in a program: `items[0].name`. */
function pathInWords(path: readonly PropertyKey[]): string {
  return path.map((key, i) => {
    if (typeof key === "number") return `[${key}]`;
    const name = String(key);
    if (typeof key === "string" && !/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name)) {
      return `[${JSON.stringify(name.slice(0, 64))}]`;
    }
    return i === 0 ? name : `.${name}`;
  }).join("");
}
