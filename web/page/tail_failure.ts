/**
 * What a tail does when something fails, and what it says.
 *
 * @module
 */

import { type GapError, isDsmqError } from "../../client.ts";
import { HttpError, NoAnswerError } from "./server_api.ts";

/** How long to wait after a failure, in milliseconds. */
const RETRY_DELAY = 1000;

/** A failure of a tail. */
export interface TailFailure {
  readonly text: string;
  /** When to try again, in milliseconds; `undefined`: it would fail again. */
  readonly delay: number | undefined;
}

/** What is to be said of an error, and whether to try again. */
export function tailFailure(error: unknown): TailFailure {
  if (error instanceof HttpError) {
    const { message: text, status, retryAfter } = error;
    const isFinal = status >= 400 && status < 500 && ![401, 408, 429].includes(status);
    return { text, delay: isFinal ? undefined : retryAfter ?? 5 * RETRY_DELAY };
  }
  if (isDsmqError(error)) {
    const isLater = error.retryable ||
      ["closed", "unauthorized", "unavailable"].includes(error.code);
    return { text: error.message, delay: isLater ? 5 * RETRY_DELAY : undefined };
  }
  if (error instanceof NoAnswerError) return { text: error.message, delay: RETRY_DELAY };
  // The client refuses what it was given; and it will the next time.
  return { text: error instanceof Error ? error.message : `${error}`, delay: undefined };
}

/** What is told of messages that are gone. */
export function gapText({ code, message }: Pick<GapError | HttpError, "code" | "message">): string {
  if (code === "epoch_changed") return "The server lost its messages here, and began anew.";
  if (code === "trimmed") return "Messages are missing here: they expired, or were purged.";
  return message;
}
