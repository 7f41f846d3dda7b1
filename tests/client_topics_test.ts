/**
 * The list of topics, which comes page by page.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { type Asked, Scripted } from "./support/scripted.ts";
import { soon } from "./support/soon.ts";

/** Lists topics of a server that answers with these pages, the last of them over and over: what it was asked, and what came out. */
async function list(...pages: string[][]): Promise<{ asked: string[]; found: string[] }> {
  const script = new Scripted();
  const mq: Connection = await connect({ dial: script.dial, reconnect: false });
  const listing = mq.topics("a");
  const asked: string[] = [];
  let listed = false;
  listing.then(() => listed = true, () => {});
  while (!listed && asked.length < 20) {
    const { id, after }: Asked = await soon(script.next());
    const page = pages[Math.min(asked.push(after), pages.length) - 1]!;
    const topics = page.map((topic) => ({ topic, messages: 1, seq: 1, time: 1 }));
    await script.say({ id, topics, more: true });
  }
  script.hangUp();
  const found = (await listing.catch(() => [])).map(({ topic }) => topic);
  return { asked, found };
}

Deno.test("the list of topics goes on after the last of each page, in the order of code points", async () => {
  const pages = [["a", "a\uff5e"], ["a\u{1f995}"], ["b"], []];
  assertEquals(await list(...pages), {
    asked: ["", "a\uff5e", "a\u{1f995}", "b"],
    found: ["a", "a\uff5e", "a\u{1f995}", "b"],
  });
});

for (
  const [what, pages] of [
    ["sends the same page again and again", [["a", "b"]]],
    ["goes back", [["a", "b"], ["a"]]],
    ["says that there is more after a page of nothing", [["a"], []]],
  ] as const
) {
  Deno.test(`a server that ${what} is not asked for ever`, async () => {
    const { asked, found } = await list(...pages.map((page) => [...page]));
    assertEquals(asked.length, 2);
    assertEquals(found.slice(0, pages[0]!.length), [...pages[0]!]);
  });
}
