import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../queue/clock.ts";
import type { Host } from "../queue/host.ts";
import { Queue } from "../queue/queue.ts";
import { Session } from "../queue/session.ts";
import type { Wire } from "../queue/wire.ts";
import { nodeSqlite } from "../stores/engines/node_sqlite.ts";
import { SqliteStore } from "../stores/sqlite.ts";
import { DelayedStore } from "./support/delayed_store.ts";
import { quiet } from "./support/open_server.ts";
import { seeded } from "./support/seeded.ts";

/** A queue over a store that answers late and out of order, as one behind a network does. */
async function house(seed: number): Promise<{ host: Host; store: DelayedStore } & AsyncDisposable> {
  const sqlite = new SqliteStore({ engine: nodeSqlite, retention: 600_000, clock: systemClock });
  const store = new DelayedStore(sqlite, { seed });
  const queue = await Queue.open(store, systemClock, quiet);
  const welcome = {
    protocol: 1,
    server: "test",
    epoch: store.epoch,
    kept: store.kept,
    retention: 600_000,
    limits: { messageBytes: 1_000_000, topicBytes: 256 },
  };
  const host = { queue, welcome, shutdown: undefined, refused: () => {} };
  return { host, store, [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose]() };
}

interface Said {
  readonly id?: number;
  readonly seq?: number;
  readonly message?: string;
  readonly sub?: number;
  readonly prev?: number;
  readonly messages?: readonly { readonly seq: number; readonly message: string }[];
}

/** A session whose peer is the test: every answer is handed out by its id, streams to `streamed`. */
class Peer {
  readonly streamed: Said[] = [];
  readonly #session: Session;
  readonly #asked = new Map<number, (said: Said) => void>();
  #lastId = 0;

  constructor(host: Host, start = 0) {
    const wire: Wire = {
      send: (frame) => this.#hear(frame),
      buffered: 0,
      drained: () => Promise.resolve(),
      close: () => {},
    };
    this.#session = new Session(host, wire, start);
  }

  ask(request: object): Promise<Said> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Said>();
    this.#asked.set(id, resolve);
    this.#session.receive(JSON.stringify({ ...request, id }));
    return promise;
  }

  /** Says several requests in one frame. */
  askAll(requests: readonly object[]): Promise<Said[]> {
    const asked = requests.map((request) => {
      const id = ++this.#lastId;
      const { promise, resolve } = Promise.withResolvers<Said>();
      this.#asked.set(id, resolve);
      return { request: { ...request, id }, promise };
    });
    this.#session.receive(JSON.stringify(asked.map(({ request }) => request)));
    return Promise.all(asked.map(({ promise }) => promise));
  }

  close(): void {
    this.#session.close();
  }

  #hear(frame: string): void {
    for (const said of [JSON.parse(frame)].flat() as Said[]) {
      if (said.id === undefined) this.streamed.push(said);
      else {
        const answer = this.#asked.get(said.id);
        assert(answer, `an answer that was not asked for, or is given twice: ${frame}`);
        this.#asked.delete(said.id);
        answer(said);
      }
    }
  }
}

const TOTAL = 400;
const expected = Array.from({ length: TOTAL }, (_, i) => `message ${i}`);

/** Puts all messages, a few at a time, with others of another topic between them. */
async function putAll(
  { host, store }: { host: Host; store: DelayedStore },
  seed: number,
  losing: boolean,
) {
  const random = seeded(seed);
  const putter = new Peer(host);
  for (let i = 0; i < TOTAL;) {
    const count = Math.min(TOTAL - i, 1 + random(8));
    const puts = expected.slice(i, i + count).map((message) => ({
      action: "put",
      topic: "t",
      message,
    }));
    const others = random(2) === 0 ? [{ action: "put", topic: "other", message: "x" }] : [];
    await putter.askAll([...others, ...puts]);
    if (losing && random(10) === 0) store.loseFeeds();
    i += count;
  }
  putter.close();
}

for (const losing of [false, true]) {
  const feed = losing ? "loses its feed now and then" : "answers late";
  for (const seed of [1, 2, 3, 4]) {
    Deno.test(`a store that ${feed}: waiters get each message once, in order (seed ${seed})`, async () => {
      await using at = await house(seed);
      const reader = new Peer(at.host);
      const putting = putAll(at, seed, losing);
      const got: string[] = [];
      while (got.length < TOTAL) {
        // A line of three, and a plain get that finds nothing while they stand there.
        const wait = { action: "get_wait", topic: "t", timeout: 60_000 };
        const line = [reader.ask(wait), reader.ask(wait), reader.ask(wait)];
        const plain = await reader.ask({ action: "get", topic: "t" });
        const said = await Promise.all(line.slice(0, TOTAL - got.length));
        got.push(...said.map(({ message }) => message!));
        if (plain.seq !== undefined) got.push(plain.message!);
      }
      await putting;
      assertEquals(got, expected);
      reader.close();
    });

    Deno.test(`a store that ${feed}: a stream brings each message once, in order (seed ${seed})`, async () => {
      await using at = await house(seed);
      const reader = new Peer(at.host);
      const random = seeded(seed + 100);
      const { id: sub } = await reader.ask({
        action: "subscribe",
        topic: "t",
        messages: 3,
        bytes: 200,
      });
      const putting = putAll(at, seed, losing);
      let [messages, bytes] = [3, 200];
      const got = () => reader.streamed.flatMap(({ messages = [] }) => messages);
      while (got().length < TOTAL) {
        // The session answers within this turn; the store needs turns of its own.
        await new Promise((resolve) => setTimeout(resolve, 0));
        messages += random(6);
        bytes += random(100);
        await reader.ask({ action: "credit", sub, messages, bytes });
        assert(got().length <= messages);
      }
      await putting;
      assertEquals(got().map(({ message }) => message), expected);
      for (let i = 1; i < reader.streamed.length; i++) {
        assertEquals(reader.streamed[i]!.prev, reader.streamed[i - 1]!.messages!.at(-1)!.seq);
      }
      reader.close();
    });

    Deno.test(`a store that ${feed}: gets in frames read each message once, in order (seed ${seed})`, async () => {
      await using at = await house(seed);
      const reader = new Peer(at.host);
      const random = seeded(seed + 200);
      const putting = putAll(at, seed, losing);
      const got: string[] = [];
      while (got.length < TOTAL) {
        const count = 1 + random(20);
        const gets = Array.from({ length: count }, () => ({ action: "get", topic: "t" }));
        const said = await reader.askAll(gets);
        // Once there was nothing, there is nothing to the end of the frame: it was one read.
        got.push(...said.filter(({ seq }) => seq !== undefined).map(({ message }) => message!));
      }
      await putting;
      assertEquals(got, expected);
      reader.close();
    });
  }
}

Deno.test("a connection that closes in the midst of its requests leaves nobody behind in the queue", async () => {
  await using at = await house(7);
  const leaving = Array.from({ length: 20 }, () => {
    const peer = new Peer(at.host);
    void peer.ask({ action: "subscribe", topic: "t", messages: 9, bytes: 999 });
    void peer.ask({ action: "get_wait", topic: "t", timeout: 60_000 });
    return peer;
  });
  const putter = new Peer(at.host);
  for (const peer of leaving) {
    await putter.ask({ action: "put", topic: "other", message: "a moment passes" });
    peer.close();
  }
  // Whatever was under way when a connection closed has come to its end by now.
  await putter.ask({ action: "get_latest", topic: "t" });
  assertEquals(at.host.queue.attended, 0);
  putter.close();
});
