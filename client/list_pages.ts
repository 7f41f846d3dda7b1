/**
 * Lists that a server tells page by page.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";

/**
 * Asks for pages until there are no more. One that something on the way refuses is asked for again in smaller ones.
 *
 * @param maxCount how many entries a page may have
 * @param ask asks for the next page, of this many entries
 * @returns the pages
 */
export async function* listPages<Page extends { readonly more: boolean }>(
  maxCount: number,
  ask: (count: number) => Promise<Page>,
): AsyncGenerator<Page, undefined> {
  let count = maxCount;
  for (let more = true; more;) {
    try {
      const page = await ask(count);
      more = page.more;
      yield page;
    } catch (error) {
      if (count === 1 || !(error instanceof DsmqError && error.code === "refused")) throw error;
      count = Math.ceil(count / 32);
    }
  }
}
