/**
 * Tests that cannot run everywhere: the name says why one is ignored.
 *
 * @module
 */

/** The name of a test, which is ignored if there is a reason. */
export function ignoredIf(
  reason: string | false | undefined,
  name: string,
): { readonly name: string; readonly ignore: boolean } {
  return reason ? { name: `${name} (ignored: ${reason})`, ignore: true } : { name, ignore: false };
}
