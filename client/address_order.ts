/**
 * The order in which the addresses of a queue are tried: random, so that its clients spread over its servers.
 *
 * @module
 */

/**
 * Puts addresses into a random order, in place.
 *
 * @param urls the addresses
 * @param from those before this index stay where they are. Default: 0
 * @returns the same list
 */
export function shuffle(urls: string[], from: number = 0): string[] {
  for (let i = urls.length - 1; i > from; i--) {
    const j = from + Math.floor(Math.random() * (i - from + 1));
    [urls[i], urls[j]] = [urls[j]!, urls[i]!];
  }
  return urls;
}

/** Puts the first addresses of a list, as many as `count`, behind the others, in place. */
export function moveBack(urls: string[], count: number): void {
  urls.push(...urls.splice(0, count));
}
