/**
 * Waits until something has come to a standstill, such as a sender whose peer reads nothing.
 *
 * @module
 */

/** For so long it must not move, in milliseconds. Where a turn is slow for another reason the figure is smaller, and no test fails. */
const STILL = 200;

/**
 * Waits until a figure has stayed the same for a moment.
 *
 * @param figure what may still grow
 * @returns the figure
 */
export async function standstill(figure: () => number): Promise<number> {
  for (let before = figure();;) {
    await new Promise((resolve) => setTimeout(resolve, STILL));
    if (figure() === before) return before;
    before = figure();
  }
}
