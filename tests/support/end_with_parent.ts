/**
 * Programs that are started by tests, and must not outlive them.
 *
 * @module
 */

/** Ends this process once the one that started it has ended, however it did. */
export function endWithParent(): void {
  const parent = Deno.ppid;
  const timer = setInterval(() => {
    if (Deno.ppid !== parent) Deno.exit(1);
  }, 1000);
  Deno.unrefTimer(timer);
}
