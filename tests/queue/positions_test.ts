/**
 * Where readers start.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  locateFromStart,
  locatePositions,
  locateStart,
  locateStream,
} from "../../queue/positions.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { MessageQuery } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { append, apply, put, RETENTION } from "../../testing/store/support.ts";

/** So many immediates run until the network is polled, however much there is to do. */
const IMMEDIATES = 61;

Deno.test("a reader of a topic of which it is not known any more what is gone skips nothing that is left", async () => {
  await using store = new MemoryStore({
    ...{ engine: nodeSqlite, clock: new ManualClock(), retention: RETENTION },
    limits: { goneTopics: 1 },
  });
  await append(store, ["t", "a", "b", "c", "t"].map((topic) => put(topic)));
  for (const topic of ["a", "b", "c"]) {
    await apply(store, [{ type: "purge", topic, max: 1 }]);
  }
  const [bounds] = await store.topicBounds([{ topic: "not known" }]);
  assertEquals(bounds!.gone?.seq, 3);
  const topic = "t";
  const beginning = { after: 0, gap: undefined };
  assertEquals(await locateStream({ store }, { topic }, "start"), beginning);
  assertEquals(await locateStream({ store }, { topic }, { after: 0 }), beginning);
  for (const since of [{ after: 0 }, { after: 0, epoch: store.epoch, asOf: 0 }]) {
    assertEquals(await locatePositions({ store }, [{ topic, since }]), [beginning]);
    const start = await locateStart({ store }, since);
    assertEquals(await locateFromStart(store, start, [{ topic }]), [beginning]);
  }
});

Deno.test("others have their turn while it is looked for what is left of a prefix, among very many messages of other topics", async () => {
  await using store = new MemoryStore({
    ...{ engine: nodeSqlite, clock: new ManualClock(), retention: RETENTION },
  });
  // More topics than are looked up one by one: so their messages are looked for among all.
  await append(store, Array.from({ length: 2000 }, (_, i) => put(`p.${i}`)));
  await append(store, Array.from({ length: 40_000 }, (_, i) => put(`other ${i % 2}`)));
  const [last] = await append(store, [put("p.last")]);
  await apply(store, [{ type: "purge", topic: "p.last", max: 1 }]);
  let immediates = 0;
  const next = () => {
    immediates++;
    timer = setImmediate(next);
  };
  let timer = setImmediate(next);
  const seen: number[] = [];
  const watched = new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (name !== "read") return typeof member === "function" ? member.bind(target) : member;
      return (queries: MessageQuery[]) => {
        seen.push(immediates);
        return target.read(queries);
      };
    },
  });
  try {
    const { after, gap } = await locateStream({ store: watched }, { prefix: "p." }, {
      after: 2000,
    });
    assertEquals([after, gap?.error.code], [last!.seq, "trimmed"]);
    assert(seen.length > 2, `${seen.length} reads`);
    for (let i = 1; i < seen.length; i++) assert(seen[i]! - seen[i - 1]! >= IMMEDIATES, `${seen}`);
  } finally {
    clearImmediate(timer);
  }
});
