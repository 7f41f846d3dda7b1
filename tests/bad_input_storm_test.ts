/**
 * A storm of bad input with good requests in it, against a model of what they are answered.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { openServer, quiet } from "./support/open_server.ts";
import { Raw } from "./support/raw.ts";
import { type Random, seeded } from "./support/seeded.ts";

const TOPICS = ["a", "b", "c", "é", "__proto__"];

/** What an answer comes down to: a text of dsmq 1.x, or an id and what was read, stored or wrong. */
type Brief = [unknown, ...unknown[]];

// deno-lint-ignore no-explicit-any -- whatever comes is compared with what should come
function brief({ id, message, seq, seqs, error }: any): Brief {
  if (error) return [id, message, "error", typeof error.code, typeof error.message];
  return [id, message, seq ?? seqs];
}

const failed = (id: number | null | undefined): Brief => [
  id,
  id === undefined ? "" : undefined,
  "error",
  "string",
  "string",
];

/** What is said, and what is to be heard of it. */
interface Said {
  readonly request: unknown;
  readonly answer?: Brief;
}

/** A queue as simple as can be, with one reader. */
class Model {
  #last: number;
  readonly #messages: { seq: number; topic: string; message: string }[] = [];
  readonly #cursors = new Map<string, number>();

  constructor(last: number) {
    this.#last = last;
  }

  put(topic: string, messages: readonly string[]): number[] {
    return messages.map((message) => {
      this.#messages.push({ seq: ++this.#last, topic, message });
      return this.#last;
    });
  }

  get(topic: string, newest: boolean): [string, number | undefined] {
    const cursor = this.#cursors.get(topic) ?? 0;
    const isUnread = (one: { seq: number; topic: string }) =>
      one.topic === topic && one.seq > cursor;
    const found = newest ? this.#messages.findLast(isUnread) : this.#messages.find(isUnread);
    if (!found) return ["", undefined];
    this.#cursors.set(topic, found.seq);
    return [found.message, found.seq];
  }
}

function good(random: Random, model: Model, id: number): Said {
  const topic = TOPICS[random(TOPICS.length)]!;
  const message = ["", "x", "é😀", "\0", `m${id}`, "l".repeat(random(300))][random(6)]!;
  switch (random(7)) {
    case 0:
      return {
        request: { action: "put", id, topic, message },
        answer: [id, undefined, model.put(topic, [message])[0]],
      };
    case 1: {
      const messages = Array.from({ length: random(4) }, () => message);
      return {
        request: { action: "put", id, topic, messages },
        answer: [id, undefined, model.put(topic, messages)],
      };
    }
    case 2:
      model.put(topic, [message]);
      return { request: { action: "put", topic, message } };
    case 3:
      model.put(topic, [`${id}`]);
      return { request: { action: "put", topic, message: id } };
    case 4:
      return { request: { action: "get", id, topic }, answer: [id, ...model.get(topic, false)] };
    case 5:
      return {
        request: { action: "get_latest", id, topic },
        answer: [id, ...model.get(topic, true)],
      };
    default:
      return {
        request: { action: "get", topic },
        answer: [undefined, model.get(topic, false)[0], undefined],
      };
  }
}

const junk = [null, true, -1, 1.5, "junk", [], {}, [[]], { action: [] }, "\ud800", 2 ** 53];

/** A request that is refused: a good one with one thing wrong, or junk. */
function bad(random: Random, id: number): Said {
  const any = () => junk[random(junk.length)];
  const put = { action: "put", topic: "a", message: "never stored" };
  // The first two are topics of dsmq 1.x.
  const topics = ["", 5, "t\n", "\udfff", "x".repeat(257), null, [], undefined];
  const noTopic = topics[random(8)];
  const noMessage = [[true], [], {}, undefined][random(4)];
  switch (random(7)) {
    case 0:
      return { request: any() };
    case 1:
      return { request: { ...put, topic: noTopic, id }, answer: failed(id) };
    case 2:
      return { request: { ...put, message: noMessage } };
    case 3:
      return {
        request: { action: "get", topic: topics[2 + random(6)] },
        answer: failed(undefined),
      };
    case 4:
      return { request: { ...put, id: [null, "7", -1, 1.5, {}][random(5)] }, answer: failed(null) };
    case 5:
      return { request: { action: `${any()}`, id, topic: "a" }, answer: failed(id) };
    default:
      return { request: { ...put, messages: any(), id }, answer: failed(id) };
  }
}

/** A frame of its own kind of bad: nothing in it can be read. */
function unreadable(random: Random, { request }: Said): string | Uint8Array {
  const text = JSON.stringify(request) ?? "";
  switch (random(3)) {
    case 0:
      return text.slice(0, random(text.length)).replace(/^(-?\d+|true|null|".*")$/, "{");
    case 1:
      return new TextEncoder().encode(text);
    default:
      return `${text}}`;
  }
}

for (const seed of [11, 12]) {
  Deno.test(`in a storm of 12,000 bad frames every good request is answered rightly (seed ${seed})`, async () => {
    const random = seeded(seed);
    const failures: unknown[] = [];
    const log = { ...quiet, error: (...data: unknown[]) => void failures.push(data) };
    await using server = await openServer({ log });
    await using other = await Raw.open(server.url);
    await using client = await Raw.open(server.url);
    for (const topic of TOPICS) {
      await other.ask({ action: "put", id: 1, topic, message: `untouched ${topic}` });
    }
    const model = new Model(TOPICS.length);
    await client.ask({ action: "hello", id: 0, since: "now" });

    let [id, badFrames, refusals] = [0, 0, 0];
    while (badFrames < 12_000) {
      const expected: Brief[][] = [];
      for (let i = 0; i < 200; i++) {
        id++;
        const kind = random(10);
        if (kind < 2) {
          const { request, answer } = good(random, model, id);
          client.send(request);
          if (answer) expected.push([answer]);
        } else if (kind < 4) {
          const said = Array.from(
            { length: 1 + random(6) },
            () => random(2) === 0 ? good(random, model, ++id) : bad(random, ++id),
          );
          client.send(said.map(({ request }) => request));
          const answers = said.flatMap(({ answer }) => answer ? [answer] : []);
          if (answers.length > 0) expected.push(answers);
        } else {
          badFrames++;
          refusals++;
          const said = bad(random, id);
          if (kind < 7) client.send(unreadable(random, said));
          else {
            // An array would be read as many requests, so it goes in one.
            const { request, answer } = said;
            client.send(JSON.stringify(Array.isArray(request) ? [request] : request));
            if (answer) expected.push([answer]);
          }
        }
      }
      for (const answers of expected) {
        assertEquals([await client.next()].flat().map(brief), answers);
      }
    }
    assertEquals((await client.ask({ action: "cancel", id: 0, wait: 0 })).id, 0);
    assertEquals(client.unread, []);
    assertEquals(failures, []);
    assert(server.stats().refused >= refusals);
    for (const topic of TOPICS) {
      const { message } = await other.ask({ action: "get", id: 1, topic });
      assertEquals(message, `untouched ${topic}`);
    }
  });
}
