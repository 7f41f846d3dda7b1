/**
 * A body in chunks: what is kept of it until it is whole.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openMemoryHttp } from "../support/memory_http.ts";

/** As Deno gives a body: each chunk in a buffer of this size, though it has one byte. */
const BUFFER_BYTES = 64 * 1024;

/** A body of one-byte chunks, all in one buffer: whoever keeps a chunk as it is finds the last byte in it. */
function inOneBuffer(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at === bytes.length) return controller.close();
      buffer[0] = bytes[at++]!;
      controller.enqueue(buffer.subarray(0, 1));
    },
  }, { highWaterMark: 0 });
}

for (const count of [2, 5000]) {
  Deno.test(`of a body in ${count} chunks of one byte nothing is kept but these bytes`, async () => {
    const clock = new ManualClock();
    const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
    await using http = await openMemoryHttp(store, clock);
    const text = Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i % 26)).join("");
    const response = await http.get("/topics/t", {
      method: "POST",
      headers: { "transfer-encoding": "chunked" },
      body: inOneBuffer(new TextEncoder().encode(text)),
    });
    assertEquals(response.status, 201, await response.text());
    assertEquals(await (await http.get("/topics/t")).text(), text);
  });
}
