/**
 * Programs that tests start, and that must not outlive them.
 *
 * @module
 */

/** Ends this process once its parent has ended, for whatever reason. */
export function endWithParent(): void {
  const parent = Deno.ppid;
  const timer = setInterval(() => {
    if (Deno.ppid !== parent) Deno.exit(1);
  }, 1000);
  Deno.unrefTimer(timer);
}
