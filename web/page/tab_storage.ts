/**
 * What is kept for this tab, until it is closed. A browser may refuse to keep anything, or more.
 *
 * @module
 */

/** What is kept under a name; `undefined` if nothing is. */
export function readKept(name: string): string | undefined {
  try {
    return sessionStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a text under a name, or with `undefined` nothing any more. */
export function keep(name: string, text: string | undefined): void {
  try {
    if (text === undefined) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
  } catch {
    // The page works without it, until it is loaded again.
  }
}
