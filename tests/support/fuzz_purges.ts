/**
 * What purges remove from the servers of a fuzzer: it is gone for the readers, and nothing else is.
 *
 * @module
 */

import { StoreError } from "../../stores/store.ts";
import type { Command, Purge, PurgeResult, Store } from "../../stores/store.ts";
import type { FuzzNetwork } from "./fuzz_network.ts";
import type { Opening, Records } from "./fuzz_records.ts";
import type { VirtualTime } from "./fuzz_time.ts";
import type { WireLog } from "./fuzz_wire_log.ts";

/** Tolerance for messages that expire at the moment of a purge, in milliseconds. */
const SLACK = 3;

/** Notes in the records of a store what purges remove, at the moment when they do. */
export function recordPurges(
  store: Store,
  opening: Opening,
  records: Records,
  time: VirtualTime,
): void {
  const apply = store.apply.bind(store);
  store.apply = (batch) => {
    const applied = apply(batch);
    const purges = batch.commands.map((command: Command) => command.type === "purge" && command);
    if (!purges.some((purge) => purge)) return applied;
    // Before anybody else learns of it.
    void applied.then((results) => {
      purges.forEach((purge, i) => {
        if (purge) note(purge, results[i] as PurgeResult | StoreError, opening, records, time.now);
      });
    });
    return applied;
  };
}

function note(
  { topic }: Purge,
  result: PurgeResult | StoreError,
  { messages, purges, killed, ended }: Opening,
  { faults }: Records,
  now: number,
): void {
  if (killed) return;
  if (result instanceof StoreError) {
    // One that arrives while it closes is refused.
    return ended ? undefined : void faults.push(`a purge failed: ${result.message}`);
  }
  if (result.more) return void faults.push("a purge of a few messages was done in parts");
  const { purged, end } = result;
  const removed = messages.filter((one) => one.topic === topic && one.seq < end);
  const sure = removed.filter(({ goneAt }) => goneAt > now + SLACK).length;
  const possible = removed.filter(({ goneAt }) => goneAt > now - SLACK).length;
  if (purged < sure || purged > possible) {
    faults.push(`a purge of ${topic} removed ${purged} messages, there were ${sure}`);
  }
  for (const message of removed) message.goneAt = Math.min(message.goneAt, now);
  purges.push({ topic, purged, removed });
}

interface SentItem {
  readonly id?: number;
  readonly purged?: number;
  readonly body?: string;
  readonly bodies?: readonly string[];
}

/** Watches that nothing which a purge has removed is sent once that purge is answered. */
export function watchPurges(network: FuzzNetwork, wire: WireLog, records: Records): void {
  network.observer.sentDown = (connection, frame) => {
    const opening = records.openings[connection.opening];
    // A store that answers late may have read a message before it was purged.
    if (!opening || connection.server.choice.late !== undefined) return;
    for (const { id, purged, body, bodies } of [JSON.parse(frame)].flat() as SentItem[]) {
      if (purged !== undefined) answered(opening, wire.topicOf(connection, id!)!, purged);
      for (const text of bodies ?? (body === undefined ? [] : [body])) {
        if (!opening.messages.some((message) => message.body === text && message.purged)) continue;
        records.faults.push(`${connection.client} was sent ${text} after its purge was answered`);
      }
    }
  };
}

function answered({ purges }: Opening, topic: string, purged: number): void {
  const i = purges.findIndex((purge) => purge.topic === topic && purge.purged === purged);
  if (i < 0) return;
  for (const message of purges.splice(i, 1)[0]!.removed) message.purged = true;
}
