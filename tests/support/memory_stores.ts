/**
 * Stores in memory, for tests of what goes on in their database.
 *
 * @module
 */

import type { Engine } from "../../stores/engine.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Store } from "../../stores/store.ts";
import { RETENTION } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

export function open(engine: Engine, clock = new ManualClock(), retention = RETENTION): Store {
  return new MemoryStore({ engine, retention, clock });
}
/** The topics; to list them, everything is moved into the database. */
export async function listed(store: Store): Promise<(readonly [string, number])[]> {
  const entries = await store.topics({ prefix: "", after: "", count: 10 });
  return entries.map(({ topic, messages }) => [topic, messages] as const);
}
