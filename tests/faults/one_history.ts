/**
 * Whether messages that were read are one history.
 *
 * @module
 */

/** A message as it is stored. */
export interface Stored {
  readonly seq: number;
  /** `PUTTER:NUMBER`, where each putter counts. */
  readonly body: string;
}

/**
 * Messages that come after a later one of the same putter, or whose number is not above the one before it.
 *
 * @param stored the messages of a topic, as they were read
 */
export function disorder(stored: readonly Stored[]): Stored[] {
  const last = new Map<string, number>();
  return stored.filter(({ seq, body }, i) => {
    const [putter, n] = body.split(":") as [string, string];
    const before = last.get(putter) ?? -1;
    last.set(putter, Number(n));
    return Number(n) < before || (i > 0 && seq <= stored[i - 1]!.seq);
  });
}

/** Whether two lists are the same. */
export function isSame(one: readonly Stored[], other: readonly Stored[]): boolean {
  return one.length === other.length &&
    one.every(({ seq, body }, i) => seq === other[i]!.seq && body === other[i]!.body);
}
