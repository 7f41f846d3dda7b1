import { assert, assertEquals } from "@std/assert";
import { MergedRows } from "../../stores/merged_rows.ts";
import { seeded } from "../../testing/seeded.ts";

Deno.test("the rows of topics are merged in order, in parts of any size, and none is looked up behind a topic's newest message", () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = seeded(seed);
    const topics = Array.from({ length: 1 + random(20) }, (): number[] => []);
    const all = Array.from({ length: random(600) }, (_, i) => i + 1);
    // Some in a row are of one topic.
    let id = 0;
    for (const last of all) {
      if (random(3) > 0) id = random(topics.length);
      topics[id]!.push(last);
    }
    const from = random(100);
    let lookups = 0;
    const merged = new MergedRows(
      topics.map((rows, id) => {
        return { id, last: rows.find((last) => last > from) ?? null, newest: rows.at(-1) ?? 0 };
      }),
      (id, after, limit) => {
        lookups++;
        const found = topics[id]!.filter((last) => last > after).slice(0, limit);
        assert(found.length > 0, `nothing comes after ${after}`);
        return found;
      },
    );
    const taken: number[] = [];
    for (let part; (part = merged.take(1 + random(50))).length > 0;) taken.push(...part);
    assertEquals(taken, all.filter((last) => last > from));
    const rows = topics.map((rows) => rows.filter((last) => last > from).length);
    assert(lookups <= rows.filter((count) => count > 1).length + taken.length / 4);
  }
});
