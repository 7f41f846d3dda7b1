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
}

/**
 * The attributes that were typed.
 *
 * @throws {Error} if a line of the headers is none
 */
export function attributesOf({ messageId, key, headers: lines }: AttributeFields): PutOptions {
  const headers = parseHeaders(lines);
  return {
    ...(messageId !== "" && { messageId }),
    ...(key !== "" && { key }),
    ...(Object.keys(headers).length > 0 && { headers }),
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
