/**
 * Which messages share a row of the table depends on when they were written there, and decides nothing.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Command } from "../../stores/commands.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import type { GroupName } from "../../stores/groups/group_commands.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { put } from "../../testing/store/support.ts";
import { RestoredReplica } from "../support/restored_replica.ts";

const RETENTION = 60_000;

/** A replica with many messages in a row, and one with a row for each message. */
class LayoutPair implements Disposable {
  readonly #dense: RestoredReplica;
  readonly #sparse: RestoredReplica;
  time = 1_000_000;

  constructor(limits: Partial<StoreLimits> = {}) {
    const setting = { retention: RETENTION, limits };
    this.#dense = new RestoredReplica(nodeSqlite, setting);
    this.#sparse = new RestoredReplica(nodeSqlite, setting);
  }

  /** Stores messages of these sizes. */
  put(topic: string, sizes: readonly number[]): void {
    for (const size of sizes) {
      this.apply(put(topic, "x".repeat(size)));
      this.#sparse.flush();
    }
  }

  /** Applies commands; returns their results. */
  apply(...commands: Command[]): unknown[] {
    const batch = { time: this.time, commands };
    const found = this.#dense.apply([batch]);
    assertEquals(this.#sparse.apply([batch]), found);
    assertEquals(this.#sparse.dump(), this.#dense.dump());
    return found[0] as unknown[];
  }

  [Symbol.dispose](): void {
    assertEquals(this.#sparse.look(), this.#dense.look());
    assertEquals(this.#sparse.expired(), this.#dense.expired());
    this.#dense[Symbol.dispose]();
    this.#sparse[Symbol.dispose]();
  }
}

Deno.test("where a part of a purge ends does not depend on which messages share a row", () => {
  using pair = new LayoutPair();
  pair.put("t", Array.from({ length: 40 }, () => 100));
  pair.time += 1000;
  pair.put("t", Array.from({ length: 1500 }, (_, i) => 1000 + i));
  const ends: unknown[] = [];
  const purge = () => pair.apply({ type: "purge", topic: "t", max: 1e6 })[0] as { more: boolean };
  for (let more = true; more;) {
    const result = purge();
    ({ more } = result);
    ends.push(result);
    // Some have expired, of a row of which others have not.
    if (ends.length === 1) pair.time += RETENTION - 1000;
  }
  assert(ends.length >= 3, `${ends.length} parts`);
});

Deno.test("what makes room for a message does not depend on which messages share a row", () => {
  // A message of ten bytes in a topic of one.
  const size = 111;
  const evicted = 1023;
  using pair = new LayoutPair({ storedBytes: 2000 * size, overflow: "drop-oldest" });
  const many = (count: number) => Array.from({ length: count }, () => 8);
  pair.put("t", many(evicted));
  pair.put("u", [8]);
  pair.put("t", many(1999 - evicted));
  // It is the last one of as many rows as are passed over at once, and has no size any more.
  pair.apply({ type: "purge", topic: "u", max: 1 });
  pair.apply(put("t", "x".repeat((evicted + 1) * size - 103)));
});

Deno.test("what a group of very many topics finds and keeps does not depend on which messages share a row", () => {
  const name: GroupName = { prefix: "p", group: "g" };
  using pair = new LayoutPair({ groupBytes: 20_000 });
  pair.apply(...Array.from({ length: 1200 }, (_, i) => put(`p${i}`)));
  const terms = { lease: 1e6, timeout: 1e6, attempts: 1, holding: [] };
  pair.apply({ type: "open_holder", name, holder: "x", ...terms });
  const claim = (count: number) =>
    pair.apply({ type: "claim", name, holders: [{ holder: "x", count }], bytes: 1e9 });
  claim(1100);
  // More rows than one page passes over, if each message has its own.
  for (let i = 0; i < 6; i++) {
    pair.put("q", Array.from({ length: 500 }, () => 4100));
    pair.apply(put(`p${i}`));
  }
  claim(101);
  claim(3);
  pair.time += RETENTION;
  for (let part = 0; part < 6; part++) pair.apply();
  claim(3);
});
