/**
 * Validators and `onInvalid` that wait for the next message of their own loop: none waits forever.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, isDsmqError, type ValueStream } from "@dsmq/server";
import { inVirtualTime, pass, secondsOf } from "../support/in_virtual_time.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { functionSchema } from "../support/typed_topics.ts";

/** A loop over three values; while the first is validated, or handled, `first` is waited for. */
async function loopOfThree(
  what: "validator" | "onInvalid",
  first: (stream: ValueStream<number>) => Promise<unknown>,
  work: (stream: ValueStream<number>) => Promise<void>,
): Promise<void> {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    await using mq = await connect(server.url, { dial: server.dial });
    const schema = functionSchema<number>(async (value) => {
      await pass(1);
      if (value === 1 && what === "validator") await first(stream);
      return value === 1 && what === "onInvalid"
        ? { issues: [{ message: "no" }] }
        : { value: value as number };
    });
    const onInvalid = () => first(stream);
    const stream: ValueStream<number> = mq.topic("t", schema).subscribe({
      since: 0,
      ...(what === "onInvalid" && { onInvalid }),
    });
    const { id: sub } = await server.next();
    await server.send({ id: sub, start: 0 });
    const [seqs, times, bodies] = [[1, 2, 3], [1, 1, 1], ["1", "2", "3"]];
    await server.send({ sub, prev: 0, seqs, times, bodies, bytes: 9 });
    await work(stream);
  });
}

for (const what of ["validator", "onInvalid"] as const) {
  Deno.test(`a ${what} that waits for the next message of its own loop has ten seconds, and its call says so; the loop goes on`, async () => {
    let inner: Promise<IteratorResult<{ value: number }, undefined>> | undefined;
    await loopOfThree(what, (stream) => inner = stream.next(), async (stream) => {
      let error: unknown;
      assertEquals(await secondsOf(stream.next().catch((thrown) => error = thrown)), 10);
      assert(
        error instanceof Error && error.message.includes("messages of its own loop"),
        `${error}`,
      );
      assertEquals(isDsmqError(error, "invalid_value"), what === "validator");
      assertEquals([(await inner!).value?.value, (await stream.next()).value?.value], [2, 3]);
    });
  });

  Deno.test(`a ${what} of a loop has all the time that it needs while no other call waits for it, and ten seconds from then on`, async () => {
    await loopOfThree(what, () => pass(60_000), async (stream) => {
      const first = stream.next();
      assertEquals(await secondsOf(first), 60);
      assertEquals((await first).value?.value, what === "validator" ? 1 : 2);
    });
    await loopOfThree(what, () => pass(60_000), async (stream) => {
      const first = stream.next().catch((error) => error.message);
      await pass(30_000);
      const second = stream.next();
      assertEquals(await secondsOf(first), 10);
      assert((await first).includes("took longer than 10 s"), await first);
      assertEquals((await second).value?.value, 2);
    });
    // Each has the time anew.
    await loopOfThree(what, () => pass(8000), async (stream) => {
      const calls = [stream.next(), stream.next()];
      assertEquals(await secondsOf(Promise.all(calls)), 8);
    });
  });
}

Deno.test("a validator that gets the next message of its own loop at once, and never ends, is given up by later calls, and by leaving", async () => {
  for (const end of ["a later call", "leaving"]) {
    await inVirtualTime(async () => {
      const server = new ScriptedServer();
      await using mq = await connect(server.url, { dial: server.dial });
      let inner: Promise<IteratorResult<{ value: number }, undefined>> | undefined;
      const schema = functionSchema<number>((value) => {
        if (value !== 1) return pass(1).then(() => ({ value: value as number }));
        inner = stream.next();
        return new Promise<never>(() => {});
      });
      const stream: ValueStream<number> = mq.topic("t", schema).subscribe({ since: 0 });
      const { id: sub } = await server.next();
      await server.send({ id: sub, start: 0 });
      const [seqs, times, bodies] = [[1, 2, 3], [1, 1, 1], ["1", "2", "3"]];
      await server.send({ sub, prev: 0, seqs, times, bodies, bytes: 9 });
      const outer = stream.next().then(({ done }) => done, (error) => error.code);
      assertEquals((await inner)?.value?.value, 2);
      if (end === "leaving") {
        await stream.return!();
        assertEquals([await secondsOf(outer), await outer], [0, true]);
      } else {
        const later = stream.next();
        assertEquals([await secondsOf(outer), await outer], [10, "invalid_value"]);
        assertEquals((await later).value?.value, 3);
      }
    });
  }
});

Deno.test("calls that wait for a validator after the connection has ended leave no timer that would keep the program alive", async () => {
  const server = new ScriptedServer();
  const mq = await connect(server.url, { dial: server.dial, reconnect: false });
  const schema = functionSchema<number>(() => new Promise<never>(() => {}));
  const stream = mq.topic("t", schema).subscribe({ since: 0 });
  const { id: sub } = await server.next();
  await server.send({ id: sub, start: 0 });
  await server.send({ sub, prev: 0, seqs: [1, 2], times: [1, 1], bodies: ["1", "2"], bytes: 6 });
  server.hangUp();
  await mq.closed;
  const { setTimeout, clearTimeout } = globalThis;
  const timers = new Set<unknown>();
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, ms?: number) => {
      const timer = setTimeout(callback, ms);
      timers.add(timer);
      return timer;
    },
    clearTimeout: (timer?: Parameters<typeof clearTimeout>[0]) => {
      timers.delete(timer);
      clearTimeout(timer);
    },
  });
  try {
    const calls = await Promise.allSettled([stream.next(), stream.next()]);
    assertEquals(calls.map(({ status }) => status), ["rejected", "fulfilled"]);
    assertEquals(timers.size, 0);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
});
