/**
 * The attributes of a message, as they are typed.
 *
 * @module
 */

import type { PutOptions } from "../../client.ts";

/**
 * The attributes that a form says.
 *
 * @throws {Error} if a line of the headers is none
 */
export function attributesOf(form: Pick<FormData, "get">): PutOptions {
  const text = (name: string) => form.get(name) as string | null ?? "";
  const [messageId, key] = [text("messageId"), text("key")];
  const headers = parseHeaders(text("headers"));
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
