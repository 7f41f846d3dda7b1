/**
 * Numbers as messages: dsmq 1.x stored them as text.
 *
 * @module
 */

import type { Fields } from "./fields.ts";

/**
 * Puts text in the place of numbers that are messages, in requests of dsmq 1.x, those without an id. How a
 * number was written is in the source only.
 *
 * @param items the requests of a frame, as they came
 * @param json their source: an array of them, or the only one; without it they are written as their value is
 * @returns the same, with each such number as it was written
 */
export function withNumbersAsText(items: readonly unknown[], json?: string): readonly unknown[] {
  if (!items.some(hasNumber)) return items;
  const again = json === undefined ? undefined : reparse(json);
  const exact = Array.isArray(again) ? again : [again];
  return items.map((item, i) =>
    hasNumber(item) ? exact[i] ?? { ...item, message: String(item.message) } : item
  );
}

function hasNumber(item: unknown): item is Fields {
  if (item === null || typeof item !== "object") return false;
  const { action, id, message } = item as Fields;
  return action === "put" && id === undefined && typeof message === "number";
}

/** The same JSON with every number under `message` as the text that it was written as; nothing if it is nested too deep. */
function reparse(json: string): unknown {
  // TypeScript does not know the third argument yet: https://github.com/tc39/proposal-json-parse-with-source
  const reviver = (key: string, value: unknown, context?: { source: string }) =>
    key === "message" && typeof value === "number" ? context?.source : value;
  try {
    return JSON.parse(json, reviver);
  } catch {
    // A reviver is called for each level in turn, and the stack has an end.
    return undefined;
  }
}
