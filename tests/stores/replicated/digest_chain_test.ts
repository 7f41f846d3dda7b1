import { assertEquals, assertNotEquals } from "@std/assert";
import { DigestChain, RECENT } from "../../../stores/replicated/digest_chain.ts";
import type { Command, PutAck } from "../../../stores/store.ts";
import { put } from "../../../testing/store/support.ts";

const COMMANDS: readonly Command[] = [put("t"), put("t")];
const RESULTS: readonly PutAck[] = [{ seq: 1, time: 5 }, { seq: 2, time: 5 }];

/** A chain of records, one each 10 ms. */
function chainOf(count: number, chain = new DigestChain()): DigestChain {
  for (let i = 0; i < count; i++) {
    const position = chain.last.position + 1;
    const entry = { position, time: 10 * position, record: new Uint8Array([position % 251]) };
    chain.add(entry, position, [], []);
  }
  return chain;
}

Deno.test("a digest is that of the record, its time and its results, and of all before", () => {
  const entry = { position: 1, time: 5, record: new Uint8Array([1, 2, 3]) };
  const digestOf = (
    changed: Partial<typeof entry>,
    results: readonly PutAck[] | null = RESULTS,
    before = 0,
  ) => {
    const chain = chainOf(before);
    chain.add({ ...entry, ...changed }, 2, COMMANDS, results ?? undefined);
    return chain.last.digest;
  };
  const first = digestOf({});
  assertEquals(digestOf({}), first);
  const others = [
    digestOf({ record: new Uint8Array([1, 2, 4]) }),
    digestOf({ time: 6 }),
    digestOf({}, [RESULTS[0]!, { seq: 3, time: 5 }]),
    digestOf({}, [RESULTS[0]!, { seq: 2, dup: true }]),
    digestOf({}, null),
    digestOf({ position: 2 }, RESULTS, 1),
  ];
  assertEquals(new Set([first, ...others]).size, 7);
});

Deno.test("what was seen counts if it is the same and recent: a whole ring of records, and a minute", () => {
  const chain = chainOf(RECENT.records + 10);
  const { position: last, time } = chain.last;
  const oldest = last + 1 - RECENT.records;
  for (const [position, verdict] of [[last, "same"], [oldest, "same"], [oldest - 1, "stale"]]) {
    const at = chain.at(position as number) ?? { position: position as number, digest: "" };
    assertEquals(chain.judge(at, 0), verdict);
  }
  assertEquals(chain.judge({ position: last, digest: "other" }, time), "other");
  assertEquals(chain.judge({ position: last + 1, digest: chain.last.digest }, time), "ahead");
  // The record behind what was seen has been there for more than a minute. Behind the last one there is none.
  const before = chain.at(last - 1)!;
  assertEquals(chain.judge(before, time + RECENT.ms), "same");
  assertEquals(chain.judge(before, time + RECENT.ms + 1), "stale");
  assertEquals(chain.judge(chain.last, time + 1e9), "same");
});

Deno.test("a chain that goes on from its links judges as the one before", () => {
  for (const count of [0, 1, 100, RECENT.records - 1, RECENT.records, RECENT.records + 100]) {
    const chain = chainOf(count);
    const again = new DigestChain();
    // As they are saved: from the first record on.
    again.restore(chain.after(0));
    for (const each of [chain, again]) chainOf(3, each);
    assertEquals(again.last, chain.last);
    for (const position of [0, 1]) {
      const seen = { position, digest: "0".repeat(16) };
      assertEquals(again.judge(seen, 0), chain.judge(seen, 0), `${count} at ${position}`);
    }
    for (const back of [0, 1, 50, RECENT.records - 1, RECENT.records, RECENT.records + 50]) {
      const position = chain.last.position - back;
      const seen = { position, digest: chain.at(position)?.digest ?? "" };
      assertEquals(again.judge(seen, 0), chain.judge(seen, 0), `${count} ${back}`);
    }
  }
});

Deno.test("records that nobody has are no part of a chain, and nobody has seen them", () => {
  const chain = chainOf(5);
  chain.skip(20, chain.last.time);
  assertEquals([...chain.after(3)].map(({ position }) => position), [4, 5, 20]);
  assertEquals(chain.judge({ position: 12, digest: "x" }, 0), "other");
  assertEquals(chain.judge(chain.at(5)!, 0), "same");
  chainOf(1, chain);
  assertEquals(chain.last.position, 21);
  assertNotEquals(chain.last.digest, chain.at(20)!.digest);
});
