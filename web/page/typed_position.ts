/**
 * Where to replay from, as it is typed.
 *
 * @module
 */

import { parsePosition } from "../../protocol/position.ts";

/** The number of a message, or its position; `undefined`: the text is neither. */
export function positionIn(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (typeof parsePosition(trimmed) === "object") return trimmed;
  const seq = /^\d+$/.test(trimmed) ? Number(trimmed) : NaN;
  return Number.isSafeInteger(seq) ? seq : undefined;
}
