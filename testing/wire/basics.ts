/**
 * What every server promises of connections, requests and errors.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { WireChecks } from "./checks.ts";

/** A code of an error, and a request that must have it. */
const REFUSED: readonly (readonly [string, object])[] = [
  ["unknown_action", { action: "no_such_action" }],
  ["bad_request", {}],
  ["bad_request", { action: 1 }],
  ["bad_topic", { action: "put", topic: 1, body: "x" }],
  ["bad_request", { action: "hello", since: "yesterday" }],
  ["bad_topic", { action: "put", topic: "", body: "x" }],
  ["bad_topic", { action: "put", topic: "a\0b", body: "x" }],
  ["bad_topic", { action: "get", topic: "\ud800" }],
];

export const basics: WireChecks = {
  async "a client that offers the subprotocol dsmq gets it, and one that does not is accepted"(
    wire,
  ) {
    assertEquals((await wire.connect()).protocol, "dsmq");
    assertEquals((await wire.connect1x()).protocol, "");
  },

  async "hello tells the protocol, the store and its epoch, the last number, and the limits"(wire) {
    const mq = await wire.connect();
    const reply = await mq.request({ action: "hello", id: 7, protocol: 1 });
    assertEquals([reply.id, reply.protocol], [7, 1]);
    for (const field of ["server", "store", "epoch", "durability"]) {
      assertEquals(typeof reply[field], "string", field);
    }
    for (const field of ["start", "last", "floor", "time", "retention"]) {
      assert(Number.isSafeInteger(reply[field]), `${field} is a whole number`);
    }
    for (const limit of ["messageBytes", "topicBytes", "inFlight", "frameRequests"]) {
      assert(reply.limits[limit] > 0, `there is a limit ${limit}`);
    }
    const again = await (await wire.connect()).request({ action: "hello", id: 1 });
    assertEquals([again.store, again.epoch], [reply.store, reply.epoch]);
  },

  async "each request gets one reply with its id, those of an array in their order"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const replies = await mq.requests([
      { action: "put", id: 900, topic, body: "one" },
      { action: "no_such_action", id: 2 },
      { action: "put", id: 0, topic, body: "two" },
      { action: "get", id: 2 ** 53 - 1, topic },
      { action: "heartbeat", id: 5 },
    ]);
    assertEquals(replies.map(({ id }) => id), [900, 2, 0, 2 ** 53 - 1, 5]);
    assertEquals(replies[3]!.body, "one");
    assert(replies[1]!.error, "one that fails does not affect the others");
    assertEquals(await mq.request({ action: "heartbeat", id: 6 }), { id: 6 });
  },

  async "unknown fields of a request are ignored"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const more = { future: { deeply: [1] }, another: null };
    const put = await mq.request({ action: "put", id: 1, topic, body: "x", ...more });
    assert(put.seq > 0, "the put is stored");
    const got = await mq.request({ action: "get", id: 2, topic, ...more });
    assertEquals([got.id, got.body, got.seq], [2, "x", put.seq]);
  },

  async "what cannot be done is an error with a code and a sentence, and the connection outlives it"(
    wire,
  ) {
    const mq = await wire.connect();
    for (const [id, [code, request]] of REFUSED.entries()) {
      const reply = await mq.request({ ...request, id });
      assertEquals([reply.id, reply.error?.code], [id, code], JSON.stringify(request));
      assert(reply.error.message.length > 10, "the message is a sentence");
    }
    assertEquals(await mq.request({ action: "heartbeat", id: 99 }), { id: 99 });
  },

  async "a request whose id is invalid gets the error bad_request with the id null"(wire) {
    const mq = await wire.connect();
    for (const id of [-1, 1.5, 2 ** 53, "1", [], {}, true]) {
      const reply = await mq.request({ action: "heartbeat", id });
      assertEquals([reply.id, reply.error?.code], [null, "bad_request"], JSON.stringify(id));
    }
  },

  async "a message that is larger than the limit is refused with it, and nothing is stored"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const { limits: { messageBytes } } = await mq.request({ action: "hello", id: 1 });
    // With its quotes it has one byte too many.
    const body = "x".repeat(messageBytes - 1);
    const reply = await mq.request({ action: "put", id: 2, topic, body });
    assertEquals([reply.error?.code, reply.error?.limit], ["too_large", messageBytes]);
    const got = await mq.request({ action: "get", id: 3, topic });
    assertEquals([got.body, got.seq], ["", undefined]);
  },

  async "a client that asked for heartbeats gets them, with the store's time and numbers"(wire) {
    const mq = await wire.connect();
    const reply = await mq.request({ action: "hello", id: 1, heartbeat: 100 });
    assertEquals(reply.heartbeat, 100);
    for (let i = 0; i < 2; i++) {
      const beat = await mq.next();
      assertEquals([beat.heartbeat, beat.id], [100, undefined]);
      assert(beat.time >= reply.time && beat.last >= reply.last, "it tells the present");
      assert((beat.asOf ?? 0) < beat.time, "what it knows is not later than the present");
      mq.send({ action: "heartbeat" });
    }
  },

  async "a client that answers no heartbeat is closed with the code 4408"(wire) {
    const mq = await wire.connect();
    await mq.request({ action: "hello", id: 1, heartbeat: 100 });
    assertEquals(await mq.closed(), 4408);
  },

  async "a newer connection with the same session closes the older one with the code 4409"(wire) {
    const session = crypto.randomUUID();
    const [older, newer] = [await wire.connect(), await wire.connect()];
    await older.request({ action: "hello", id: 1, session, try: 1 });
    const reply = await newer.request({ action: "hello", id: 1, session, try: 2 });
    assertEquals(reply.id, 1);
    assertEquals(await older.closed(), 4409);
  },
};
