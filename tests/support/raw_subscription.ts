/**
 * A subscription as its client sees it, frame by frame.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { RawClient } from "./raw_client.ts";

/** More credit than a test uses. */
export const AMPLE = { messages: 1_000_000, bytes: 200_000_000 };

/** A request to subscribe to the topic `t`, with ample credit unless the fields change it. */
export function subscribe(id: number, fields: object = {}): { id: number } {
  const request = { action: "subscribe", id, topic: "t", ...AMPLE };
  return { ...request, ...fields };
}

/** A request for more credit. */
export function credit(sub: number, messages: number, bytes: number): object {
  return { action: "credit", sub, messages, bytes };
}

/** How much credit a message takes. */
export function bytesOf(message: string): number {
  return new TextEncoder().encode(JSON.stringify(message)).length;
}

/** Puts messages to the topic `t`, and waits until they are stored. */
export async function put(client: RawClient, ...messages: string[]): Promise<void> {
  const { seqs } = await client.request({ action: "put", id: 1, topic: "t", bodies: messages });
  assertEquals(seqs.length, messages.length);
}

/** Asserts that no stream sends anything before the answer to this. */
export async function assertQuiet(client: RawClient): Promise<void> {
  assertEquals(await client.request({ action: "cancel", id: 999, wait: 999 }), { id: 999 });
  assertEquals(client.unread, []);
}

/** Follows a stream: checks that its frames are consecutive and state the credit that they take. */
export class RawSubscription {
  readonly sub: number;
  /** What has come so far. */
  readonly messages: string[] = [];
  readonly #client: RawClient;
  #prev: number;

  /** Follows what comes after `start`. */
  constructor(client: RawClient, sub: number, start: number) {
    this.#client = client;
    this.sub = sub;
    this.#prev = start;
  }

  /** Subscribes. */
  static async open(client: RawClient, request: { id: number }): Promise<RawSubscription> {
    const { id, sub, start } = await client.request(request);
    assertEquals([id, sub], [request.id, request.id]);
    return new RawSubscription(client, sub, start);
  }

  /** Reads frames until this many messages have come in all; no more may come with them. */
  async read(count: number): Promise<void> {
    while (this.messages.length < count) this.#take(await this.#client.next());
    assertEquals(this.messages.length, count);
  }

  /** Raises the credit, and waits until the server has noted it. */
  async grant(messages: number, bytes: number): Promise<void> {
    this.#client.send({ ...credit(this.sub, messages, bytes), id: 998 });
    for (;;) {
      const frame = await this.#client.next();
      if (frame.id === 998) return assertEquals(frame, { id: 998 });
      this.#take(frame);
    }
  }

  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  #take(frame: any): void {
    assertEquals([frame.sub, frame.prev], [this.sub, this.#prev]);
    assert(frame.bodies.length > 0);
    let bytes = 0;
    assertEquals([frame.seqs.length, frame.times.length], [
      frame.bodies.length,
      frame.bodies.length,
    ]);
    for (const [i, message] of frame.bodies.entries()) {
      const seq = frame.seqs[i];
      assert(seq > this.#prev);
      this.#prev = seq;
      this.messages.push(message);
      bytes += bytesOf(message);
    }
    assertEquals(frame.bytes, bytes);
  }
}
