import { nodeSqlite } from "../../../stores/engines/node_sqlite.ts";
import { ReplicatedStore } from "../../../stores/replicated/replicated_store.ts";
import type { Command, CommandBatch, Result, StoreError } from "../../../stores/store.ts";
import { type Opening, testStore } from "../../../testing/store/contract.ts";
import { seeded } from "../../../testing/seeded.ts";
import { drawLogFaults, FaultyRecordLog, NO_FAULTS } from "../../support/faulty_record_log.ts";
import { SharedLog } from "../../support/memory_record_logs.ts";
import { TurnTimers } from "../../support/turn_timers.ts";

/** The replicas of the stores, by their place. They are removed with the process. */
const files = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(files, { recursive: true }));

/** Their logs, what the time of each was when no time had passed, and that of its last commands. */
const places = new Map<
  string,
  { readonly shared: SharedLog; readonly origin: number; last: number }
>();

/** How late what a faulty log does can be, in turns of the event loop. */
const MAX_DELAY = 5;

/** What is done again after this time is done again after as many turns; nothing else happens by the clock. In milliseconds. */
const REPEATED = 500;

/** Each is another sequence of faults. */
const SEEDS = [1, 2];

/**
 * Opens a store whose log takes each record at the time of its commands, as if its clock were the tests' one.
 *
 * @param opening what a test wants
 * @param seed of the faults of its log. Default: it has none
 */
async function open({ clock, location, ...options }: Opening, seed?: number) {
  const known = places.get(location);
  const origin = clock.now() - clock.monotonic();
  const place = known ?? { shared: new SharedLog(), origin, last: 1 };
  if (!known) places.set(location, place);
  const { shared } = place;
  // What a store begins with comes before all that tests do from then on.
  let given: number | undefined = place.last;
  // The log and the server have the same time, so that it is that of the store.
  const now = () => given ?? place.origin + clock.monotonic();
  shared.now = () => {
    if (given !== undefined) place.last = given;
    return now();
  };
  const path = `${files}/${location}.db`;
  const { after, wait } = new TurnTimers();
  const faults = seed === undefined ? NO_FAULTS : drawLogFaults(seeded(seed), MAX_DELAY);
  const log = new FaultyRecordLog(shared, wait, faults);
  // Time that a test lets pass at once is no silence of the log, and what waits for a faulty one goes on.
  const timeless = {
    ...{ now, monotonic: now },
    after: (ms: number, callback: () => void) => ms > REPEATED ? () => {} : after(ms, callback),
  };
  const replica = { engine: nodeSqlite, path };
  const store = await ReplicatedStore.open({ ...options, ...replica, log, clock: timeless });
  given = undefined;
  // The store learns of the time.
  await log.fence();
  await log.quiet();
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
        // The store's time is exact only as far as nothing is late.
        await log.quiet();
      }
    });
    last = applied;
    return applied;
  };
  const dispose = store[Symbol.asyncDispose].bind(store);
  store[Symbol.asyncDispose] = async () => {
    await last;
    // That it takes part no more is no command.
    given = place.last;
    await dispose();
  };
  return store;
}

testStore("a replicated store", open, { restarts: "nothing begins" });

for (const seed of SEEDS) {
  testStore(`a replicated store, faults of its log ${seed}`, (opening) => open(opening, seed));
}
