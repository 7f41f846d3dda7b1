/**
 * For tests of what you build for dsmq: the contract of a store, the protocol, and a clock that stands still until a test
 * moves it.
 *
 * A store of your own proves itself by one call, which registers a test for each promise of {@linkcode Store}. Each test opens
 * an empty store with the clock and the limits that it needs:
 *
 * ```ts ignore
 * import { testStore } from "@dsmq/server/testing";
 * import { MyStore } from "./my_store.ts";
 *
 * testStore("my store", ({ location, retention, clock, limits }) => {
 *   return MyStore.open({ name: location, retention, clock, limits });
 * }, { restarts: true });
 * ```
 *
 * A server in any language is checked from outside, by its address: {@linkcode checkServer} returns the result for each
 * promise of the protocol, {@linkcode testServer} registers a test for each.
 *
 * ```ts
 * import { serve } from "@dsmq/server";
 * import { checkServer } from "@dsmq/server/testing";
 *
 * await using server = await serve({ port: 0 });
 * const results = await checkServer(server.url);
 * console.log(results.filter(({ error }) => error)); // []
 * ```
 *
 * @module
 */

export { ManualClock } from "./testing/manual_clock.ts";
export type { Wire, WireChecks } from "./testing/wire/checks.ts";
export {
  checkServer,
  testServer,
  WIRE_CHECKS,
  type WireResult,
} from "./testing/wire/conformance.ts";
export type { WireOptions } from "./testing/wire/arguments.ts";
export {
  WireConnection,
  type WireConnectOptions,
  type WireObject,
} from "./testing/wire/wire_connection.ts";
export { type Opening, type Proofs, testStore } from "./testing/store/contract.ts";
export type { Address, HostAddress } from "./client/addresses.ts";
export type { Durability, EncodedMessage } from "./protocol/encode_replies.ts";
export type { StoredTopic, TopicInfo } from "./protocol/topic_info.ts";
export type { ErrorCode } from "./protocol/errors.ts";
export type { Overflow } from "./protocol/limits.ts";
export type { Clock } from "./queue/clock.ts";
export * from "./stores/store.ts";
export type * from "./stores/groups/group_commands.ts";
export type { TopicFilter } from "./protocol/selection.ts";
export type { StoreLimits } from "./stores/store_limits.ts";
