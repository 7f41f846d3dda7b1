/**
 * Topics of values over breaks of the connection, on both transports.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { until } from "../support/bridge.ts";
import { CuttableProxy } from "../support/cuttable_proxy.ts";
import { openServer } from "../support/open_server.ts";
import { functionSchema } from "../support/typed_topics.ts";
import { withTimeout } from "../support/with_timeout.ts";

const reconnect = { minDelay: 0, maxDelay: 5 };
const COUNT = 300;

/** Validators take their time, and not the same. */
const uneven = functionSchema<number>(async (value) => {
  const turns = (value as number * 7) % 5;
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve));
  return { value: value as number };
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`values are stored once, in the order of the calls, and arrive so, whatever breaks while they are validated (${transport})`, async () => {
    await using server = await openServer({ transport });
    await using proxy = new CuttableProxy(server.port);
    await using putter = await connect(proxy.url, { reconnect });
    await using reader = await connect(proxy.url, { reconnect, since: "start" });
    const breaks = { putter: 0, reader: 0 };
    for (const [name, mq] of Object.entries({ putter, reader })) {
      void (async () => {
        for await (const { status } of mq.statusChanges()) {
          if (status === "reconnecting") breaks[name as keyof typeof breaks]++;
        }
      })();
    }
    const topic = putter.topic("t", uneven);
    const puts: Promise<unknown>[] = [];
    const seen: number[] = [];
    const seqs: number[] = [];
    const reading = (async () => {
      for await (const { value, seq } of reader.topic("t", uneven).subscribe()) {
        seqs.push(seq);
        if (seen.push(value) % 80 === 0) proxy.cut();
        if (seen.length === COUNT) break;
      }
    })();
    for (let i = 0; i < COUNT; i += 3) {
      puts.push(topic.put(i), topic.putMany([i + 1, i + 2]));
      if (i % 60 === 0) {
        proxy.cut();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    await withTimeout(Promise.all([...puts, reading]), 20_000);
    assertEquals(seen, Array.from({ length: COUNT }, (_, i) => i));
    assertEquals(seqs, Array.from({ length: COUNT }, (_, i) => i + 1));
    assertEquals(putter.pending, { messages: 0, bytes: 0 });
    assertEquals([breaks.putter > 0, breaks.reader > 0], [true, true]);
    // Reads of single values, too.
    await using other = await connect(proxy.url, { reconnect, since: "start" });
    const read = other.topic("t", uneven);
    for (let i = 0; i < 20; i++) {
      const reads = [read.read(), read.read({ wait: 10_000 })];
      if (i % 5 === 0) proxy.cut();
      const values = await withTimeout(Promise.all(reads));
      assertEquals(values.map((message) => message?.value), [2 * i, 2 * i + 1]);
    }
  });

  Deno.test(`a break while a value is being validated changes nothing for its reader (${transport})`, async () => {
    await using server = await openServer({ transport });
    await using proxy = new CuttableProxy(server.port);
    await using mq = await connect(proxy.url, { reconnect, since: "start" });
    const held = Promise.withResolvers<void>();
    const called: unknown[] = [];
    const schema = functionSchema<number>(async (value) => {
      called.push(value);
      await held.promise;
      return { value: value as number };
    });
    await mq.putMany("t", ["1", "2"]);
    const read = mq.topic("t", schema).read();
    await using stream = mq.topic("t", schema).subscribe({ since: "start" });
    const next = stream.next();
    const put = mq.topic("u", schema).put(7);
    await until(() => called.length === 3);
    proxy.cut();
    await until(() => mq.status === "reconnecting");
    await until(() => mq.status === "connected");
    held.resolve();
    assertEquals((await withTimeout(read))?.value, 1);
    assertEquals((await withTimeout(next)).value?.value, 1);
    assertEquals(await withTimeout(put), 3);
    assertEquals((await mq.topic("t").read())?.value, 2);
    assertEquals((await withTimeout(stream.next())).value?.value, 2);
  });

  Deno.test(`the limits of the server hold for values that were validated before they were known to be too large (${transport})`, async () => {
    await using server = await openServer({ transport, limits: { messageBytes: 100 } });
    await using mq = await connect(server.url);
    const schema = functionSchema<string>((value) => Promise.resolve({ value: value as string }));
    const topic = mq.topic("t", schema);
    const large = "x".repeat(200);
    for (const call of [() => topic.put(large), () => topic.putMany(["a", large])]) {
      const error = await assertRejects(() => withTimeout<unknown>(call()), DsmqError);
      assertEquals([error.code, error.limit], ["too_large", 100]);
    }
    assertEquals([await topic.put("small"), mq.pending], [1, { messages: 0, bytes: 0 }]);
  });
}
