/**
 * Whether this process can open one more file.
 *
 * @module
 */

/** How much memory this process takes: Deno reads that from a file on Linux, and says 0 where it cannot open it. */
function residentMemory(): number {
  const { Deno } = globalThis as { Deno?: { memoryUsage?(): { readonly rss: number } } };
  return Deno?.memoryUsage?.().rss ?? 0;
}

/** It can be seen: to load this module, there had to be room for a file. */
const isMemoryVisible = residentMemory() > 0;

/** Whether this process can open one more file, as far as can be told without any permission. */
export function canOpenFiles(): boolean {
  return !isMemoryVisible || residentMemory() > 0;
}
