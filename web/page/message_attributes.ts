/**
 * The attributes of a message, as they are typed.
 *
 * @module
 */

import type { PutOptions } from "../../client.ts";

/** Attributes as they are typed; empty ones are none. */
export interface AttributeFields {
  readonly messageId: string;
  readonly key: string;
  /** A name, a colon and a value in each line. */
  readonly headers: string;
  /** Seconds after which groups get it. */
  readonly delay: string;
}

/**
 * The attributes that were typed.
 *
 * @throws {Error} if a line of the headers is none, or the delay is no number of seconds
 */
export function attributesOf(
  { messageId, key, headers: lines, delay: seconds }: AttributeFields,
): PutOptions {
  const headers = parseHeaders(lines);
  const delay = parseDelay(seconds);
  return {
    ...(messageId !== "" && { messageId }),
    ...(key !== "" && { key }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(delay > 0 && { delay }),
  };
}

function parseHeaders(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`A header is a name, a colon and a value, got: ${line}`);
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  }));
}

/** Seconds, as milliseconds. */
function parseDelay(text: string): number {
  const trimmed = text.trim();
  if (!/^(\d+(\.\d+)?)?$/.test(trimmed)) {
    throw new Error(`A delay is a number of seconds, got: ${text}`);
  }
  return Math.ceil(1000 * Number(trimmed));
}
