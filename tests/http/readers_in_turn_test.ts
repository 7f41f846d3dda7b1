/**
 * Readers of the store let others have their turn.
 *
 * @module
 */

import { assert } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { MessagePage, MessageQuery } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openMemoryHttp } from "../support/memory_http.ts";

/** More pages than are read while others wait, and fewer than take long. */
const MAX_PAGES = 200_000;

/** A prefix of which nothing is found, page after page, until something else has had its turn. */
class EndlessPrefix extends MemoryStore {
  pages = 0;
  hasOtherRun = false;

  override async read(queries: readonly MessageQuery[]): Promise<readonly MessagePage[]> {
    if (this.pages === 0) setTimeout(() => this.hasOtherRun = true, 0);
    const more = !this.hasOtherRun && ++this.pages < MAX_PAGES;
    const [page] = await super.read(queries);
    return [{ ...page!, through: this.pages, more }];
  }
}

for (const accept of ["text/plain", "application/json", "text/event-stream"]) {
  Deno.test(`a reader that passes over many pages of other topics keeps nobody waiting (${accept})`, async () => {
    const clock = new ManualClock();
    const store = new EndlessPrefix({ engine: nodeSqlite, retention: 600_000, clock });
    await using http = await openMemoryHttp(store, clock);
    const response = await http.get("/messages?prefix=a", { headers: { accept } });
    while (!store.hasOtherRun && store.pages < MAX_PAGES) {
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assert(store.pages < MAX_PAGES);
    await response.body?.cancel();
  });
}
