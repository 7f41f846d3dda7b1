/**
 * What a stream of a prefix counts as lost that began at the start or a time: what has gone since then, also when it resumes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { ServeOptions } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { put, subscribe } from "../support/prefix_stream.ts";
import { credit } from "../support/raw_subscription.ts";

const folder = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
let files = 0;

/** Servers of each kind. */
const KINDS: Readonly<Record<string, () => ServeOptions>> = {
  "in memory": () => ({}),
  "in a file, hardened": () => ({ transport: "hardened", store: `sqlite:${folder}/${++files}.db` }),
};

/** A server with messages of these topics, numbered from 1 on, and what can be done with it. */
async function opened(options: ServeOptions, topics: readonly string[]) {
  const clock = new ManualClock();
  const server = await openServer({ clock, retention: 1000, ...options });
  const client = await RawClient.open(server.url);
  // In the millisecond in which a file is opened it is not known what was purged in it before.
  clock.advance(1);
  for (const topic of topics) await put(client, topic, "m");
  const { epoch } = await client.request({ action: "hello", id: 1 });
  return {
    ...{ clock, server, client, epoch },
    purge: async (topic: string, before?: number) => {
      const fields = before === undefined ? {} : { before: { seq: before } };
      const { purged } = await client.request({ action: "purge", id: 2, topic, ...fields });
      assert(purged > 0, `${topic} has something to purge`);
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** What a stream brings up to a number: numbers, and a gap that ends it. */
async function readOn(client: RawClient, sub: number, last: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  await client.send(credit(sub, 1000, 1e6));
  for (;;) {
    const { seqs, error, through } = await client.next();
    if (error) return [...seen, [error.code, through].filter((one) => one !== undefined)];
    seen.push(...seqs);
    if (seqs.at(-1) >= last) return seen;
  }
}

for (const [kind, options] of Object.entries(KINDS)) {
  for (const since of ["start", { time: 0 }, { ago: 500 }, undefined]) {
    Deno.test(`a purge in the same millisecond as one before the stream began is told (${kind}, since ${JSON.stringify(since)})`, async () => {
      await using at = await opened(options(), ["p.a", "p.b", "p.c", "p.d", "p.a"]);
      await at.purge("p.c");
      const begun = await at.client.request(subscribe(8, "p.", { since, messages: 1 }));
      assertEquals([begun.start, (await at.client.next()).seqs], [0, [1]]);
      assert(begun.began > at.clock.now() && begun.began < at.clock.now() + 1, `${begun.began}`);
      await at.purge("p.d");
      await at.purge("p.b");
      assertEquals(await readOn(at.client, 8, 5), [["trimmed", 4]]);
    });

    Deno.test(`a message that expires in the next millisecond after a purge before the stream began is told (${kind}, since ${JSON.stringify(since)})`, async () => {
      await using at = await opened(options(), ["p.a", "p.b"]);
      at.clock.advance(999);
      await put(at.client, "p.c", "m");
      await put(at.client, "p.a", "m");
      await at.purge("p.c");
      const begun = await at.client.request(
        subscribe(8, "p.", {
          since: since && Object(since).ago ? { ago: 999 } : since,
          messages: 1,
        }),
      );
      assertEquals([begun.start, (await at.client.next()).seqs], [0, [1]]);
      at.clock.advance(1);
      assertEquals(await readOn(at.client, 8, 4), [["trimmed", 2]]);
    });

    Deno.test(`a stream that resumes is not told of what was gone before it began, but of what went since (${kind}, since ${JSON.stringify(since)})`, async () => {
      const topics = ["p.a", "p.b", "p.c", "p.d", "p.e", "p.a"];
      await using at = await opened(options(), topics);
      await at.purge("p.e");
      const { began } = await at.client.request(subscribe(8, "p.", { since, messages: 1 }));
      assertEquals((await at.client.next()).seqs, [1]);
      const position = { after: 1, epoch: at.epoch, began };
      const cases: [string | undefined, unknown[]][] = [
        [undefined, [2, 3, 4, 6]],
        // In the same millisecond, and of a message before those that are left.
        ["p.b", [["trimmed", 2]]],
        ["p.d", [3, ["trimmed", 4]]],
      ];
      for (const [purged, expected] of cases) {
        if (purged) await at.purge(purged);
        await using client = await RawClient.open(at.server.url);
        const resumed = await client.request(subscribe(9, "p.", { since: position, messages: 1 }));
        const seen = resumed.error
          ? [[resumed.error.code, resumed.through]]
          : await readOn(client, 9, 6);
        if (!resumed.error) assertEquals(resumed.began, began);
        assertEquals(seen, expected);
      }
      // Without `began` everything that is gone counts.
      await using client = await RawClient.open(at.server.url);
      const since4 = { after: 4, epoch: at.epoch };
      assertEquals((await client.request(subscribe(9, "p.", { since: since4 }))).through, 5);
    });
  }
}

for (const [kind, options] of Object.entries(KINDS)) {
  Deno.test(`a stream at a start that hello gave as a position is told what was not gone by its time, behind what is left, too (${kind})`, async () => {
    const topics = ["p.a", "p.b", "p.c", "p.d", "p.a"];
    await using at = await opened(options(), topics);
    const seen = async (since: object) => {
      await using client = await RawClient.open(at.server.url);
      await client.request({ action: "hello", id: 1, since });
      const { start } = await client.request(subscribe(8, "p.", { messages: 1 }));
      assertEquals([start, (await client.next()).seqs], [0, [1]]);
      return await readOn(client, 8, 5);
    };
    await at.purge("p.b");
    at.clock.advance(1);
    const { time } = await at.client.request({ action: "hello", id: 1 });
    const position = { after: 0, epoch: at.epoch };
    for (const since of [{ after: 0 }, { ...position, asOf: 0 }, { ...position, asOf: time - 2 }]) {
      assertEquals(await seen(since), [["trimmed", 2]]);
    }
    assertEquals(await seen({ ...position, asOf: time }), [3, 4, 5]);
    at.clock.advance(1);
    await at.purge("p.d");
    assertEquals(await seen({ ...position, asOf: time }), [3, ["trimmed", 4]]);
    at.clock.advance(1);
    assertEquals(await seen({ ...position, asOf: at.clock.now() }), [3, 5]);
    assertEquals(await seen(position), [3, 5]);
  });
}

Deno.test("what was dropped to make room in the millisecond in which a stream begins at the connection's start is no gap to it", async () => {
  const full = { limits: { storedBytes: 4500 }, overflow: "drop-oldest" } as const;
  await using at = await opened(full, []);
  const large = "x".repeat(2000);
  for (const topic of ["p.a", "p.b"]) await put(at.client, topic, large);
  await put(at.client, "p.c", "m");
  await at.purge("p.c");
  await put(at.client, "p.d", large);
  const begun = await at.client.request(subscribe(8, "p.", { messages: 1 }));
  assertEquals([begun.start, (await at.client.next()).seqs], [1, [2]]);
  assertEquals(await readOn(at.client, 8, 4), [4]);
});

Deno.test("a time at which a stream began that is no time is refused, and one beyond all times makes nothing a gap", async () => {
  await using at = await opened({}, ["p.a", "p.b"]);
  await at.purge("p.a");
  for (const began of [-1, "1", null, true, {}, [1]]) {
    const since = { after: 0, epoch: at.epoch, began };
    const { error } = await at.client.request(subscribe(8, "p.", { since }));
    assertEquals(error.code, "bad_request", JSON.stringify(began));
  }
  await at.client.send(
    `{"action":"subscribe","id":8,"prefix":"p.","since":{"after":0,"epoch":"${at.epoch}","began":1e999}}`,
  );
  assertEquals((await at.client.next()).error.code, "bad_request");
  const since = { after: 0, epoch: at.epoch, began: Number.MAX_SAFE_INTEGER };
  assertEquals((await at.client.request(subscribe(8, "p.", { since }))).start, 0);
  assertEquals((await at.client.next()).seqs, [2]);
});
