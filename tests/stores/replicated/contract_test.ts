import { nodeSqlite } from "../../../stores/engines/node_sqlite.ts";
import { ReplicatedStore } from "../../../stores/replicated/replicated_store.ts";
import type { Command, CommandBatch, Result, StoreError } from "../../../stores/store.ts";
import { type Opening, testStore } from "../../../testing/store/contract.ts";
import { MemoryRecordLog, SharedLog } from "../../support/memory_record_logs.ts";

/** Opens a store whose log takes each record at the time of its commands, as if its clock were the tests' one. */
async function open({ clock, ...options }: Opening) {
  // What the store begins with comes before all that tests do.
  let given: number | undefined = 0;
  const origin = clock.now() - clock.monotonic();
  const shared = new SharedLog(() => given ?? origin + clock.monotonic());
  const log = new MemoryRecordLog(shared);
  const store = await ReplicatedStore.open({ ...options, engine: nodeSqlite, log, clock });
  given = undefined;
  // The store learns of the time.
  await log.fence();
  await new Promise<void>((resolve) => setImmediate(resolve));
  const apply = store.apply.bind(store);
  let last: Promise<unknown> = Promise.resolve();
  store.apply = <C extends Command>(batch: CommandBatch<C>) => {
    const applied = last.then(async (): Promise<readonly (Result<C> | StoreError)[]> => {
      given = batch.time;
      try {
        if (batch.commands.length > 0) return await apply(batch);
        // The time counts, also where nothing is due by the clock of this server.
        await store.fence().catch(() => {});
        return [];
      } finally {
        given = undefined;
      }
    });
    last = applied;
    return applied;
  };
  return store;
}

testStore("a replicated store", open);
