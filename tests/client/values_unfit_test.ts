/**
 * Puts of values that will send nothing: they are told as soon as that is known, and are in nobody's way.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, isDsmqError, type TypedTopic } from "@dsmq/server";
import { turns } from "../support/bridge.ts";
import { pass, secondsOf } from "../support/in_virtual_time.ts";
import { openServer } from "../support/open_server.ts";
import { connected, connectedInVirtualTime, functionSchema } from "../support/typed_topics.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { type Random, seeded } from "../../testing/seeded.ts";

/** `"5 fits"` is found to fit after five seconds, `"unfit"` not to fit at once. */
const timed = functionSchema<string>((value) => {
  const text = value as string;
  const result = text.includes("unfit") ? { issues: [{ message: "no" }] } : { value: text };
  const seconds = Number(/^\d+/.exec(text)?.[0] ?? 0);
  return seconds === 0 ? result : pass(seconds * 1000).then(() => result);
});

/** What became of a call: `"done"`, or the code of its error, and the index of the value. */
const outcomeOf = (call: Promise<unknown>) =>
  call.then(() => "done", (error) => {
    if (!isDsmqError(error)) return error;
    const { index } = error as { readonly index?: number };
    return index === undefined ? error.code : `${error.code} at ${index}`;
  });

type Call = (topic: TypedTopic<string>) => Promise<unknown>;

const TOO_LARGE = "x".repeat(2_000_000);

/** Calls that send nothing, what becomes of them, and after how many seconds. */
const CALLS: Readonly<Record<string, readonly [call: Call, outcome: string, seconds: number]>> = {
  "a put that does not fit": [(t) => t.put("unfit"), "invalid_value", 0],
  "a put that is no JSON": [(t) => t.put(as(undefined)), "invalid_value", 0],
  "a put that is found not to fit later": [(t) => t.put("3 unfit"), "invalid_value", 3],
  "a put that is too large": [(t) => t.put(TOO_LARGE), "too_large", 0],
  "a put that is too large, and slow": [(t) => t.put("30 " + TOO_LARGE), "too_large", 0],
  "a put that is too large with its attributes": [
    (t) => t.put("30 " + "x".repeat(1_000_000 - 50), { key: "x".repeat(100) }),
    "too_large",
    0,
  ],
  "a putMany of nothing": [(t) => t.putMany([]), "done", 0],
  "a putMany that does not fit": [(t) => t.putMany(["fits", "unfit"]), "invalid_value at 1", 0],
  "a putMany that is no JSON": [
    (t) => t.putMany(["fits", as(1n), "30 slow"]),
    "invalid_value at 1",
    0,
  ],
  "a putMany of two that do not fit": [
    (t) => t.putMany(["unfit", "unfit"]),
    "invalid_value at 0",
    0,
  ],
  "a putMany of one that does not fit behind slow ones": [
    (t) => t.putMany(["20 slow", "30 slow", "unfit", "40 unfit"]),
    "invalid_value at 2",
    30,
  ],
  "a putMany of one that does not fit behind one that is found not to fit later": [
    (t) => t.putMany(["5 slow", "15 unfit", "unfit"]),
    "invalid_value at 1",
    15,
  ],
  "a putMany that is found not to fit later": [
    (t) => t.putMany(["20 slow", "fits", "2 unfit", "90 slow"]),
    "invalid_value at 2",
    20,
  ],
  "a putMany of one that does not fit, and one that is too large": [
    (t) => t.putMany(["unfit", TOO_LARGE]),
    "invalid_value at 0",
    0,
  ],
  "a putMany that is too large": [(t) => t.putMany(["30 slow", TOO_LARGE]), "too_large at 1", 0],
};

for (const [name, [call, outcome, seconds]] of Object.entries(CALLS)) {
  Deno.test(`${name} waits for no other call, and none waits for it`, async () => {
    await connectedInVirtualTime(async (mq, server) => {
      const topic = mq.topic("t", timed);
      const slow = outcomeOf(topic.put("50 before"));
      const unfit = outcomeOf(call(topic));
      assertEquals(mq.pending.messages > 1, seconds > 0, "what is refused at once never counts");
      assertEquals([await secondsOf(unfit), await unfit], [seconds, outcome]);
      // Nobody but it waited: the slow one has all the time that it needs.
      assertEquals([await secondsOf(slow), await slow], [50 - seconds, "done"]);
      assertEquals(server.stored, ['t="50 before"']);
    });
  });

  Deno.test(`${name} lets those behind it wait for those before it, as long as without it`, async () => {
    await connectedInVirtualTime(async (mq, server) => {
      const topic = mq.topic("t", timed);
      const before = [topic.put("6 before"), topic.put("60 never")].map(outcomeOf);
      const unfit = outcomeOf(call(topic));
      await pass(1000);
      const behind = [topic.put("behind"), topic.putMany(["9 a", "b"])].map(outcomeOf);
      // Text waits for nobody.
      await mq.put("t", "text");
      assertEquals(await secondsOf(Promise.all(behind)), 10);
      assertEquals(await Promise.all(before), ["done", "invalid_value"]);
      assertEquals(await Promise.all(behind), ["done", "done"]);
      assertEquals(server.stored, ["t=text", 't="6 before"', 't="behind"', 't="9 a"', 't="b"']);
      assertEquals(await unfit, outcome);
      assertEquals(await secondsOf(topic.put("after")), 0, "nothing is left of the order");
    });
  });
}

Deno.test("a validator that waits for a put of its own topic that does not fit is no circle", async () => {
  await connectedInVirtualTime(async (mq, server) => {
    const topic = mq.topic(
      "t",
      functionSchema<string>(async (value) => {
        await pass(1);
        await outcomeOf(mq.topic("t", timed).putMany(["2 slow", "unfit"]));
        return { value: value as string };
      }),
    );
    assertEquals(await secondsOf(topic.put("outer")), 2);
    assertEquals(server.stored, ['t="outer"']);
  });
});

Deno.test("a putMany that will send nothing counts as unanswered while it is validated, and ends with the connection", async () => {
  const server = await openServer();
  const mq = await connect(server.url, { reconnect: false });
  const never = functionSchema<string>((value) =>
    value === "unfit" ? { issues: [{ message: "no" }] } : new Promise<never>(() => {})
  );
  const call = outcomeOf(mq.topic("t", never).putMany(["never", "unfit"]));
  assertEquals(mq.pending.messages, 2);
  assertEquals(await withTimeout(mq.topic("t").put(1)), 1);
  await server.shutdown();
  assertEquals(await withTimeout(call), "closed");
  assertEquals(mq.pending, { messages: 0, bytes: 0 });
});

Deno.test("a putMany that nobody awaits yet is no unhandled rejection while its first values are validated", async () => {
  await using context = await connected();
  const held = Promise.withResolvers<void>();
  const schema = functionSchema<string>(async (value) => {
    if (value === "slow") await held.promise;
    return value === "unfit" ? { issues: [{ message: "no" }] } : { value: value as string };
  });
  const call = context.mq.topic("t", schema).putMany(["slow", "unfit", "unfit"]);
  await turns();
  held.resolve();
  assertEquals(await outcomeOf(call), "invalid_value at 1");
});

/** A call of a random course: when (ms), and what it puts. */
interface Planned {
  readonly at: number;
  readonly values: readonly string[];
}

const isUnfit = (value: string) => value.includes("unfit");
const timeOf = (value: string) => 1000 * parseInt(value);

/** 40 calls within 8 seconds, whose validators take up to 2: nobody waits for 10. */
function plan(random: Random): Planned[] {
  const calls: Planned[] = [];
  for (let i = 0, at = 0; i < 40; i++, at += random(3) * 100) {
    const values = Array.from({ length: 1 + random(4) }, (_, j) => {
      const seconds = random(3);
      return `${seconds} ${random(5) === 0 ? "unfit" : "fits"} ${i}.${j}`;
    });
    calls.push({ at, values });
  }
  return calls;
}

for (let seed = 1; seed <= 20; seed++) {
  Deno.test(`calls are stored in their order as soon as they may be, and refused as soon as that is known: seed ${seed}`, async () => {
    await connectedInVirtualTime(async (mq, server) => {
      const calls = plan(seeded(seed));
      const expectedStored: string[] = [];
      const expected: string[] = [];
      let turn = 0;
      for (const { at, values } of calls) {
        const unfit = values.findIndex(isUnfit);
        const needed = unfit === -1 ? values : values.slice(0, unfit + 1);
        const known = at + Math.max(...needed.map(timeOf));
        if (unfit === -1) {
          turn = Math.max(turn, known);
          expectedStored.push(...values.map((value) => `t="${value}"`));
          expected.push(`done at ${turn}`);
        } else {
          // Until one of its values is known not to fit it may be sent.
          turn = Math.max(turn, at + Math.min(...values.filter(isUnfit).map(timeOf)));
          const index = values.length === 1 ? "" : ` at ${unfit}`;
          expected.push(`invalid_value${index} at ${known}`);
        }
      }
      const began = performance.now();
      const outcomes: Promise<string>[] = [];
      for (const { at, values } of calls) {
        const wait = began + at - performance.now();
        if (wait > 0) await pass(wait);
        outcomes.push(callTimed(mq, values, began));
      }
      assertEquals(await Promise.all(outcomes), expected);
      assertEquals(server.stored, expectedStored);
      assert(expected.some((one) => one.startsWith("invalid_value")));
    });
  });
}

/** Puts values, and says what became of that, and when (to 100 ms). */
async function callTimed(mq: Connection, values: readonly string[], began: number) {
  const topic = mq.topic("t", timed);
  const [first] = values;
  const outcome = await outcomeOf(values.length === 1 ? topic.put(first!) : topic.putMany(values));
  return `${outcome} at ${Math.round((performance.now() - began) / 100) * 100}`;
}
