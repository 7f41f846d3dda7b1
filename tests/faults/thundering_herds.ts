/**
 * Thundering herds: thousands of connections that do the same thing at one moment, and a few that make a server do much
 * for little. Beside them an honest neighbour, who must not notice.
 *
 * ```sh
 * deno run -A tests/faults/thundering_herds.ts builtin|hardened [PART_OF_A_NAME | 1/2]
 * ```
 *
 * It takes about 90 s.
 *
 * @module
 */

import { connect } from "../../client.ts";
import type { TransportChoice } from "../../server.ts";
import { clientFrame } from "../support/raw_socket.ts";
import type { ChildOptions } from "./child_server.ts";
import { ConnectionHerd } from "./connection_herd.ts";
import { maxMemory, MEMORY_LIMITS } from "./memory_limits.ts";
import { Flooder } from "./flooder.ts";
import { sleep, until } from "./sleep.ts";
import { FLOOD, MANY_CLOSES, type PlatformLimit, WHOLE_FRAMES } from "./platform_limits.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

const text = (request: object | string) =>
  clientFrame(1, typeof request === "string" ? request : JSON.stringify(request));

const list = (count: number, request: (i: number) => object | string) =>
  `[${
    Array.from({ length: count }, (_, i) => {
      const one = request(i);
      return typeof one === "string" ? one : JSON.stringify(one);
    }).join()
  }]`;

/** Thousands of connections do the same at once. */
function herd(
  name: string,
  count: number,
  act: (all: ConnectionHerd, port: number) => Promise<string | void>,
  { reads = true, builtin, prepare }: {
    readonly reads?: boolean;
    readonly builtin?: PlatformLimit;
    readonly prepare?: (url: string) => Promise<void>;
  } = {},
): AttackRun {
  return {
    name: `${count} ${name}`,
    options: { limits: MEMORY_LIMITS },
    memory: maxMemory(count),
    builtin,
    async prepare({ url }) {
      await prepare?.(url);
    },
    async attack({ port }, stack) {
      const all = stack.use(await ConnectionHerd.open(port, count, reads));
      const seen = await act(all, port);
      return all.cost(seen ?? "");
    },
  };
}

/** A few connections cause much work: their frames are small beside what they request. */
function few(
  name: string,
  count: number,
  act: (all: readonly Flooder[]) => Promise<string>,
  options: ChildOptions = {},
  memory = maxMemory(count),
): AttackRun {
  return {
    name,
    options: { limits: MEMORY_LIMITS, ...options },
    memory,
    async attack({ port }, stack) {
      const all = await Promise.all(Array.from({ length: count }, () => Flooder.open(port)));
      for (const one of all) stack.defer(() => one.cut());
      const seen = await act(all);
      return { connections: count, bytes: all.reduce((sum, { sent }) => sum + sent, 0), seen };
    },
  };
}

/** Sends requests, and waits until this many replies have arrived. */
async function requests(all: readonly Flooder[], replies: number, ...requests: string[]) {
  await Promise.all(all.map(async (one) => {
    for (const request of requests) await one.send(request);
    await until(() => one.ended || one.received.replies >= replies, 20_000);
  }));
  const received = all.map(({ received }) => received.replies);
  if (received.some((count) => count < replies)) throw new Error(`replies: ${received.join()}`);
  return `${received[0]} replies each`;
}

/** The first waits for messages again and again, after its first requests; the second puts one for each wait. */
async function serve(all: readonly Flooder[], ...first: string[]): Promise<string> {
  const [waiter, putter] = all as [Flooder, Flooder];
  const count = 10_000;
  const waits = list(
    count,
    (i) => ({ action: "get_wait", id: i, topic: "crowd", timeout: 100_000 }),
  );
  const messages = Array.from({ length: count }, () => "m");
  for (const request of first) await waiter.send(request);
  for (let k = 0; k < 5; k++) {
    await waiter.send(waits);
    await sleep(300);
    await putter.send({ action: "put", id: k, topic: "crowd", bodies: messages });
    await until(() => waiter.received.replies >= first.length + (k + 1) * count, 10_000);
  }
  return `${waiter.received.replies} replies`;
}

const HELLO_SMALL = '{"action":"hello","id":1,"frameBytes":1}';
const COUNT = 16_000;
const puts = (topic: string, count = COUNT) =>
  list(count, (i) => `{"action":"put","id":${i + 2},"topic":"${topic}","body":"m"}`);
const gets = list(
  COUNT,
  (i) => `{"action":"get","id":${i + 2},"topic":"crowd","since":"start"}`,
);
const refused = list(COUNT, (i) => `{"action":"nothing","id":${i + 2}}`);

const TRIALS: readonly AttackRun[] = [
  herd("disconnect at one moment", 5000, async (all) => {
    await sleep(500);
    all.cut();
    await sleep(1500);
  }, { builtin: MANY_CLOSES }),
  herd("close at one moment", 5000, async (all) => {
    await sleep(500);
    await all.send(() => clientFrame(8, new Uint8Array([3, 232])));
    await sleep(1500);
  }, { builtin: MANY_CLOSES }),
  herd("violate the protocol at one moment", 5000, async (all) => {
    await sleep(500);
    await all.send(() => new Uint8Array([0xff, 0x80, 0, 0, 0, 0]));
    await sleep(2500);
  }, { builtin: MANY_CLOSES }),
  herd("send a request at one moment, ten times", 3000, async (all) => {
    for (let i = 0; i < 10; i++) {
      await all.send((index) => text({ action: "get", id: i, topic: `crowd.${index}` }));
      await sleep(100);
    }
  }),
  herd("resume one session", 2000, async (all) => {
    const sessionId = "a-session-of-a-crowd";
    await all.send((index) => text({ action: "hello", id: 1, session: sessionId, try: index }));
    await sleep(3000);
  }),
  herd("request heartbeats of 100 ms and answer none", 3000, async (all) => {
    await all.send(() => text({ action: "hello", id: 1, heartbeat: 100 }));
    await sleep(2000);
  }),
  herd("request heartbeats of 100 ms and answer each", 3000, async (all) => {
    await all.send(() => text({ action: "hello", id: 1, heartbeat: 100 }));
    const end = performance.now() + 3000;
    while (performance.now() < end) {
      await all.send(() => text('{"action":"heartbeat"}'));
      await sleep(60);
    }
  }, { builtin: FLOOD }),
  herd(
    "read nothing, and are dropped at one moment",
    800,
    async (all, port) => {
      await all.send(() => text({ action: "get", id: 1, topic: "large", since: "start" }));
      await sleep(11_000);
      await using mq = await connect(`ws://127.0.0.1:${port}`);
      await mq.put("after", "");
    },
    {
      reads: false,
      async prepare(url) {
        await using mq = await connect(url);
        await mq.put("large", "x".repeat(100_000));
      },
    },
  ),
  herd("start a frame at one moment, and end it a second later", 3000, async (all) => {
    const frame = text({ action: "get", id: 1, topic: "crowd" });
    await all.send(() => frame.subarray(0, 20));
    await sleep(1000);
    await all.send(() => frame.subarray(20));
    await sleep(1000);
  }, { builtin: WHOLE_FRAMES }),
  few(
    "puts with one reply per frame",
    4,
    (all) => requests(all, COUNT + 1, HELLO_SMALL, puts("crowd")),
  ),
  few(
    "gets with one reply per frame",
    4,
    async (all) => {
      await requests(all.slice(0, 1), COUNT, puts("crowd"));
      return await requests(all.slice(1), COUNT + 1, HELLO_SMALL, gets);
    },
  ),
  few(
    "errors with one reply per frame",
    4,
    (all) => requests(all, COUNT + 1, HELLO_SMALL, refused),
  ),
  few("a stream with one message per frame", 4, async (all) => {
    await requests(all.slice(0, 1), COUNT, puts("crowd"));
    const subscribe = JSON.stringify({
      ...{ action: "subscribe", id: 2, topic: "crowd", since: "start" },
      ...{ messages: 1_000_000, bytes: 10_000_000 },
    });
    await requests(all.slice(1), 2, HELLO_SMALL, subscribe);
    await until(() => all.slice(1).every(({ received }) => received.bytes > 90 * COUNT), 10_000);
    return `${all[1]!.received.bytes} bytes`;
  }),
  few("1,000 streams of one connection that continue together", 2, async (all) => {
    await requests(all.slice(0, 1), COUNT, puts("crowd"));
    const [from] = all.slice(1);
    const subscribe = list(
      1000,
      (i) => ({ action: "subscribe", id: i, topic: "crowd", since: "start" }),
    );
    await requests([from!], 1000, subscribe);
    for (let k = 1; k <= 20; k++) {
      const credit = list(1000, (sub) => ({ action: "credit", sub, messages: k, bytes: 9 * k }));
      await from!.send(credit);
      await sleep(100);
    }
    await sleep(500);
    return `${from!.received.bytes} bytes`;
  }),
  few("10,000 waits for one topic, served by one list", 2, serve),
  few("10,000 waits, served one per frame", 2, (all) => serve(all, HELLO_SMALL)),
  few(
    "500,000 messages of one topic that expire while others put",
    4,
    async (all) => {
      for (let k = 0; k < 8; k++) await requests(all, COUNT * (k + 1), puts("crowd"));
      await sleep(5000);
      return `${4 * 8 * COUNT} messages`;
    },
    { retention: 4000 },
    maxMemory(4) + 4 * 8 * COUNT * 200,
  ),
  few(
    "listings of 60,000 topics with one prefix, by 8",
    8,
    async (all) => {
      const name = `crowd.${"x".repeat(200)}`;
      const some = (k: number, from: number) =>
        list(
          1500,
          (i) => `{"action":"put","id":${i},"topic":"${name}.${k}.${from + i}","body":""}`,
        );
      for (let from = 0; from < 7500; from += 1500) {
        await Promise.all(all.map((one, k) => requests([one], from + 1500, some(k, from))));
      }
      const end = performance.now() + 3000;
      let pages = 0;
      await Promise.all(all.map(async (one, k) => {
        for (; performance.now() < end; pages++) {
          const before = one.received.replies;
          const after = `${name}.${k}.${pages % 7000}`;
          await one.send({ action: "topics", id: 1, prefix: "crowd.", after, count: 1000 });
          await until(() => one.received.replies > before, 5000, 1);
        }
      }));
      return `${pages} pages`;
    },
    {},
    maxMemory(8) + 60_000 * 1500,
  ),
];

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  await runAttacks("Thundering herds", transport as TransportChoice, TRIALS, which);
}
