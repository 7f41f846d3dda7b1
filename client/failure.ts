/**
 * Why a connection ends, and what those are told who wait on it.
 *
 * @module
 */

import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import type { Asked } from "./asked.ts";

/** Why something ends: the code of the error, and the reason in words. */
export interface End {
  readonly code: ErrorCode;
  readonly why: string;
}

/** Words an error for one who asked, or for a stream. */
export type Failure = (end: End, asked?: Pick<Asked, "action" | "topic">) => DsmqError;

/** Actions whose names are no words for what somebody wants to do. */
const WORDS: Readonly<Record<string, string>> = {
  get_wait: "wait",
  topics: "list topics",
  shutdown: "shut down",
};

/**
 * Says what cannot be done, in an error.
 *
 * @param action what was asked for, as on the wire
 */
export function inWords(action: string): string {
  return WORDS[action] ?? action.replace("_", " ");
}

/**
 * Words that a connection has ended.
 *
 * @param end why
 * @param url the address of the server
 * @param asked what fails by it; `undefined` for a stream
 * @returns the error
 */
export function failureOf(
  { code, why }: End,
  url: string,
  asked?: Pick<Asked, "action" | "topic">,
): DsmqError {
  const what = code === "unknown_outcome"
    ? "Cannot tell whether the message is stored"
    : asked
    ? `Cannot ${inWords(asked.action)}`
    : "Cannot read on";
  const details = asked?.topic === undefined ? {} : { topic: asked.topic };
  return new DsmqError(code, `${what}: no connection to ${url}, ${why}`, details);
}
