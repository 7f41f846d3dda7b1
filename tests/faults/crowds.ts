/**
 * Crowds: thousands of connections that do the same thing at one moment, and a few that make much of little. Beside them
 * an honest neighbour, who must not notice.
 *
 * ```sh
 * deno run -A tests/faults/crowds.ts builtin|hardened [PART_OF_A_NAME | 1/2]
 * ```
 *
 * It takes about 90 s.
 *
 * @module
 */

import { connect } from "../../client.ts";
import type { TransportChoice } from "../../server.ts";
import { clientFrame, upgradeRequest } from "../support/bare_client.ts";
import type { ChildOptions } from "./child_server.ts";
import { MEMORY_LIMITS, mostMemory } from "./held_memory.ts";
import { Hoarder } from "./hoarder.ts";
import { pause, until } from "./pause.ts";
import { FLOOD, MANY_ENDS, type Stated, WHOLE_FRAMES } from "./stated.ts";
import { type Cost, type Trial, tryAll } from "./trials.ts";

/** Connections that are let in, and do what they do all together. */
class Crowd implements Disposable {
  readonly #conns: Deno.TcpConn[] = [];
  #sent = 0;

  /** Opens so many. Who `reads` throws away what comes. */
  static async open(port: number, count: number, reads = true): Promise<Crowd> {
    const crowd = new Crowd();
    let left = count;
    await Promise.all(Array.from({ length: 50 }, async () => {
      while (left-- > 0) await crowd.#join(port, reads);
    }));
    return crowd;
  }

  async #join(port: number, reads: boolean): Promise<void> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode(upgradeRequest()));
    const buffer = new Uint8Array(1024);
    await conn.read(buffer);
    this.#conns.push(conn);
    if (!reads) return;
    void (async () => {
      while (await conn.read(buffer).catch(() => null) !== null);
    })();
  }

  /** Each says something of its own. */
  async say(frame: (place: number) => Uint8Array): Promise<void> {
    await Promise.all(this.#conns.map(async (conn, place) => {
      const bytes = frame(place);
      this.#sent += bytes.length;
      await conn.write(bytes).catch(() => {});
    }));
  }

  /** What it took. */
  cost(seen = ""): Cost {
    return { connections: this.#conns.length, bytes: this.#sent, seen };
  }

  /** All hang up at once. */
  cut(): void {
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch {
        // It was closed.
      }
    }
  }

  [Symbol.dispose](): void {
    this.cut();
  }
}

const text = (request: object | string) =>
  clientFrame(1, typeof request === "string" ? request : JSON.stringify(request));

const list = (count: number, request: (i: number) => object | string) =>
  `[${
    Array.from({ length: count }, (_, i) => {
      const one = request(i);
      return typeof one === "string" ? one : JSON.stringify(one);
    }).join()
  }]`;

/** Thousands do the same at once. */
function crowd(
  name: string,
  count: number,
  act: (all: Crowd, port: number) => Promise<string | void>,
  { reads = true, builtin, prepare }: {
    readonly reads?: boolean;
    readonly builtin?: Stated;
    readonly prepare?: (url: string) => Promise<void>;
  } = {},
): Trial {
  return {
    name: `${count} ${name}`,
    options: { limits: MEMORY_LIMITS },
    memory: mostMemory(count),
    builtin,
    async prepare({ url }) {
      await prepare?.(url);
    },
    async attack({ port }, stack) {
      const all = stack.use(await Crowd.open(port, count, reads));
      const seen = await act(all, port);
      return all.cost(seen ?? "");
    },
  };
}

/** A few make much of little: what is sent is small beside what it asks for. */
function few(
  name: string,
  count: number,
  act: (all: readonly Hoarder[]) => Promise<string>,
  options: ChildOptions = {},
  memory = mostMemory(count),
): Trial {
  return {
    name,
    options: { limits: MEMORY_LIMITS, ...options },
    memory,
    async attack({ port }, stack) {
      const all = await Promise.all(Array.from({ length: count }, () => Hoarder.open(port)));
      for (const one of all) stack.defer(() => one.cut());
      const seen = await act(all);
      return { connections: count, bytes: all.reduce((sum, { sent }) => sum + sent, 0), seen };
    },
  };
}

/** Asks for something, and waits until so many answers have come. */
async function asks(all: readonly Hoarder[], answers: number, ...requests: string[]) {
  await Promise.all(all.map(async (one) => {
    for (const request of requests) await one.send(request);
    await until(() => one.ended || one.heard.answers >= answers, 20_000);
  }));
  const heard = all.map(({ heard }) => heard.answers);
  if (heard.some((count) => count < answers)) throw new Error(`answered: ${heard.join()}`);
  return `${heard[0]} answers each`;
}

/** The first waits for messages again and again, after it has said something; the second puts one for each wait. */
async function serve(all: readonly Hoarder[], ...first: string[]): Promise<string> {
  const [waiter, putter] = all as [Hoarder, Hoarder];
  const count = 10_000;
  const waits = list(
    count,
    (i) => ({ action: "get_wait", id: i, topic: "crowd", timeout: 100_000 }),
  );
  const messages = Array.from({ length: count }, () => "m");
  for (const request of first) await waiter.send(request);
  for (let k = 0; k < 5; k++) {
    await waiter.send(waits);
    await pause(300);
    await putter.send({ action: "put", id: k, topic: "crowd", messages });
    await until(() => waiter.heard.answers >= first.length + (k + 1) * count, 10_000);
  }
  return `${waiter.heard.answers} answers`;
}

const HELLO_SMALL = '{"action":"hello","id":1,"frameBytes":1}';
const COUNT = 16_000;
const puts = (topic: string, count = COUNT) =>
  list(count, (i) => `{"action":"put","id":${i + 2},"topic":"${topic}","message":"m"}`);
const gets = list(
  COUNT,
  (i) => `{"action":"get","id":${i + 2},"topic":"crowd","since":"start"}`,
);
const refused = list(COUNT, (i) => `{"action":"nothing","id":${i + 2}}`);

const TRIALS: readonly Trial[] = [
  crowd("are cut at one moment", 5000, async (all) => {
    await pause(500);
    all.cut();
    await pause(1500);
  }, { builtin: MANY_ENDS }),
  crowd("say goodbye at one moment", 5000, async (all) => {
    await pause(500);
    await all.say(() => clientFrame(8, new Uint8Array([3, 232])));
    await pause(1500);
  }, { builtin: MANY_ENDS }),
  crowd("break a rule at one moment", 5000, async (all) => {
    await pause(500);
    await all.say(() => new Uint8Array([0xff, 0x80, 0, 0, 0, 0]));
    await pause(2500);
  }, { builtin: MANY_ENDS }),
  crowd("ask for something at one moment, ten times", 3000, async (all) => {
    for (let i = 0; i < 10; i++) {
      await all.say((place) => text({ action: "get", id: i, topic: `crowd.${place}` }));
      await pause(100);
    }
  }),
  crowd("go on with one session", 2000, async (all) => {
    const session = "a-session-of-a-crowd";
    await all.say((place) => text({ action: "hello", id: 1, session, try: place }));
    await pause(3000);
  }),
  crowd("ask for heartbeats of 100 ms and answer none", 3000, async (all) => {
    await all.say(() => text({ action: "hello", id: 1, heartbeat: 100 }));
    await pause(2000);
  }),
  crowd("ask for heartbeats of 100 ms and answer each", 3000, async (all) => {
    await all.say(() => text({ action: "hello", id: 1, heartbeat: 100 }));
    const end = performance.now() + 3000;
    while (performance.now() < end) {
      await all.say(() => text('{"action":"heartbeat"}'));
      await pause(60);
    }
  }, { builtin: FLOOD }),
  crowd(
    "read nothing, and are given up at one moment",
    800,
    async (all, port) => {
      await all.say(() => text({ action: "get", id: 1, topic: "large", since: "start" }));
      await pause(11_000);
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
  crowd("begin a frame at one moment, and end it a second later", 3000, async (all) => {
    const frame = text({ action: "get", id: 1, topic: "crowd" });
    await all.say(() => frame.subarray(0, 20));
    await pause(1000);
    await all.say(() => frame.subarray(20));
    await pause(1000);
  }, { builtin: WHOLE_FRAMES }),
  few(
    "puts that are answered one to a frame",
    4,
    (all) => asks(all, COUNT + 1, HELLO_SMALL, puts("crowd")),
  ),
  few(
    "gets that are answered one to a frame",
    4,
    async (all) => {
      await asks(all.slice(0, 1), COUNT, puts("crowd"));
      return await asks(all.slice(1), COUNT + 1, HELLO_SMALL, gets);
    },
  ),
  few(
    "refusals that are answered one to a frame",
    4,
    (all) => asks(all, COUNT + 1, HELLO_SMALL, refused),
  ),
  few("a stream of which each message has a frame", 4, async (all) => {
    await asks(all.slice(0, 1), COUNT, puts("crowd"));
    const subscribe = JSON.stringify({
      ...{ action: "subscribe", id: 2, topic: "crowd", since: "start" },
      ...{ messages: 1_000_000, bytes: 10_000_000 },
    });
    await asks(all.slice(1), 2, HELLO_SMALL, subscribe);
    await until(() => all.slice(1).every(({ heard }) => heard.bytes > 90 * COUNT), 10_000);
    return `${all[1]!.heard.bytes} bytes`;
  }),
  few("1,000 streams of one connection that read on together", 2, async (all) => {
    await asks(all.slice(0, 1), COUNT, puts("crowd"));
    const [from] = all.slice(1);
    const subscribe = list(
      1000,
      (i) => ({ action: "subscribe", id: i, topic: "crowd", since: "start" }),
    );
    await asks([from!], 1000, subscribe);
    for (let k = 1; k <= 20; k++) {
      const credit = list(1000, (sub) => ({ action: "credit", sub, messages: k, bytes: 9 * k }));
      await from!.send(credit);
      await pause(100);
    }
    await pause(500);
    return `${from!.heard.bytes} bytes`;
  }),
  few("10,000 waits for one topic, served by one list", 2, serve),
  few("10,000 waits, served one to a frame", 2, (all) => serve(all, HELLO_SMALL)),
  few(
    "500,000 messages of one topic that expire while others put",
    4,
    async (all) => {
      for (let k = 0; k < 8; k++) await asks(all, COUNT * (k + 1), puts("crowd"));
      await pause(5000);
      return `${4 * 8 * COUNT} messages`;
    },
    { retention: 4000 },
    mostMemory(4) + 4 * 8 * COUNT * 200,
  ),
  few(
    "listings of 60,000 topics that begin alike, by 8",
    8,
    async (all) => {
      const name = `crowd.${"x".repeat(200)}`;
      const some = (k: number, from: number) =>
        list(
          1500,
          (i) => `{"action":"put","id":${i},"topic":"${name}.${k}.${from + i}","message":""}`,
        );
      for (let from = 0; from < 7500; from += 1500) {
        await Promise.all(all.map((one, k) => asks([one], from + 1500, some(k, from))));
      }
      const end = performance.now() + 3000;
      let pages = 0;
      await Promise.all(all.map(async (one, k) => {
        for (; performance.now() < end; pages++) {
          const before = one.heard.answers;
          const after = `${name}.${k}.${pages % 7000}`;
          await one.send({ action: "topics", id: 1, prefix: "crowd.", after, count: 1000 });
          await until(() => one.heard.answers > before, 5000, 1);
        }
      }));
      return `${pages} pages`;
    },
    {},
    mostMemory(8) + 60_000 * 1500,
  ),
];

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  await tryAll("Crowds", transport as TransportChoice, TRIALS, which);
}
