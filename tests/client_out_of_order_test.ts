/**
 * A client whose server answers in another order than it was asked: no read is left without an end.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { type Asked, Scripted } from "./support/scripted.ts";
import { type Random, seeded } from "./support/seeded.ts";
import { soon } from "./support/soon.ts";

const one = { seq: 1, body: "one" };
const two = { seq: 2, body: "two" };
const GAP = { code: "trimmed", message: "gone", position: 0, floor: 1, last: 9 };

async function asked(script: Scripted, count: number): Promise<Asked[]> {
  const all: Asked[] = [];
  while (all.length < count) all.push(await soon(script.next()));
  return all;
}

Deno.test("a get whose answer was for a getWait before it gets nothing once there was nothing for that", async () => {
  const script = new Scripted();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  const [wait, get] = [mq.getWait("t"), mq.get("t")];
  const [first, second] = await asked(script, 2);
  await script.give(second!, one);
  assertEquals(await soon(wait), "one");
  await script.give(first!);
  assertEquals(await soon(get), "");
});

Deno.test("a getWait whose answer was for another asks again, for what is left of its time", async () => {
  const script = new Scripted();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  const [first, second] = [mq.getWait("t"), mq.getWait("t")];
  const [early, late] = await asked(script, 2);
  await script.give(late!, one);
  assertEquals(await soon(first), "one");
  const [cancel] = await asked(script, 1);
  await script.give(early!);
  const [again] = await asked(script, 1);
  assertEquals([cancel!.action, again!.action], ["cancel", "get_wait"]);
  await script.give(again!, two);
  assertEquals(await soon(second), "two");
});

Deno.test("a get whose answer a getLatest has passed over gets nothing", async () => {
  const script = new Scripted();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  const [latest, get] = [mq.getLatest("t"), mq.get("t")];
  const [first, second] = await asked(script, 2);
  await script.give(second!, one);
  await script.give(first!, two);
  assertEquals([await soon(latest), await soon(get)], ["two", ""]);
});

Deno.test("a get whose gap was for a subscription before it gets nothing once there is nothing more", async () => {
  const script = new Scripted();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  const called = new AbortController();
  const wait = mq.getWait("t", { signal: called.signal }).catch(() => {});
  called.abort();
  await wait;
  const read = mq.getWait("t", { signal: AbortSignal.timeout(1) }).catch(() => {});
  const [early] = await asked(script, 1);
  await read;
  const stream = mq.subscribe("t", { onGap: () => "oldest" });
  const get = mq.get("t");
  const [, , late] = await asked(script, 3);
  await script.say({ id: late!.id, error: GAP, through: 1 });
  await script.give(early!);
  assertEquals(await soon(get), "");
  await stream.return!();
});

Deno.test("after a break a get whose answer was for a getWait before it asks no more and gets nothing", async () => {
  const script = new Scripted();
  await using mq = await connect({ dial: script.dial, reconnect: { firstPause: 0 } });
  const [wait, get] = [mq.getWait("t"), mq.get("t")];
  const [, second] = await asked(script, 2);
  await script.give(second!, one);
  assertEquals(await soon(wait), "one");
  script.hangUp();
  assertEquals(await soon(get), "");
});

for (let seed = 1; seed <= 40; seed++) {
  Deno.test(`whatever is answered in whatever order, each read ends with the last answer: seed ${seed}`, async () => {
    await play(seed);
  });
}

/** Reads of all kinds; each request is answered once, with a message, a gap or nothing. */
async function play(seed: number): Promise<void> {
  const random = seeded(seed);
  const script = new Scripted();
  await using mq = await connect({ dial: script.dial, reconnect: { firstPause: 0 } });
  let open = 0;
  const read = (promise: Promise<unknown>) => {
    open++;
    void promise.catch(() => {}).finally(() => open--);
  };
  let seq = 0;
  let unanswered: Asked[] = [];
  const answer = async () => {
    for (const asked of script.unread.splice(0)) if (asked.id !== undefined) unanswered.push(asked);
    const [asked] = unanswered.splice(random(unanswered.length), 1);
    if (!asked) return await soon(new Promise((resolve) => setTimeout(resolve, 0)));
    if (asked.action === "subscribe") return await script.say({ id: asked.id, start: seq });
    const chance = random(4);
    if (chance === 0) await script.say({ id: asked.id, error: GAP, through: ++seq });
    else await script.give(asked, chance === 1 ? undefined : { seq: ++seq, body: "m" });
  };
  for (let i = 0; i < 60; i++) {
    begin(mq, random, read);
    await Promise.resolve();
    if (random(3) > 0) await answer();
    if (random(30) === 0) {
      unanswered = [];
      script.unread.length = 0;
      script.hangUp();
    }
  }
  for (let rounds = 0; rounds < 500 && (open > 0 || mq.pending > 0); rounds++) await answer();
  assertEquals([mq.state, open, mq.pending], ["connected", 0, 0]);
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
