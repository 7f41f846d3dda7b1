/**
 * Takes and releases a lock many times, while the same process starts other programs. Prints how often it could not be taken.
 *
 *     lock_beside_starts.ts PATH
 *
 * @module
 */

import { FileLock } from "../../stores/file_lock.ts";

const ROUNDS = 3000;

const starter = new Worker(
  URL.createObjectURL(
    new Blob(["for (;;) { new Deno.Command('true').outputSync(); self.postMessage(0); }"], {
      type: "text/javascript",
    }),
  ),
  { type: "module" },
);
// From the first one on.
await new Promise((resolve) => starter.onmessage = resolve);
let failed = 0;
for (let i = 0; i < ROUNDS; i++) {
  try {
    // Not deleted: or the next lock would be another file.
    FileLock.acquire(Deno.args[0]!).release(true);
  } catch {
    failed++;
  }
}
console.log(failed);
Deno.exit();
