/**
 * The frames of groups that the protocol page shows, compared with what a server sends.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { openServer } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";

const page = await Deno.readTextFile(new URL("docs/protocol.md", ROOT));
const section = page.split(/^## /m).find((part) => part.startsWith("Groups\n"))!;
const lines = [...section.matchAll(/```json\n([^]*?)```/g)].flatMap(([, block]) =>
  block!.trim().split("\n")
);

/** The fields of a frame, and the kinds of their values; of a list, those of its first item. */
function shapeOf(value: unknown, name = ""): unknown {
  if (name === "code" || name === "message") return value;
  if (Array.isArray(value)) return [shapeOf(value[0])];
  if (value === null || typeof value !== "object") return typeof value;
  const entries = Object.entries(value).map(([key, item]) => [key, shapeOf(item, key)] as const);
  return Object.fromEntries(entries.sort(([one], [other]) => one < other ? -1 : 1));
}

Deno.test("a server sends each frame of groups that the protocol page shows", async () => {
  await using server = await openServer();
  await using raw = await RawClient.open(server.url);
  const reached: unknown[] = [];
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  type Item = any;
  const pending: Item[] = [];
  /** The first reply or frame of a stream that is wanted: several may come in one frame. */
  const take = async (isWanted: (item: Item) => boolean): Promise<Item> => {
    for (;;) {
      const i = pending.findIndex(isWanted);
      if (i >= 0) return pending.splice(i, 1)[0];
      const items = [await raw.next()].flat();
      reached.push(...items);
      pending.push(...items);
    }
  };
  let id = 0;
  const request = async (action: string, fields: object = {}): Promise<Item> => {
    const own = ++id;
    await raw.send({ action, id: own, topic: "mails", ...fields });
    return await take((item) => item.id === own);
  };
  const jobs = (of: number) => take(({ sub, claims }) => sub === of && claims !== undefined);
  const worker = "w".repeat(22);
  const { sub } = await request("work", { worker, credit: 2, holding: [1] });
  const key = { attributes: { key: "a" } };
  await request("put", { body: "four", ...key });
  const { claims: [claim] } = await jobs(sub);
  await request("finish", { outcomes: [{ claim, outcome: "retry", delay: 0 }] });
  const { claims: [again] } = await jobs(sub);
  await request("finish", { outcomes: [{ claim: again, outcome: "dead", reason: "r" }] });
  await request("dead");
  await request("put", { body: "five" });
  await jobs(sub);
  await request("extend", { worker, claims: [] });
  await request("extend", { worker: "nobody-knows-this-one", claims: [3] });
  await request("groups");
  await request("redrive");
  await request("work", { worker, credit: 2, holding: [] });
  const prefixed = { topic: undefined, prefix: "mai", group: "other" };
  const { sub: other } = await request("work", { ...prefixed, worker, credit: 9 });
  const { claims } = await jobs(other);
  const outcomes = [{ claim: claims[0], outcome: "retry", delay: 0 }];
  await request("finish", { ...prefixed, outcomes });
  await jobs(other);
  await request("create_group", { group: "audit" });
  await request("delete_group", { group: "audit" });
  const shapes = new Set(reached.map((frame) => JSON.stringify(shapeOf(frame))));
  const shown = lines.filter((line) => !line.includes('"action"'));
  assert(shown.length > 12, "the page shows replies");
  for (const line of shown) {
    const shape = JSON.stringify(shapeOf(JSON.parse(line)));
    assert(shapes.has(shape), `no server sends ${line}\n${[...shapes].join("\n")}`);
  }
});

Deno.test("the protocol page shows each request of groups, and the sizes in it are right", () => {
  const actions = lines.filter((line) => line.includes('"action"')).map((line) =>
    JSON.parse(line).action
  );
  assertEquals([...new Set(actions)], [
    ...["work", "finish", "extend", "groups", "dead", "redrive", "create_group", "delete_group"],
  ]);
  const size = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;
  for (const line of lines) {
    const { bytes, bodies, attributes = [] } = JSON.parse(line);
    if (bytes === undefined) continue;
    const all = [...bodies, ...attributes.filter((one: unknown) => one !== null)];
    assertEquals(bytes, all.reduce((sum, one) => sum + size(one), 0), line);
  }
});
