/**
 * The attributes of a message that count for groups.
 *
 * @module
 */

/** What they say. */
export interface WorkAttributes {
  /** Which jobs belong together. */
  readonly key?: string;
  /** For how many milliseconds after it was stored nobody gets it. */
  readonly delay: number;
}

const NONE: WorkAttributes = { delay: 0 };

/**
 * Reads them.
 *
 * @param attributes the encoding of the attributes, if there are any
 * @returns what counts for groups
 */
export function workAttributes(attributes: string | undefined): WorkAttributes {
  if (attributes === undefined) return NONE;
  const { key, delay = 0 } = JSON.parse(attributes) as { key?: string; delay?: number };
  return key === undefined ? { delay } : { key, delay };
}
