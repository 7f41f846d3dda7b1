/**
 * Gaps that are told once and not too early, over stores in memory, whose readers take what the test takes.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { purgeTopic } from "../../queue/topic_purges.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { EventReader } from "../support/event_reader.ts";
import { type MemoryHttp, openMemoryHttp } from "../support/memory_http.ts";

const RETENTION = 600_000;

/** More than a reader holds, and more than a page has. */
const LARGE = "x".repeat(300_000);

function open(): Promise<MemoryHttp> {
  const clock = new ManualClock();
  return openMemoryHttp(
    new MemoryStore({ engine: nodeSqlite, retention: RETENTION, clock }),
    clock,
  );
}

async function purge({ queue }: MemoryHttp, topic: string): Promise<void> {
  await purgeTopic(queue, { action: "purge", id: 1, topic, before: undefined }, () => undefined);
}

for (const accept of ["text/event-stream", "application/x-ndjson"]) {
  Deno.test(`a stream that begins with a gap names the position before it, in case the connection breaks before the gap is told (${accept})`, async () => {
    await using http = await open();
    for (const text of ["1", "2"]) await http.post("/topics/t", text);
    const { epoch } = http.queue.store;
    await purge(http, "t");
    for (const [after, asked] of [[`${epoch}:1`, `${epoch}:1`], ["1", `${epoch}:1`]]) {
      for (const method of ["GET", "HEAD"]) {
        const response = await http.get(`/topics/t?after=${after}`, {
          method,
          headers: { accept },
        });
        assertEquals(response.headers.get("dsmq-position"), asked);
        await response.body?.cancel();
      }
    }
    const other = "another-server-1:7";
    const changed = await http.get(`/topics/t?after=${other}`, { headers: { accept } });
    assertEquals(changed.headers.get("dsmq-position"), other);
    await changed.body!.cancel();
  });
}

Deno.test("a stream from the start is not told after a gap of what was gone when it began", async () => {
  await using http = await open();
  for (const [topic, text] of [["b", LARGE], ["c", "2"], ["a", "3"]]) {
    await http.post(`/topics/${topic}`, text!);
  }
  await purge(http, "a");
  const headers = { accept: "text/event-stream" };
  await using events = new EventReader(await http.get("/messages?after=start", { headers }));
  // It has the first message, and holds no more for a client that does not read.
  await purge(http, "c");
  await http.post("/topics/b", "4");
  const told: unknown[] = [];
  while (told.at(-1) !== 4) {
    const { data } = (await events.event())!;
    const { seq, code, position } = { ...data as Record<string, string> };
    if (data) told.push(seq ?? `${code} ${position!.split(":")[1]}`);
  }
  assertEquals(told, [1, "trimmed 2", 4]);
});
