/**
 * A client whose server answers in another order than it was asked: every read ends.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { type ScriptedRequest, ScriptedServer } from "../support/scripted_server.ts";
import { type Random, seeded } from "../../testing/seeded.ts";
import { withTimeout } from "../support/with_timeout.ts";

const one = { seq: 1, body: "one" };
const two = { seq: 2, body: "two" };
const GAP = { code: "trimmed", message: "gone", after: 0, floor: 1, last: 9 };

async function requests(script: ScriptedServer, count: number): Promise<ScriptedRequest[]> {
  const all: ScriptedRequest[] = [];
  while (all.length < count) all.push(await withTimeout(script.next()));
  return all;
}

Deno.test("a get whose answer went to an earlier getWait gets nothing once that found nothing", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const [wait, get] = [mq.getWait("t"), mq.get("t")];
  const [first, second] = await requests(script, 2);
  await script.reply(second!, one);
  assertEquals(await withTimeout(wait), "one");
  await script.reply(first!);
  assertEquals(await withTimeout(get), "");
});

Deno.test("a getWait whose answer went to another asks again, for the rest of its timeout", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const [first, second] = [mq.getWait("t"), mq.getWait("t")];
  const [early, late] = await requests(script, 2);
  await script.reply(late!, one);
  assertEquals(await withTimeout(first), "one");
  const [cancel] = await requests(script, 1);
  await script.reply(early!);
  const [again] = await requests(script, 1);
  assertEquals([cancel!.action, again!.action], ["cancel", "get_wait"]);
  await script.reply(again!, two);
  assertEquals(await withTimeout(second), "two");
});

Deno.test("a get whose answer a getLatest has skipped gets nothing", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const [latest, get] = [mq.getLatest("t"), mq.get("t")];
  const [first, second] = await requests(script, 2);
  await script.reply(second!, one);
  await script.reply(first!, two);
  assertEquals([await withTimeout(latest), await withTimeout(get)], ["two", ""]);
});

Deno.test("a get whose gap went to an earlier subscription gets nothing once there is nothing more", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const called = new AbortController();
  const wait = mq.getWait("t", { signal: called.signal }).catch(() => {});
  called.abort();
  await wait;
  const read = mq.getWait("t", { signal: AbortSignal.timeout(1) }).catch(() => {});
  const [early] = await requests(script, 1);
  await read;
  const stream = mq.subscribe("t", { onGap: () => "oldest" });
  const get = mq.get("t");
  const [, , late] = await requests(script, 3);
  await script.send({ id: late!.id, error: GAP, through: 1 });
  await script.reply(early!);
  assertEquals(await withTimeout(get), "");
  await stream.return!();
});

Deno.test("after a break a get whose answer went to an earlier getWait asks no more and gets nothing", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: { minDelay: 0 } });
  const [wait, get] = [mq.getWait("t"), mq.get("t")];
  const [, second] = await requests(script, 2);
  await script.reply(second!, one);
  assertEquals(await withTimeout(wait), "one");
  script.hangUp();
  assertEquals(await withTimeout(get), "");
});

for (let seed = 1; seed <= 40; seed++) {
  Deno.test(`in whatever order requests are answered, each read ends with the last answer: seed ${seed}`, async () => {
    await playScript(seed);
  });
}

/** Reads of all kinds; each request is answered once, with a message, a gap or nothing. */
async function playScript(seed: number): Promise<void> {
  const random = seeded(seed);
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: { minDelay: 0 } });
  let open = 0;
  const read = (promise: Promise<unknown>) => {
    open++;
    void promise.catch(() => {}).finally(() => open--);
  };
  let seq = 0;
  let unanswered: ScriptedRequest[] = [];
  const reply = async () => {
    for (const requests of script.unread.splice(0)) {
      if (requests.id !== undefined) unanswered.push(requests);
    }
    const [requests] = unanswered.splice(random(unanswered.length), 1);
    if (!requests) return await withTimeout(new Promise((resolve) => setTimeout(resolve, 0)));
    if (requests.action === "subscribe") return await script.send({ id: requests.id, start: seq });
    if (requests.action === "heartbeat") return await script.send({ id: requests.id });
    const chance = random(4);
    if (chance === 0) await script.send({ id: requests.id, error: GAP, through: ++seq });
    else await script.reply(requests, chance === 1 ? undefined : { seq: ++seq, body: "m" });
  };
  for (let i = 0; i < 60; i++) {
    begin(mq, random, read);
    await Promise.resolve();
    if (random(3) > 0) await reply();
    if (random(30) === 0) {
      unanswered = [];
      script.unread.length = 0;
      script.hangUp();
    }
  }
  const isBusy = () => open > 0 || unanswered.length > 0 || script.unread.length > 0;
  for (let rounds = 0; rounds < 500 && isBusy(); rounds++) await reply();
  assertEquals([mq.status, open], ["connected", 0]);
  await mq.close();
  // With something unanswered it would not have said that nothing is.
  assertEquals(script.frames.at(-1), '{"action":"close"}');
}

function begin(mq: Connection, random: Random, read: (promise: Promise<unknown>) => void): void {
  switch (random(6)) {
    case 0:
      return read(mq.get("t"));
    case 1:
      return read(mq.getLatest("t"));
    case 2:
      return read(mq.getWait("t"));
    case 3: {
      const stream = mq.subscribe("t", { onGap: () => "oldest" });
      read(stream.next());
      return queueMicrotask(() => void stream.return!());
    }
    default: {
      const called = new AbortController();
      read(mq.getWait("t", { signal: called.signal }));
      queueMicrotask(() => queueMicrotask(() => called.abort()));
    }
  }
}
