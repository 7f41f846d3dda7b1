/**
 * Numbers as messages: dsmq 1.x stored them as text.
 *
 * @module
 */

import type { Fields } from "./fields.ts";

/** Whether a request is a put of dsmq 1.x, one without an id, whose message is a number. How it was written is in the source only. */
export function hasNumber(item: unknown): item is Fields {
  if (item === null || typeof item !== "object") return false;
  const fields = item as Fields;
  return typeof fields.message === "number" && fields.action === "put" && fields.id === undefined;
}
