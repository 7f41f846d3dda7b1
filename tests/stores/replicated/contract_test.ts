import { nodeSqlite } from "../../../stores/engines/node_sqlite.ts";
import { ReplicatedStore } from "../../../stores/replicated/replicated_store.ts";
import type { Command, CommandBatch, Result, StoreError } from "../../../stores/store.ts";
import { type Opening, testStore } from "../../../testing/store/contract.ts";
import { MemoryRecordLog, SharedLog } from "../../support/memory_record_logs.ts";

/** The replicas of the stores, by their place. They are removed with the process. */
const files = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(files, { recursive: true }));

/** Their logs, and what the time of each was when no time had passed: no clock of a server changes it. */
const places = new Map<string, { readonly shared: SharedLog; readonly origin: number }>();

/** Opens a store whose log takes each record at the time of its commands, as if its clock were the tests' one. */
async function open({ clock, location, ...options }: Opening) {
  // What the store begins with comes before all that tests do.
  let given: number | undefined = 0;
  let place = places.get(location);
  const origin = clock.now() - clock.monotonic();
  if (!place) places.set(location, place = { shared: new SharedLog(), origin });
  const { shared } = place;
  shared.now = () => given ?? place.origin + clock.monotonic();
  const path = `${files}/${location}.db`;
  const log = new MemoryRecordLog(shared);
  // Time that a test lets pass at once is no silence of the log.
  const timeless = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    // Only what is due at once is.
    after: (ms: number, callback: () => void) => {
      if (ms <= 1) setTimeout(callback, ms);
      return () => {};
    },
  };
  const replica = { engine: nodeSqlite, path };
  const store = await ReplicatedStore.open({ ...options, ...replica, log, clock: timeless });
  given = undefined;
  // The store learns of the time.
  await log.fence();
  while (store.now() < Math.floor(shared.now())) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
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
  const dispose = store[Symbol.asyncDispose].bind(store);
  store[Symbol.asyncDispose] = async () => {
    await last;
    await dispose();
  };
  return store;
}

testStore("a replicated store", open, { restarts: "nothing begins" });
