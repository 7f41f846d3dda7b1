/**
 * Many bad frames with good requests among them, checked against a model of the right answers.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { openServer, quiet } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { type Random, seeded } from "../../testing/seeded.ts";

const TOPICS = ["a", "b", "c", "é", "__proto__"];

/** What an answer is reduced to: the text of dsmq 1.x, or an id with what was read, stored or refused. */
type Brief = [unknown, ...unknown[]];

// deno-lint-ignore no-explicit-any -- any answer is compared with the expected one
function brief({ id, body, message, seq, seqs, error }: any): Brief {
  assertEquals(id === undefined ? body : message, undefined, "the text of another protocol");
  if (error) return [id, message, "error", typeof error.code, typeof error.message];
  return [id, id === undefined ? message : body, seq ?? seqs];
}

const failed = (id: number | null | undefined): Brief => [
  id,
  id === undefined ? "" : undefined,
  "error",
  "string",
  "string",
];

/** What to send, and the answer to expect. */
interface Exchange {
  readonly request: unknown;
  readonly reply?: Brief;
}

/** The simplest possible queue, with one reader. */
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

function good(random: Random, model: Model, id: number): Exchange {
  const topic = TOPICS[random(TOPICS.length)]!;
  const message = ["", "x", "é😀", "\0", `m${id}`, "l".repeat(random(300))][random(6)]!;
  switch (random(7)) {
    case 0:
      return {
        request: { action: "put", id, topic, body: message },
        reply: [id, undefined, model.put(topic, [message])[0]],
      };
    case 1: {
      const messages = Array.from({ length: random(4) }, () => message);
      return {
        request: { action: "put", id, topic, bodies: messages },
        reply: [id, undefined, model.put(topic, messages)],
      };
    }
    case 2:
      model.put(topic, [message]);
      return { request: { action: "put", topic, message } };
    case 3:
      model.put(topic, [`${id}`]);
      return { request: { action: "put", topic, message: id } };
    case 4:
      return { request: { action: "get", id, topic }, reply: [id, ...model.get(topic, false)] };
    case 5:
      return {
        request: { action: "get_latest", id, topic },
        reply: [id, ...model.get(topic, true)],
      };
    default:
      return {
        request: { action: "get", topic },
        reply: [undefined, model.get(topic, false)[0], undefined],
      };
  }
}

const junk = [null, true, -1, 1.5, "junk", [], {}, [[]], { action: [] }, "\ud800", 2 ** 53];

/** A request that is refused: a good one with one fault, or junk. */
function bad(random: Random, id: number): Exchange {
  const any = () => junk[random(junk.length)];
  const put = { action: "put", topic: "a", body: "never stored" };
  const put1x = { action: "put", topic: "a", message: "never stored" };
  // The first two are topics of dsmq 1.x.
  const topics = ["", 5, "t\n", "\udfff", "x".repeat(257), null, [], undefined];
  const noTopic = topics[random(8)];
  const noMessage = [[true], [], {}, undefined][random(4)];
  switch (random(7)) {
    case 0:
      return { request: any() };
    case 1:
      return { request: { ...put, topic: noTopic, id }, reply: failed(id) };
    case 2:
      return { request: { ...put1x, message: noMessage } };
    case 3:
      return {
        request: { action: "get", topic: topics[2 + random(6)] },
        reply: failed(undefined),
      };
    case 4:
      return { request: { ...put, id: [null, "7", -1, 1.5, {}][random(5)] }, reply: failed(null) };
    case 5:
      return { request: { action: `${any()}`, id, topic: "a" }, reply: failed(id) };
    default:
      return { request: { ...put, bodies: any(), id }, reply: failed(id) };
  }
}

/** A frame that is bad in a way of its own: nothing in it can be read. */
function unreadable(random: Random, { request }: Exchange): string | Uint8Array {
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
  Deno.test(`among 12,000 bad frames every good request gets the right answer (seed ${seed})`, async () => {
    const random = seeded(seed);
    const failures: unknown[] = [];
    const log = { ...quiet, error: (...data: unknown[]) => void failures.push(data) };
    await using server = await openServer({ log });
    await using other = await RawClient.open(server.url);
    await using client = await RawClient.open(server.url);
    for (const topic of TOPICS) {
      await other.request({ action: "put", id: 1, topic, body: `untouched ${topic}` });
    }
    const model = new Model(TOPICS.length);
    await client.request({ action: "hello", id: 0, since: "now" });

    let [id, badFrames, refusals] = [0, 0, 0];
    while (badFrames < 12_000) {
      const expected: Brief[][] = [];
      for (let i = 0; i < 200; i++) {
        id++;
        const kind = random(10);
        if (kind < 2) {
          const { request, reply } = good(random, model, id);
          client.send(request);
          if (reply) expected.push([reply]);
        } else if (kind < 4) {
          const exchanges = Array.from(
            { length: 1 + random(6) },
            () => random(2) === 0 ? good(random, model, ++id) : bad(random, ++id),
          );
          client.send(exchanges.map(({ request }) => request));
          const replies = exchanges.flatMap(({ reply }) => reply ? [reply] : []);
          if (replies.length > 0) expected.push(replies);
        } else {
          badFrames++;
          refusals++;
          const exchanges = bad(random, id);
          if (kind < 7) client.send(unreadable(random, exchanges));
          else {
            // An array would be read as many requests, so it goes in one.
            const { request, reply } = exchanges;
            client.send(JSON.stringify(Array.isArray(request) ? [request] : request));
            if (reply) expected.push([reply]);
          }
        }
      }
      for (const replies of expected) {
        assertEquals([await client.next()].flat().map(brief), replies);
      }
    }
    assertEquals((await client.request({ action: "cancel", id: 0, wait: 0 })).id, 0);
    assertEquals(client.unread, []);
    assertEquals(failures, []);
    assert(server.stats().refused >= refusals);
    for (const topic of TOPICS) {
      const { body } = await other.request({ action: "get", id: 1, topic });
      assertEquals(body, `untouched ${topic}`);
    }
  });
}
