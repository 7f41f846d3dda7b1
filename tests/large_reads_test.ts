/**
 * Large messages that many read: the database is asked for them once.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FileStore } from "../stores/file.ts";
import { MemoryStore } from "../stores/memory.ts";
import type { Message, Put, Query } from "../stores/store.ts";
import { hostOf, until } from "./support/bridge.ts";
import { CountedEngine } from "./support/counted_engine.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { ManualPeer } from "./support/manual_peer.ts";

const SIZE = 300_000;
const LARGE = "é".repeat(SIZE);

/** A store whose reads are counted, in memory or in a file. */
function opened(kept: "memory" | "file") {
  const engine = new CountedEngine();
  const clock = new ManualClock(1_000_000);
  const options = { engine, clock, retention: 10_000 };
  if (kept === "memory") return { engine, clock, store: new MemoryStore(options), end() {} };
  const folder = Deno.makeTempDirSync();
  const store = new FileStore({ ...options, path: `${folder}/queue.db`, durability: "normal" });
  return { engine, clock, store, end: () => Deno.removeSync(folder, { recursive: true }) };
}

function put(topic: string, text: string): Put {
  const body = JSON.stringify(text);
  return { topic, body, bytes: new TextEncoder().encode(body).length };
}

for (const kept of ["memory", "file"] as const) {
  for (
    const [way, request] of Object.entries({
      get: { action: "get" },
      getLatest: { action: "get_latest" },
      getWait: { action: "get_wait", timeout: 1000 },
      subscribe: { action: "subscribe", messages: 1, bytes: 1e8 },
    })
  ) {
    Deno.test(`${kept}: however many ${way}, a large message is read from the database once`, async () => {
      const { engine, clock, store, end } = opened(kept);
      await using host = await hostOf(store, clock);
      await store.append([put("other", "before"), put("t", LARGE), put("other", "after")]);
      await store.trim(0);
      const before = engine.read;
      for (let i = 0; i < 100; i++) {
        using peer = new ManualPeer(host);
        await peer.ask({ ...request, id: 7, topic: "t", since: "start" });
        await until(() => peer.messages.length > 0);
        assert(peer.messages[0] === LARGE);
      }
      // It may be forgotten where V8 wants its memory.
      const times = (engine.read - before) / SIZE;
      assert(times < 10, `it was read ${times.toFixed(1)} times`);
      end();
    });
  }

  Deno.test(`${kept}: a large message that is remembered is the one that is asked for`, async () => {
    const { engine, clock, store, end } = opened(kept);
    const texts = ["a", "b", "c"].map((letter) => letter.repeat(70_000));
    const puts = texts.map((text) => put("t", text));
    await store.append([...puts.slice(0, 2), put("t", "small")]);
    const held: Message[] = [];
    const read = async (query: Partial<Query>) => {
      const [page] = await store.read([
        { ...{ topic: "t", after: 0, count: 1, bytes: 1e6 }, ...query },
      ]);
      held.push(...page!.messages);
      return page!.messages.map(({ seq, body }) => `${seq} ${body[1]}`);
    };
    const looks = async () => {
      const seen = [await read({ newest: true })];
      for (let after = 0; after < 5; after++) seen.push(await read({ after }));
      return [...seen, await read({ count: 10 }), await read({ topic: "u" })];
    };
    const first = [["3 s"], ["1 a"], ["2 b"], ["3 s"], [], [], ["1 a", "2 b", "3 s"], []];
    assertEquals(await looks(), first);
    const before = engine.read;
    assertEquals(await looks(), first);
    assert(engine.read - before < 1000, `${engine.read - before} characters were read`);
    assert(held.length > 0);
    // A newer one, and older ones that expire.
    clock.advance(9000);
    await store.append([put("u", "between"), puts[2]!]);
    const second = [["5 c"], ["1 a"], ["2 b"], ["3 s"], ["5 c"], ["5 c"], [
      "1 a",
      "2 b",
      "3 s",
      "5 c",
    ], [
      "4 b",
    ]];
    assertEquals(await looks(), second);
    assertEquals(await looks(), second);
    clock.advance(1000);
    const third = [["5 c"], ["5 c"], ["5 c"], ["5 c"], ["5 c"], ["5 c"], ["5 c"], ["4 b"]];
    assertEquals(await looks(), third);
    while (await store.trim(5));
    assertEquals(await looks(), third);
    await store[Symbol.asyncDispose]();
    end();
  });
}
