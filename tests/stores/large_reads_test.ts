/**
 * Large messages with many readers are read from the database once.
 *
 * @module
 */

import { apply, trim } from "../../testing/store/support.ts";
import { assert, assertEquals } from "@std/assert";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Put, TopicMessage, TopicPageQuery } from "../../stores/store.ts";
import { testServer, until } from "../support/bridge.ts";
import { CountingEngine } from "../support/counting_engine.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";

const SIZE = 300_000;
const LARGE = "é".repeat(SIZE);

/** A store whose reads are counted, in memory or in a file. */
function opened(storeKind: "memory" | "file") {
  const engine = new CountingEngine();
  const clock = new ManualClock(1_000_000);
  const options = { engine, clock, retention: 10_000 };
  if (storeKind === "memory") return { engine, clock, store: new MemoryStore(options), end() {} };
  const folder = Deno.makeTempDirSync();
  const store = new FileStore({ ...options, path: `${folder}/queue.db`, durability: "process" });
  return { engine, clock, store, end: () => Deno.removeSync(folder, { recursive: true }) };
}

function put(topic: string, text: string): Put {
  const body = JSON.stringify(text);
  return { type: "put" as const, topic, body, bytes: new TextEncoder().encode(body).length };
}

for (const storeKind of ["memory", "file"] as const) {
  for (
    const [how, request] of Object.entries({
      get: { action: "get" },
      getLatest: { action: "get_latest" },
      getWait: { action: "get_wait", timeout: 1000 },
      subscribe: { action: "subscribe", messages: 1, bytes: 1e8 },
    })
  ) {
    Deno.test(`${storeKind}: however many ${how}, a large message is read from the database once`, async () => {
      const { engine, clock, store, end } = opened(storeKind);
      await using host = await testServer(store, clock);
      await apply(store, [put("other", "before"), put("t", LARGE), put("other", "after")]);
      await trim(store, 0);
      const before = engine.read;
      for (let i = 0; i < 100; i++) {
        using peer = new ManualPeer(host);
        await peer.request({ ...request, id: 7, topic: "t", since: "start" });
        await until(() => peer.messages.length > 0);
        assert(peer.messages[0] === LARGE);
      }
      // It may be dropped if V8 wants its memory.
      const times = (engine.read - before) / SIZE;
      assert(times < 10, `it was read ${times.toFixed(1)} times`);
      end();
    });
  }

  Deno.test(`${storeKind}: a cached large message is the one that was requested`, async () => {
    const { engine, clock, store, end } = opened(storeKind);
    const texts = ["a", "b", "c"].map((letter) => letter.repeat(70_000));
    const puts = texts.map((text) => put("t", text));
    await apply(store, [...puts.slice(0, 2), put("t", "small")]);
    const held: TopicMessage[] = [];
    const read = async (query: Partial<TopicPageQuery>) => {
      const [page] = await store.read([
        { ...{ topic: "t", after: 0, count: 1, bytes: 1e6 }, ...query },
      ]);
      held.push(...page!.messages);
      return page!.messages.map(({ seq, body }) => `${seq} ${body[1]}`);
    };
    const afterLook = async () => {
      const seen = [await read({ newest: true })];
      for (let after = 0; after < 5; after++) seen.push(await read({ after }));
      return [...seen, await read({ count: 10 }), await read({ topic: "u" })];
    };
    const first = [["3 s"], ["1 a"], ["2 b"], ["3 s"], [], [], ["1 a", "2 b", "3 s"], []];
    assertEquals(await afterLook(), first);
    const before = engine.read;
    assertEquals(await afterLook(), first);
    assert(engine.read - before < 1000, `${engine.read - before} characters were read`);
    assert(held.length > 0);
    // A newer one, and older ones that expire.
    clock.advance(9000);
    await apply(store, [put("u", "between"), puts[2]!]);
    const second = [["5 c"], ["1 a"], ["2 b"], ["3 s"], ["5 c"], ["5 c"], [
      "1 a",
      "2 b",
      "3 s",
      "5 c",
    ], [
      "4 b",
    ]];
    assertEquals(await afterLook(), second);
    assertEquals(await afterLook(), second);
    clock.advance(1000);
    const third = [["5 c"], ["5 c"], ["5 c"], ["5 c"], ["5 c"], ["5 c"], ["5 c"], ["4 b"]];
    assertEquals(await afterLook(), third);
    while (await trim(store, 5));
    assertEquals(await afterLook(), third);
    await store[Symbol.asyncDispose]();
    end();
  });
}
