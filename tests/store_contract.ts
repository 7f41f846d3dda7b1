/**
 * The contract of a store, as tests: a backend proves itself by calling one function.
 *
 * @module
 */

import type { Store } from "../stores/store.ts";
import { appending } from "./store_contract_appending.ts";
import { feeding } from "./store_contract_feeding.ts";
import { lasting } from "./store_contract_lasting.ts";
import { reading } from "./store_contract_reading.ts";
import { RETENTION } from "./store_contract_support.ts";
import { topics } from "./store_contract_topics.ts";
import { ManualClock } from "./support/manual_clock.ts";

const PROMISES = { ...appending, ...reading, ...lasting, ...topics, ...feeding };

/**
 * Registers one test for each promise of the {@linkcode Store} contract.
 *
 * @param name how the backend is called
 * @param open opens a new and empty store
 * @param options `ignore`: why this backend cannot be tested here
 */
export function testStore(
  name: string,
  open: (options: { retention: number; clock: ManualClock }) => Promise<Store>,
  { ignore }: { readonly ignore?: string | undefined } = {},
): void {
  for (const [promise, prove] of Object.entries(PROMISES)) {
    Deno.test({
      name: `${name}: ${promise}${ignore === undefined ? "" : ` (ignored: ${ignore})`}`,
      ignore: ignore !== undefined,
      async fn() {
        const clock = new ManualClock();
        const another = () => open({ retention: RETENTION, clock });
        await using store = await another();
        await prove({ store, clock, another });
      },
    });
  }
}
