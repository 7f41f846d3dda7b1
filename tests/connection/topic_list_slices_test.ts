import { assert, assertEquals } from "@std/assert";
import { listReadableTopics } from "../../connection/server_verbs.ts";
import { TopicReaders } from "../../queue/topic_readers.ts";

const REQUEST = { action: "topics", id: 1, prefix: "", after: "", count: 1000 } as const;

/** Lists topics, and says how many follow each. */
async function list(
  readers: TopicReaders,
  names: readonly string[],
  pause: () => Promise<void> | undefined,
): Promise<(number | undefined)[]> {
  const counts = { messages: 1, bytes: 1, stored: 1, seq: 1, time: 1 };
  const infos = names.map((topic) => ({ topic, ...counts }));
  const store = { topics: () => Promise.resolve(infos) };
  const found = await listReadableTopics({ store, readers }, REQUEST, undefined, pause);
  assertEquals(found, infos.map((info, i) => ({ ...info, readers: found[i]!.readers! })));
  return found.map(({ readers }) => readers);
}

for (const lengths of [0, 10, 250]) {
  Deno.test(`a list of topics looks up no more than some hundred readers before others have their turn, beside prefixes of ${lengths} lengths`, async () => {
    const readers = new TopicReaders();
    for (let length = 1; length <= lengths; length++) readers.add({ prefix: "z".repeat(length) });
    readers.add({ topic: "300" });
    const names = Array.from({ length: 1000 }, (_, i) => `${i}`.padEnd(i === 300 ? 3 : 300, "y"));
    const original = Map.prototype.get;
    let [lookUps, most, pauses] = [0, 0, 0];
    const onPause = () => {
      pauses++;
      most = Math.max(most, lookUps);
      lookUps = 0;
      return undefined;
    };
    Map.prototype.get = function (key) {
      lookUps++;
      return original.call(this, key);
    };
    try {
      const expected = names.map((name) => name === "300" ? 1 : 0);
      assertEquals(await list(readers, names, onPause), expected);
    } finally {
      Map.prototype.get = original;
    }
    onPause();
    assert(most < 512 + 1 + lengths, `${most} look-ups`);
    assert(pauses >= 2 && pauses <= 2 + 1000 * (1 + lengths) / 512, `${pauses} pauses`);
  });
}

Deno.test("readers that begin and end while a list of topics lets others have their turn count for the topics after that", async () => {
  const readers = new TopicReaders();
  for (const prefix of ["", "t", "ty"]) readers.add({ prefix });
  const names = Array.from({ length: 1000 }, (_, i) => `ty${1000 + i}`);
  const changes = [
    () => readers.remove({ prefix: "t" }),
    () => readers.add({ prefix: "ty1" }),
    () => readers.add({ prefix: "" }),
    () => readers.remove({ prefix: "ty" }),
    () => readers.add({ topic: "ty1999" }),
  ];
  // More lengths, so that there are as many pauses.
  for (let length = 10; length < 250; length++) readers.add({ prefix: "-".repeat(length) });
  const counts = await list(readers, names.map((name) => name.padEnd(300, "y")), () => {
    changes.shift()?.();
    return Promise.resolve();
  });
  assertEquals(changes, []);
  const turns = counts.filter((count, i) => count !== counts[i - 1]);
  assertEquals(turns, [3, 2, 3, 4, 3]);
});
