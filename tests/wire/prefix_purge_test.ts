/**
 * Streams of prefixes after a purge of one topic: what is left of the others arrives, and what is gone is told once.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type SubscribeOptions } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { put, subscribe } from "../support/prefix_stream.ts";
import { credit } from "../support/raw_subscription.ts";

/** A server with the numbers 1 to 8, of which 2, 5 and 6 are purged. */
async function purgedServer(transport: "builtin" | "hardened" = "builtin") {
  const server = await openServer({ transport });
  await using client = await RawClient.open(server.url);
  for (const topic of ["p.a", "p.b", "p.a", "q", "p.b", "p.b", "p.a", "p.b"]) {
    await put(client, topic, "m");
  }
  const purge = { action: "purge", id: 1, topic: "p.b", before: { seq: 8 } };
  assertEquals(await client.request(purge), { id: 1, purged: 3 });
  return server;
}

/** What a subscription yields up to number 8, and what it is told. */
async function read(url: string, options: SubscribeOptions, prefix = "p."): Promise<string> {
  await using mq = await connect(url);
  const [seqs, gaps]: [number[], string[]] = [[], []];
  const onGap = ({ code, after }: { code: string; after?: number }) => {
    gaps.push(`${code} ${after}`);
    return "oldest" as const;
  };
  for await (const { seq } of mq.subscribe({ prefix }, { ...options, onGap })) {
    seqs.push(seq);
    if (seq === 8) break;
  }
  return [...seqs, ...gaps].join(", ");
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a purge of one topic takes nothing from the readers of a prefix but its messages, and they are told once (${transport})`, async () => {
    await using server = await purgedServer(transport);
    assertEquals(await read(server.url, { since: 0 }), "1, 3, 7, 8, trimmed 3");
    assertEquals(await read(server.url, { since: 1 }), "3, 7, 8, trimmed 3");
    assertEquals(await read(server.url, { since: 3 }), "7, 8, trimmed 3");
    assertEquals(await read(server.url, { since: 6 }), "7, 8");
    assertEquals(await read(server.url, { since: 0 }, ""), "1, 3, 4, 7, 8, trimmed 4");
    assertEquals(await read(server.url, { since: 0 }, "p.b"), "8, trimmed 0");
  });

  Deno.test(`what is purged before a stream of a prefix begins is no gap to it, and nothing that is left is passed over (${transport})`, async () => {
    await using server = await purgedServer(transport);
    assertEquals(await read(server.url, { since: "start" }), "1, 3, 7, 8");
    assertEquals(await read(server.url, { since: new Date(0) }), "1, 3, 7, 8");
    assertEquals(await read(server.url, { since: { ago: 60_000 } }, ""), "1, 3, 4, 7, 8");
    await using mq = await connect(server.url, { since: "start" });
    const seen: number[] = [];
    for await (const { seq } of mq.subscribe({ prefix: "p." })) {
      seen.push(seq);
      if (seq === 8) break;
    }
    assertEquals(seen, [1, 3, 7, 8]);
  });
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a topic that is purged while a reader of its prefix is on the way is a gap, told once, and all else comes in order (${transport})`, async () => {
    await using server = await openServer({ transport });
    await using mq = await connect(server.url);
    const topicOf = (i: number) => i % 11 === 0 ? "q" : `p.${i % 4}`;
    const puts = Array.from({ length: 12_000 }, (_, i) => mq.put(topicOf(i), `${i}`));
    const seqs = await Promise.all(puts);
    await mq.topics();
    const gaps: string[] = [];
    const onGap = ({ code, prefix }: { code: string; prefix?: string }) => {
      gaps.push(`${code} ${prefix}`);
      return "oldest" as const;
    };
    const received: { seq: number; topic: string; body: string }[] = [];
    for await (const message of mq.subscribe({ prefix: "p." }, { since: "start", onGap })) {
      received.push(message);
      if (message.body === "end") break;
      if (received.length === 100) {
        await mq.purge("p.2");
        await mq.put("p.2", "later");
        await mq.put("p.3", "end");
      }
    }
    const read = received.filter(({ topic }) => topic === "p.2").map(({ body }) => body);
    // What was on the way arrives; then nothing but what was put after the purge.
    const purged = seqs.flatMap((_, i) => topicOf(i) === "p.2" ? [`${i}`] : []);
    assert(read.length > 25 && read.length < purged.length, `${read.length} were on the way`);
    assertEquals(read, [...purged.slice(0, read.length - 1), "later"]);
    const others = seqs.flatMap((seq, i) => {
      const topic = topicOf(i);
      return topic === "q" || topic === "p.2" ? [] : [[seq, topic, `${i}`]];
    });
    assertEquals(
      received.filter(({ topic }) => topic !== "p.2").slice(0, -1).map((message) => {
        return [message.seq, message.topic, message.body];
      }),
      others,
    );
    assert(received.every(({ seq }, i) => i === 0 || seq > received[i - 1]!.seq));
    assertEquals(gaps, ["trimmed p."]);
  });
}

Deno.test("on the wire a gap of a prefix comes behind what is left before it, and ends the stream or is passed over", async () => {
  await using server = await purgedServer();
  await using client = await RawClient.open(server.url);
  for (const onGap of [undefined, "oldest", "now"]) {
    const request = { ...subscribe(8, "p.", { since: { after: 0 }, messages: 1 }), onGap };
    assertEquals(await client.request(request), { id: 8, sub: 8, start: 0 });
    const seen: unknown[] = [];
    for (let messages = 1; seen.at(-1) !== "end"; messages++) {
      if (messages > 1) await client.send(credit(8, messages, 1e6));
      if (onGap === "now" && messages === 3) await put(client, "p.a", "m");
      const { seqs, error, through } = await client.next();
      seen.push(seqs?.[0] ?? [error.code, error.after, through]);
      if (error || seqs[0] >= 8) seen.push("end");
    }
    if (onGap !== undefined) await client.request({ action: "unsubscribe", id: 9, sub: 8 });
    assertEquals(
      seen,
      onGap === undefined
        ? [1, 3, ["trimmed", 3, 6], "end"]
        : onGap === "oldest"
        ? [1, 3, 7, 8, "end"]
        : [1, 3, 9, "end"],
    );
  }
});

Deno.test("a purge during a stream that began at the start is a gap to it, also if it purges older messages than one before", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using client = await RawClient.open(server.url);
  for (const topic of ["p.a", "p.b", "p.c", "p.a"]) await put(client, topic, "m");
  const purge = async (topic: string, before = {}) => {
    clock.advance(10);
    const { purged } = await client.request({ action: "purge", id: 2, topic, ...before });
    assertEquals(purged, 1);
  };
  await purge("p.c");
  const request = subscribe(8, "p.", { since: "start", messages: 1 });
  await client.send(request);
  assertEquals([(await client.next()).start, (await client.next()).seqs], [0, [1]]);
  await purge("p.b");
  await client.send(credit(8, 2, 1e6));
  const { error, through } = await client.next();
  assertEquals([error.code, error.after, through], ["trimmed", 1, 2]);
});

Deno.test("a position beyond the end of its history is told as that, and nothing that is left behind is passed over", async () => {
  const path = Deno.makeTempFileSync();
  try {
    const options = { store: `sqlite:${path}` } as const;
    let epoch: string;
    {
      await using server = await openServer(options);
      await using client = await RawClient.open(server.url);
      ({ epoch } = await client.request({ action: "hello", id: 1 }));
      await put(client, "p.a", "1");
    }
    await using server = await openServer(options);
    await using client = await RawClient.open(server.url);
    await put(client, "p.a", "2");
    await put(client, "p.b", "3");
    assertEquals(await client.request({ action: "purge", id: 1, topic: "p.b" }), {
      id: 1,
      purged: 1,
    });
    const since = { after: 99, epoch };
    const { error, through } = await client.request(subscribe(7, "p.", { since }));
    assertEquals([error.code, through], ["ahead", 1]);
    const start = await client.request(subscribe(8, "p.", { since, onGap: "oldest" }));
    assertEquals([start.start, (await client.next()).seqs], [1, [2]]);
    await client.request({ action: "hello", id: 9, since });
    const first = await client.request(subscribe(10, "p."));
    assertEquals([first.error.code, first.through], ["ahead", 1]);
  } finally {
    for (const end of ["", "-wal", "-shm", "-lock"]) await Deno.remove(path + end).catch(() => {});
  }
});
