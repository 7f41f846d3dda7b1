/**
 * Validators, and other functions of the caller, that wait for calls of their own connection: none waits forever.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, isDsmqError } from "@dsmq/server";
import { until } from "../support/bridge.ts";
import { inVirtualTime, pass, secondsOf } from "../support/in_virtual_time.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import {
  connected,
  connectedInVirtualTime,
  functionSchema,
  StoringServer,
} from "../support/typed_topics.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";

const codeOf = (call: Promise<unknown>) =>
  call.then(() => "done", (error) => isDsmqError(error) ? error.code : error);

/** A validator that does something after its first await, if the value is `"outer"`. */
const after = (work: () => Promise<unknown>) =>
  functionSchema<string>(async (value) => {
    await pass(1);
    if (value === "outer") await work();
    return { value: value as string };
  });

const REASON = "a validator must not wait for puts of its own topic";

/** How a validator of the topic `t` puts into it, and what it puts. */
const INNER_PUTS: Readonly<Record<string, (mq: Connection) => Promise<unknown>>> = {
  "a put": (mq) => mq.topic("t").put(1),
  "a put that is validated, too": (mq) => mq.topic("t", after(() => pass(1))).put("inner"),
  "a putMany": (mq) => mq.topic("t").putMany([1, 2]),
};

for (const [name, inner] of Object.entries(INNER_PUTS)) {
  for (const outer of ["put", "putMany"] as const) {
    Deno.test(`${name} that the validator of a ${outer} of its topic waits for is stored after ten seconds, and the ${outer} is refused and told why`, async () => {
      await connectedInVirtualTime(async (mq, server) => {
        let innerSeq: unknown;
        const topic = mq.topic("t", after(async () => innerSeq = await inner(mq)));
        const put = outer === "put" ? topic.put("outer") : topic.putMany(["fits", "outer"]);
        const behind = topic.put("behind");
        let error: unknown;
        assertEquals(await secondsOf(put.catch((thrown) => error = thrown)), 10);
        assert(isDsmqError(error, "invalid_value"));
        assert(error.message.includes(REASON), error.message);
        assertEquals(error.index, outer === "put" ? undefined : 1);
        await behind;
        await until(() => innerSeq !== undefined);
        assert(!server.stored.includes('t="outer"') && !server.stored.includes('t="fits"'));
      });
    });
  }
}

Deno.test("validators of two topics that wait for puts of each other's topic end after ten seconds", async () => {
  await connectedInVirtualTime(async (mq, server) => {
    const inA = after(() => mq.topic("b").put("from a"));
    const inB = after(() => mq.topic("a").put("from b"));
    const puts = [mq.topic("a", inA).put("outer"), mq.topic("b", inB).put("outer")].map(codeOf);
    const outcomes = Promise.all(puts);
    assertEquals(await secondsOf(outcomes), 10);
    assertEquals(await outcomes, ["invalid_value", "invalid_value"]);
    await until(() => mq.pending.messages === 0);
    assertEquals(server.stored.toSorted(), ['a="from b"', 'b="from a"']);
  });
});

Deno.test("a validator that puts before it first waits is no circle: what it puts comes first", async () => {
  await connectedInVirtualTime(async (mq, server) => {
    const schema = functionSchema<string>(async (value) => {
      await mq.topic("t").put("inner");
      return { value: value as string };
    });
    const put = mq.topic("t", schema).put("outer");
    assertEquals(await secondsOf(put), 0);
    assertEquals(server.stored, ['t="inner"', 't="outer"']);
  });
});

Deno.test("a validator that puts a text, or into another topic, is no circle", async () => {
  await connectedInVirtualTime(async (mq, server) => {
    const topic = mq.topic(
      "t",
      after(async () => {
        await mq.put("t", "text");
        await mq.topic("log").put("value");
      }),
    );
    assertEquals(await secondsOf(topic.put("outer")), 0);
    assertEquals(server.stored, ["t=text", 'log="value"', 't="outer"']);
  });
});

Deno.test("a validator that puts what it validates, without end, ends at maxPendingBytes, and all is told", async () => {
  await inVirtualTime(async () => {
    const server = new StoringServer();
    await using mq = await connect(server.url, { dial: server.dial, maxPendingBytes: 2000 });
    let called = 0;
    const schema = functionSchema<string>(async (value) => {
      called++;
      await pass(1);
      await mq.topic("t", schema).put(value as string);
      return { value: value as string };
    });
    const outcome = codeOf(mq.topic("t", schema).put("again"));
    assertEquals(await secondsOf(outcome), 0);
    assertEquals(await outcome, "invalid_value");
    assert(called > 10 && called < 20, `${called}`);
    await until(() => mq.pending.messages === 0);
    await mq.topic("t").put("later");
    assertEquals(server.stored.at(-1), 't="later"');
  });
});

Deno.test("a slow validator has all the time that it needs while no other put waits for it", async () => {
  await connectedInVirtualTime(async (mq, server) => {
    const slow = mq.topic("t", after(() => pass(60_000)));
    assertEquals(await secondsOf(Promise.all([slow.put("outer"), mq.topic("u").put(1)])), 60);
    assertEquals(server.stored, ["u=1", 't="outer"']);
  });
});

Deno.test("a put waits ten seconds in all for those before it; whoever is valid by then keeps the order", async () => {
  await connectedInVirtualTime(async (mq, server) => {
    const never = after(() => new Promise<never>(() => {}));
    const takes = (ms: number) => after(() => pass(ms));
    const puts: Promise<string>[] = [];
    const put = (schema: ReturnType<typeof after>) =>
      puts.push(codeOf(mq.topic("t", schema).put("outer")));
    put(never);
    await pass(4000);
    put(takes(5000));
    await pass(1000);
    put(never);
    put(takes(14_000));
    put(takes(0));
    assertEquals(await secondsOf(Promise.all(puts)), 10);
    const refused = "invalid_value";
    assertEquals(await Promise.all(puts), [refused, "done", refused, refused, "done"]);
    assertEquals(server.stored.length, 2);
  });
});

Deno.test("a validator that waits for close waits five seconds for the put that it holds up, which is not sent", async () => {
  await connectedInVirtualTime(async (mq, server) => {
    const outcome = codeOf(mq.topic("t", after(() => mq.close())).put("outer"));
    assertEquals(await secondsOf(outcome), 5);
    assertEquals([await outcome, mq.status, server.stored.length], ["closed", "closed", 0]);
  });
});

Deno.test("a token function, onRetry and onGap that wait for close hold up nothing", async () => {
  await inVirtualTime(async () => {
    for (const what of ["token", "onRetry"]) {
      const server = new ScriptedServer();
      let closing: Promise<void> | undefined;
      const close = () => closing ??= mq?.close();
      let mq: Connection | undefined = undefined as Connection | undefined;
      mq = await connect(server.url, {
        dial: server.dial,
        reconnect: { minDelay: 0, maxDelay: 0 },
        token: async () => {
          if (what === "token") await close();
          return "token";
        },
        onRetry: async () => what === "onRetry" && await close(),
      });
      const put = codeOf(mq.put("t", "1"));
      await server.next();
      server.unreachable = true;
      server.hangUp();
      // An unanswered put is what close waits for, five seconds at most.
      assertEquals(await secondsOf(mq.closed), 5, what);
      assert(closing !== undefined, what);
      await closing;
      assertEquals(await put, "unknown_outcome");
    }
    const server = new ScriptedServer();
    const mq = await connect(server.url, { dial: server.dial });
    let closing: Promise<void> | undefined;
    const onGap = () => void (closing = mq.close());
    const stream = mq.subscribe("t", { since: 0, onGap });
    const next = stream.next();
    const { id } = await server.next();
    const error = { code: "trimmed", message: "gone", after: 0, floor: 5, last: 9 };
    await server.send({ id, error, through: 5 });
    assertEquals(await secondsOf(mq.closed), 0);
    await closing;
    assertEquals(await next, { done: true, value: undefined });
  });
});

Deno.test("validators of readers and onInvalid may wait for close, for reads and for other subscriptions", async () => {
  for (const what of ["validator", "onInvalid"] as const) {
    await using context = await connected();
    const { mq } = context;
    await mq.topic("t").putMany(["outer", "second", "third"]);
    const seen: unknown[] = [];
    const work = async () => {
      seen.push((await mq.topic("t", functionSchema((value) => ({ value }))).read())?.value);
      for await (const { value } of mq.topic("t").subscribe({ since: "start" })) {
        seen.push(value);
        if (value === "third") break;
      }
      await mq.topic("t").put("of a reader");
    };
    const schema = functionSchema<string>(async (value) => {
      if (what === "validator" && value === "outer") await work();
      return what === "onInvalid" && value === "outer"
        ? { issues: [{ message: "no" }] }
        : { value: value as string };
    });
    const stream = mq.topic("t", schema).subscribe({ since: "start", onInvalid: work });
    const next = await withTimeout(stream.next());
    assertEquals(next.value?.value, what === "validator" ? "outer" : "second");
    assertEquals(seen, ["outer", "outer", "second", "third"]);
    await stream.return!();
    // A read whose validator closes the connection.
    const closing = after(() => mq.close());
    const outcome = what === "validator"
      ? codeOf(mq.topic("u", closing).read({ wait: 10_000 }))
      : codeOf(
        mq.topic("u", functionSchema(() => ({ issues: [{ message: "no" }] })))
          .subscribe({ onInvalid: () => mq.close() }).next(),
      );
    await mq.topic("u").put("outer");
    assertEquals(await withTimeout(outcome), what === "validator" ? "closed" : "done");
    assertEquals(await withTimeout(mq.closed.then(({ error }) => error)), undefined);
  }
});

Deno.test("what a validator does after it was given up harms nobody", async () => {
  await connectedInVirtualTime(async (mq, server) => {
    for (const end of ["accepts", "refuses", "throws"]) {
      const topic = mq.topic(
        "t",
        functionSchema<string>(async (value) => {
          if (value === "outer") await pass(20_000);
          if (value === "outer" && end === "throws") throw as("thrown late");
          return value === "outer" && end === "refuses"
            ? { issues: [{ message: "no" }] }
            : { value: value as string };
        }),
      );
      const outcomes = [codeOf(topic.put("outer")), codeOf(topic.put("next"))];
      assertEquals(await Promise.all(outcomes), ["invalid_value", "done"]);
      await pass(20_000);
    }
    assertEquals(server.stored, Array(3).fill('t="next"'));
  });
});
