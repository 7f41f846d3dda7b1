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

/** Keeps a text under a name, or with `undefined` nothing any more. Returns whether the browser has done so. */
export function keep(name: string, text: string | undefined): boolean {
  try {
    if (text === undefined) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
    return true;
  } catch {
    // The page works without it, until it is loaded again.
    return false;
  }
}

/** Forgets all that the page has kept: each name of it begins with `dsmq-`. */
export function forgetAll(): void {
  try {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith("dsmq-")) sessionStorage.removeItem(name);
    }
  } catch {
    // Then nothing is kept.
  }
}
