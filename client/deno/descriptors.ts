/**
 * Whether this process can open one more file.
 *
 * @module
 */

/** The memory of this process. On Linux, Deno reads it from a file, and returns 0 if it cannot open that. */
function residentMemory(): number {
  const { Deno } = globalThis as { Deno?: { memoryUsage?(): { readonly rss: number } } };
  return Deno?.memoryUsage?.().rss ?? 0;
}

/** Whether that works here: this module was loaded, so a file could be opened. */
const isMemoryVisible = residentMemory() > 0;

/** Whether this process can open one more file, as far as that is known without any permission. */
export function canOpenFiles(): boolean {
  return !isMemoryVisible || residentMemory() > 0;
}
