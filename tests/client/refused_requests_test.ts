/**
 * What a proxy, or a defect of the server, refuses for good fails alone: it is told, and everything else goes on.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError } from "@dsmq/server";
import {
  type Bridge,
  inMemory,
  reconnect,
  settled,
  store,
  testServer,
  until,
} from "../support/bridge.ts";
import { closeAll, connectedPair, nextBody } from "../support/connected_pair.ts";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** What somebody on the way refuses. */
const LIMIT = 1000;
const BIG = "b".repeat(LIMIT);

/** A client behind somebody who closes with a code what is larger than he likes. */
async function setup(
  test: (at: {
    readonly mq: Connection;
    readonly bridge: Bridge;
    /** Puts messages past all clients. */
    stored(topic: string, ...messages: string[]): Promise<void>;
  }) => Promise<void>,
  { code = 1009, only, limit = LIMIT }: {
    code?: number;
    only?: "up" | "down";
    limit?: number;
  } = {},
) {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  bridge.refuses = (frame, direction) =>
    (only ?? direction) === direction && frame.length > limit ? code : undefined;
  await test({ mq, bridge, stored: (topic, ...messages) => store(host, topic, ...messages) });
  await closeAll(mq, host);
}

for (const code of [1000, 1002, 1003, 1005, 1007, 1009, 1010, 1011, 3000, 4000]) {
  Deno.test(`a put whose frame is closed with ${code} each time is rejected with that, and the others go on`, () =>
    setup(async ({ mq, bridge }) => {
      const puts = ["1", BIG, "2"].map((message, i) => settled<unknown>(mq.put(`t${i}`, message)));
      assertEquals(await Promise.all(puts), [1, "error unknown_outcome", 2]);
      assertEquals(await settled(mq.put("t", "3")), 3);
      assertEquals(bridge.dials, 3);
      const error = await assertRejects(() => mq.put("t", BIG), DsmqError);
      // What every end is like has no number.
      const end = code === 1000 || code === 1005 ? "it was closed" : `${code}`;
      assert(error.message.includes(end) && error.topic === "t", error.message);
    }, { code }));
}

for (const code of [1001, 1006, 1012, 1013, 1014, 4408]) {
  Deno.test(`after ${code}, an ordinary break, a put is put again, however often`, () =>
    setup(async ({ mq, bridge }) => {
      const put = settled(mq.put("t", BIG));
      await until(() => bridge.dials > 6);
      bridge.refuses = () => undefined;
      assertEquals(await put, 1);
    }, { code }));
}

Deno.test("of messages that were put together only the one that is refused is rejected, and the others keep their order", () =>
  setup(async ({ mq }) => {
    const messages = Array.from({ length: 200 }, (_, i) => i === 70 ? BIG : `${i}`);
    const puts = messages.map((message) => settled<unknown>(mq.put("t", message)));
    const outcomes = await Promise.all(puts);
    assertEquals(
      outcomes,
      messages.map((_, i) => i < 70 ? i + 1 : i > 70 ? i : "error unknown_outcome"),
    );
  }));

Deno.test("of a list only what is refused is rejected, by its place, and what is put behind it stays behind it", () =>
  setup(async ({ mq }) => {
    const messages = Array.from({ length: 500 }, (_, i) => i % 200 === 70 ? BIG : `${i}`);
    const [list, after] = [mq.putMany("t", messages), mq.put("t", "after")];
    const error = await assertRejects(() => withTimeout(list, 10_000), DsmqError);
    assertEquals(error.code, "unknown_outcome");
    let seq = 0;
    assertEquals(
      error.outcomes!.map((outcome) => typeof outcome === "number" ? outcome : outcome.code),
      messages.map((message) => message === BIG ? "unknown_outcome" : ++seq),
    );
    assertEquals(await after, seq + 1);
  }, { only: "up" }));

Deno.test("every kind of request that is refused fails alone", () =>
  setup(async ({ mq, bridge }) => {
    bridge.refuses = (frame) => frame.includes("bad") ? 1011 : undefined;
    const calls = [
      mq.get("good"),
      mq.get("bad"),
      mq.getLatest("bad latest"),
      mq.getWait("bad wait", { timeout: 60_000 }),
      mq.subscribe("bad stream").next(),
      mq.topics("bad prefix"),
      mq.put("bad topic", "m"),
      mq.put("good", "m"),
      mq.getWait("good"),
    ].map((work) => settled<unknown>(work, 20_000));
    const refused = "error refused";
    assertEquals(await Promise.all(calls), [
      "",
      ...Array(5).fill(refused),
      "error unknown_outcome",
      1,
      "m",
    ]);
  }));

Deno.test("a message that does not come down is told once to the read that would have got it, and reading goes on behind it", () =>
  setup(async ({ mq, bridge, stored }) => {
    await stored("t", "1", BIG, "2", "3");
    const gets = Array.from({ length: 5 }, () => settled(mq.get("t")));
    assertEquals(await Promise.all(gets), ["1", "error refused", "2", "3", ""]);
    await stored("t", BIG, "4");
    assertEquals(await settled(mq.read("t")), "error refused");
    assertEquals(await settled(mq.get("t")), "4");
    const { dials } = bridge;
    assertEquals([await settled(mq.put("u", "m")), bridge.dials], [7, dials]);
  }, { only: "down" }));

for (
  const [what, call] of [
    ["getLatest", (mq: Connection) => mq.getLatest("t")],
    ["getWait", (mq: Connection) => mq.getWait("t", { timeout: 60_000 })],
  ] as const
) {
  Deno.test(`a ${what} whose answer does not come down is told so, beside others that wait`, () =>
    setup(async ({ mq, stored }) => {
      const other = settled(mq.getWait("u", { timeout: 60_000 }), 60_000);
      if (what === "getLatest") await stored("t", BIG);
      const got = settled(call(mq), 20_000);
      await until(() => mq.status === "connected");
      if (what === "getWait") await stored("t", BIG);
      assertEquals(await got, "error refused");
      await stored("u", "m");
      assertEquals(await other, "m");
      assertEquals(await settled(mq.get("t")), "");
    }, { only: "down" }));
}

Deno.test("a stream whose message does not come down ends with that; one that says what to do about gaps goes on behind it", () =>
  setup(async ({ mq, stored }) => {
    const gaps: (number | undefined)[] = [];
    const streams = [
      mq.subscribe("t"),
      mq.subscribe("t", { onGap: "oldest" }),
      mq.subscribe("t", { onGap: (gap) => void gaps.push(gap.last) }),
      mq.subscribe("t", { onGap: (gap) => (gaps.push(gap.last), "oldest") }),
      mq.subscribe("u"),
    ];
    const first = streams.map((stream) => nextBody(stream));
    await settled(mq.get("t"));
    await stored("t", "1", BIG, "2");
    await stored("u", "m");
    assertEquals(await Promise.all(first), ["1", "1", "1", "1", "m"]);
    const [ends, goesOn, chooses, goes] = streams as [
      ...[typeof streams[0], typeof streams[0], typeof streams[0], typeof streams[0]],
      ...typeof streams,
    ];
    assertEquals(await nextBody(ends!), "error refused");
    assertEquals([await nextBody(goesOn!), await nextBody(goes!)], ["2", "2"]);
    assertEquals(await nextBody(chooses!), "error refused");
    await stored("u", "n");
    assertEquals(await nextBody(streams[4]!), "n");
  }, { only: "down" }));

Deno.test("small messages whose frames together are too large all come down, read and streamed", () =>
  setup(async ({ mq, bridge, stored }) => {
    const messages = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(100));
    await stored("t", ...messages);
    const stream = mq.subscribe("t", { since: "start" });
    const streamed: unknown[] = [];
    while (streamed.length < messages.length) streamed.push(await nextBody(stream));
    assertEquals(streamed, messages);
    const other = mq.subscribe("none");
    void nextBody(other);
    const again = await settled(mq.putMany("u", messages), 20_000);
    assertEquals(again.length, messages.length);
    assert(bridge.dials <= 6, `${bridge.dials} connections`);
    const { dials } = bridge;
    // It has learnt: what comes now is small enough.
    await stored("t", ...messages);
    for (const message of messages) assertEquals(await nextBody(stream), message);
    assertEquals(bridge.dials, dials);
  }));

Deno.test("a list of topics that does not come down is asked for in smaller pages", () =>
  setup(async ({ mq, stored }) => {
    for (let i = 0; i < 100; i++) await stored(`topic ${i}`, "m");
    const topics = await withTimeout(mq.topics(), 20_000);
    assertEquals(topics.length, 100);
  }, { only: "down", limit: 2000 }));

Deno.test("a close that hits a connection twice by chance ends nobody's call, as long as it was not alone", async () => {
  const script = new ScriptedServer();
  const mq = await connect({ dial: script.dial, reconnect });
  script.welcome = { ...script.welcome, dedupComplete: true };
  const calls = [mq.put("a", "1"), mq.get("b")].map((work) => settled<unknown>(work));
  await script.next();
  await script.next();
  script.hangUp(1011);
  // The first alone; it is answered, and the second is sent alone, and answered.
  const put = await withTimeout(script.next());
  assertEquals([put.action, script.unread.length], ["put", 0]);
  await script.send({ id: put.id, seq: 1 });
  const get = await withTimeout(script.next());
  await script.reply(get);
  assertEquals(await Promise.all(calls), [1, ""]);
  // Then all leave together again.
  const more = [mq.get("a"), mq.get("b"), mq.get("c")].map((work) => settled(work));
  for (let i = 0; i < 3; i++) await script.reply(await withTimeout(script.next()));
  assertEquals(await Promise.all(more), ["", "", ""]);
  assertEquals(JSON.parse(script.frames.at(-1)!).length, 3);
  await withTimeout(mq.close());
});

Deno.test("many under suspicion go faster with each that does no harm, and nobody is judged who was not alone", async () => {
  const script = new ScriptedServer();
  const mq = await connect({ dial: script.dial, reconnect });
  script.welcome = { ...script.welcome, dedupComplete: true };
  const count = 40;
  const calls = Array.from({ length: count }, (_, i) => settled(mq.get(`t${i}`)));
  const next = async () => {
    const request = await withTimeout(script.next());
    return { request, concurrent: script.unread.length };
  };
  for (let i = 0; i < count; i++) await script.next();
  script.hangUp(1011);
  for (let i = 0; i < 17; i++) {
    const { request, concurrent } = await next();
    assertEquals(concurrent, 0);
    await script.reply(request);
  }
  const { request, concurrent } = await next();
  assertEquals(concurrent, 0);
  await script.reply(request);
  assertEquals((await next()).concurrent, 1);
  // Two are unanswered.
  await script.next();
  script.hangUp(1011);
  let max = 0;
  for (let unsent = count - 18; unsent > 0; unsent--) {
    const { request, concurrent } = await next();
    max = Math.max(max, concurrent);
    await script.reply(request);
  }
  assertEquals(await Promise.all(calls), Array(count).fill(""));
  assert(max > 1, `${max + 1} at once`);
  await withTimeout(mq.close());
});

Deno.test("where everything is closed, each call has its error, and the pauses grow", async () => {
  const script = new ScriptedServer();
  const mq = await connect({
    dial: script.dial,
    reconnect: { minDelay: 1, maxDelay: 20, timeout: 60_000 },
  });
  script.welcome = { ...script.welcome, dedupComplete: true };
  const calls = Array.from({ length: 4 }, (_, i) => settled(mq.put(`t${i}`, "m"), 20_000));
  let open = true;
  const closes = (async () => {
    while (open) {
      await script.next();
      script.hangUp(1011);
    }
  })();
  assertEquals(await Promise.all(calls), Array(4).fill("error unknown_outcome"));
  assertEquals(script.dials, 5, "all together, and each of them alone");
  open = false;
  void closes;
  await until(() => mq.status === "connected");
  await withTimeout(mq.close());
});

Deno.test("a request under suspicion that is called off holds up nobody", () =>
  setup(async ({ mq, bridge }) => {
    bridge.refuses = (frame) => frame.includes("bad") ? 1011 : undefined;
    const abort = new AbortController();
    const wait = settled(mq.getWait("bad", { signal: abort.signal, timeout: 60_000 }));
    const stream = mq.subscribe("bad stream");
    await until(() => mq.status !== "connected");
    abort.abort();
    await stream.return!();
    assert((await wait as string).startsWith("error"));
    assertEquals(await settled(mq.put("good", "m")), 1);
    assertEquals(await settled(mq.get("good")), "m");
  }));

Deno.test("a client whose connections end without a word goes on in small frames: a close code can be lost on the way", () =>
  setup(async ({ mq, bridge }) => {
    const messages = Array.from({ length: 30 }, () => "m".repeat(100));
    const puts = messages.map((message) => settled(mq.put("t", message)));
    assertEquals(await Promise.all(puts), messages.map((_, i) => i + 1));
    assertEquals(bridge.dials, 3);
  }, { code: 1006, only: "up" }));

// Over real sockets.

for (const transport of ["builtin", "hardened"] as const) {
  for (
    const [code, only] of [[1009, "up"], [1009, "down"], [undefined, "up"], [4000, "down"]] as const
  ) {
    Deno.test(`behind a proxy that closes with ${code ?? "no status"} what is too large on the way ${only}, that fails alone (${transport})`, async () => {
      await using server = await openServer({ transport });
      await using near = await connect({ url: server.url });
      await using proxy = closingProxy(server.url, only, code);
      await using mq = await connect({ url: proxy.url, reconnect, since: "start" });
      const big = "x".repeat(100_000);
      if (only === "up") {
        const calls = [mq.put("t", big), mq.put("u", "m")].map((work) => settled(work));
        assertEquals(await Promise.all(calls), ["error unknown_outcome", 1]);
        const list = await assertRejects(
          () => withTimeout(mq.putMany("t", ["1", big, "2"])),
          DsmqError,
        );
        assertEquals(list.outcomes!.map((one) => typeof one), ["number", "object", "number"]);
      } else {
        await near.putMany("t", ["1", big, "2"]);
        const gets = Array.from({ length: 3 }, () => settled(mq.get("t")));
        assertEquals(await Promise.all(gets), ["1", "error refused", "2"]);
        const stream = mq.subscribe("t", { since: "start", onGap: "oldest" });
        assertEquals([await nextBody(stream), await nextBody(stream)], ["1", "2"]);
      }
    });
  }
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`behind a proxy that closes for one topic whatever is asked of that, it fails, and all else goes on (${transport})`, async () => {
    await using server = await openServer({ transport });
    await using proxy = closingProxy(server.url, "up", 1011, (data) => data.includes('"bad"'));
    await using mq = await connect({ url: proxy.url, reconnect });
    const stream = mq.subscribe("good");
    const first = nextBody(stream);
    const calls = [
      mq.getWait("bad", { timeout: 60_000 }),
      mq.subscribe("bad").next(),
      mq.get("bad"),
      mq.getWait("bad", { timeout: 60_000 }),
      mq.put("good", "m"),
    ].map((work) => settled<unknown>(work, 20_000));
    assertEquals(await Promise.all(calls), [...Array(4).fill("error refused"), 1]);
    assertEquals(await first, "m");
  });
}

/** A proxy for WebSockets that closes a connection instead of passing on something, such as more than 64 KiB. */
function closingProxy(
  target: string,
  only: "up" | "down",
  code: number | undefined,
  refused = ({ length }: string) => length > 65_536,
) {
  const refuse = (socket: WebSocket) => code === undefined ? socket.close() : socket.close(code);
  const proxy = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "dsmq" });
    const server = new WebSocket(target, "dsmq");
    const early: string[] = [];
    const refuses = (direction: string, data: string) => direction === only && refused(data);
    socket.onmessage = ({ data }) => {
      if (refuses("up", data)) refuse(socket);
      else if (server.readyState === WebSocket.OPEN) server.send(data);
      else early.push(data);
    };
    server.onopen = () => early.forEach((data) => server.send(data));
    server.onmessage = ({ data }) => {
      if (refuses("down", data)) refuse(socket);
      else if (socket.readyState === WebSocket.OPEN) socket.send(data);
    };
    socket.onclose = () => server.close();
    server.onclose = () => socket.readyState === WebSocket.OPEN && socket.close(1001);
    return response;
  });
  return {
    url: `ws://127.0.0.1:${proxy.addr.port}`,
    [Symbol.asyncDispose]: () => proxy.shutdown(),
  };
}
