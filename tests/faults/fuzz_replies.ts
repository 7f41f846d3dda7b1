/**
 * The frames of an honest server, changed on their way to a client: whatever they contain, each call of the client
 * settles, and nothing throws where nobody can catch it.
 *
 * @module
 */

import { connect, type Connection, type Socket } from "@dsmq/server/client";
import { type Random, seeded } from "../../testing/seeded.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { Outcomes, Uncaught } from "./outcomes.ts";
import { sleep } from "./sleep.ts";

/** What was done, and the result. Sizes are in bytes. */
export interface Fuzzed {
  readonly frames: number;
  readonly changed: number;
  readonly calls: number;
  readonly outcomes: Outcomes["seen"];
  /** Calls that did not settle. */
  readonly unsettled: number;
  readonly uncaught: readonly string[];
  readonly growth: number;
}

/** Values that are wrong nearly everywhere, as JSON. */
const ODD_VALUES = [
  "-1",
  "-0",
  "0",
  "1",
  "1.5",
  "1e400",
  "9007199254740991",
  "9007199254740992",
  "null",
  "true",
  '""',
  '"x"',
  '"\\ud800\\u001b[2J\\u202e"',
  `"${"x".repeat(5000)}"`,
  "[]",
  "[[]]",
  "[1,2,3]",
  "[null]",
  "{}",
  '{"toString":1,"valueOf":1,"then":1}',
  '{"__proto__":{"seq":1}}',
  '{"messageId":"m","headers":{"__proto__":"p"},"delay":1}',
  '{"headers":{"a":1}}',
  '[null,{"key":"k"}]',
  '{"code":"trimmed","message":"m"}',
  '{"code":"__proto__","message":"m"}',
  `${"[".repeat(60)}${"]".repeat(60)}`,
];

const NAMES = [
  "id",
  "sub",
  "seq",
  "seqs",
  "times",
  "time",
  "bodies",
  "body",
  "through",
  "start",
  "prev",
  "bytes",
  "error",
  "ahead",
  "answers",
  "heartbeat",
  "topics",
  "attributes",
  "identities",
  "purged",
  "connections",
  "backup",
  "gone",
  "more",
  "dup",
  "limits",
  "protocol",
  "__proto__",
  "toString",
  "new",
];

/** The frames that replace a frame: none, one or several. */
function changed(random: Random, frame: string, before: readonly string[]): string[] {
  switch (random(8)) {
    case 0:
      return [frame, frame];
    case 1:
      return [pick(random, before) ?? frame];
    case 2:
      return random(4) === 0 ? [] : [frame, pick(random, before) ?? "{}"];
    case 3:
      return [bytesChanged(random, frame)];
    default:
      return [fieldsChanged(random, frame)];
  }
}

function bytesChanged(random: Random, frame: string): string {
  const at = random(frame.length + 1);
  const end = at + random(6);
  return frame.slice(0, at) + pick(random, ["", "0", '"', "[", "}", ",", ":", "-", "e"]) +
    frame.slice(end);
}

function fieldsChanged(random: Random, frame: string): string {
  const value: unknown = JSON.parse(frame);
  const items = (Array.isArray(value) ? value : [value]) as Record<string, unknown>[];
  const texts = items.map((item) => {
    const fields = Object.entries(item).map(([name, value]) => [name, JSON.stringify(value)]);
    for (let changes = random(3); changes > 0; changes--) {
      const at = random(fields.length + 1);
      const field = fields[at];
      if (!field) fields.push([pick(random, NAMES)!, pick(random, ODD_VALUES)!]);
      else if (random(4) === 0) fields.splice(at, 1);
      else if (random(2) === 0 && /^\d+$/.test(field[1]!)) {
        field[1] = `${+field[1]! + random(5) - 2}`;
      } else field[1] = pick(random, ODD_VALUES)!;
    }
    return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`;
  });
  return texts.length === 1 ? texts[0]! : `[${texts.join()}]`;
}

function pick<T>(random: Random, from: readonly T[]): T | undefined {
  return from[random(from.length)];
}

/** A socket of the platform whose frames are changed now and then, until it is stopped. */
class ChangingNetwork {
  frames = 0;
  changed = 0;
  off = false;
  readonly #random: Random;
  readonly #seen: string[] = [];
  readonly #open = new Set<WebSocket>();

  constructor(random: Random) {
    this.#random = random;
  }

  readonly dial = (url: string, protocols: string[]): Socket => {
    const real = new WebSocket(this.off ? "ws://127.0.0.1:1" : url, protocols);
    this.#open.add(real);
    const socket: Socket = {
      send: (data) => real.send(data as string),
      close: (code) => real.close(code),
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
    };
    const own = socket as WebSocket;
    real.onopen = (event) => socket.onopen?.call(own, event);
    real.onerror = (event) => socket.onerror?.call(own, event);
    real.onclose = (event) => {
      this.#open.delete(real);
      socket.onclose?.call(own, event);
    };
    real.onmessage = ({ data }) => {
      for (const frame of this.#pass(data)) {
        socket.onmessage?.call(own, new MessageEvent("message", { data: frame }));
      }
    };
    return socket;
  };

  /** Disconnects all, and accepts no more connections. */
  end(): void {
    this.off = true;
    for (const socket of this.#open) socket.close();
  }

  #pass(frame: string): string[] {
    const random = this.#random;
    this.frames++;
    const isWelcome = frame.includes('"protocol"');
    const changes = random(isWelcome ? 20 : 6) === 0;
    if (!changes) {
      if (this.#seen.push(frame) > 50) this.#seen.shift();
      return [frame];
    }
    this.changed++;
    return changed(random, frame, this.#seen);
  }
}

/**
 * Changes the frames of a server.
 *
 * @param url the honest server
 * @param frames the run ends after this many frames
 * @param seed of the random changes
 */
export async function fuzzReplies(url: string, frames: number, seed: number): Promise<Fuzzed> {
  const random = seeded(seed);
  const outcomes = new Outcomes();
  using uncaught = new Uncaught();
  const before = Deno.memoryUsage().rss;
  let [seen, changedFrames, max] = [0, 0, before];
  while (seen < frames) {
    const network = new ChangingNetwork(random);
    const under = [round(url, network, random, outcomes)];
    await withTimeout(Promise.all(under), 3000).catch(() => {});
    network.end();
    await withTimeout(Promise.all(under), 3000).catch(() => {});
    seen += network.frames;
    changedFrames += network.changed;
    max = Math.max(max, Deno.memoryUsage().rss);
  }
  return {
    frames: seen,
    changed: changedFrames,
    calls: outcomes.calls,
    outcomes: outcomes.seen,
    unsettled: outcomes.unsettled,
    uncaught: uncaught.found,
    growth: max - before,
  };
}

/** One connection, and some calls. */
async function round(
  url: string,
  network: ChangingNetwork,
  random: Random,
  outcomes: Outcomes,
): Promise<void> {
  const connecting = connect(url, {
    dial: network.dial,
    timeout: 1000,
    heartbeatInterval: 100,
    reconnect: random(2) === 0 ? false : { minDelay: 1, timeout: 300 },
  });
  const mq: Connection | undefined = await connecting.catch(() => undefined);
  if (!mq) return await outcomes.of(connecting);
  const pending: Promise<void>[] = [];
  for (let turns = 0; turns < 20 && mq.status !== "closed"; turns++) {
    for (let i = 0; i < 5; i++) pending.push(outcomes.of(call(mq, random)));
    await sleep(1);
  }
  await withTimeout(Promise.all(pending), 300).catch(() => {});
  network.end();
  await Promise.all(pending);
  await outcomes.of(mq.close());
}

function call(mq: Connection, random: Random): Promise<unknown> {
  const topic = `t${random(3)}`;
  switch (random(11)) {
    case 8:
      return mq.purge(topic, { before: { ago: random(20) } });
    case 9:
      return mq.connections();
    case 10:
      return (async () => {
        const backup = await mq.backup();
        for await (const _ of backup);
        for await (const _ of backup.gone());
        await backup.newestGone();
      })();
    case 0:
      return mq.putMany(topic, ["one", "two", "three"]);
    case 1:
      return mq.get(topic);
    case 2:
      return mq.getLatest(topic);
    case 3:
      return mq.getWait(topic, { timeout: random(50) });
    case 4:
      return mq.topics("t");
    case 5:
      return (async () => {
        const onGap = pick(random, ["oldest", "now", () => "oldest"] as const)!;
        let remaining = 1 + random(5);
        const from = random(2) === 0 ? topic : { prefix: "t" };
        for await (const _ of mq.subscribe(from, { since: "start", onGap })) {
          if (--remaining === 0) break;
        }
      })();
    default:
      return mq.put(
        topic,
        "message",
        random(2) === 0 ? { key: "k", headers: { a: "b" } } : undefined,
      );
  }
}
