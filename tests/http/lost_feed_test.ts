/**
 * A store whose feed is lost under streams and waits of a whole server: they go on with each message once, and are told once of
 * what is gone.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { EventReader } from "../support/event_reader.ts";
import { type HttpServer, problemOf } from "../support/http_server.ts";
import { LosingStore, RETENTION } from "../support/losing_store.ts";
import { testStores } from "../support/store_servers.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** All that follow: a topic and a prefix, in both forms. */
async function followAll({ origin }: HttpServer): Promise<EventReader[]> {
  return await Promise.all([
    EventReader.events(`${origin}/topics/t`),
    EventReader.lines(`${origin}/topics/t`),
    EventReader.events(`${origin}/messages?prefix=t`),
    EventReader.lines(`${origin}/messages`),
  ]);
}

/** All that wait. */
function waitAll({ get }: HttpServer, after: string): Promise<Response[]> {
  return Promise.all([
    get(`/topics/t?after=${after}&wait=60`),
    get(`/topics/t?after=${after}&wait=60&count=9`),
    get(`/messages?after=${after}&wait=60`),
  ]);
}

async function put({ post }: HttpServer, ...texts: string[]): Promise<string> {
  let position = "";
  for (const text of texts) {
    const response = await post("/topics/t", text);
    assertEquals(response.status, 201);
    ({ position } = await response.json());
  }
  return position;
}

async function endAll(readers: readonly EventReader[]): Promise<void> {
  for (const reader of readers) await reader[Symbol.asyncDispose]();
}

/** Waits until so many requests and connections are open. */
async function opened({ url }: HttpServer, count: number): Promise<void> {
  await using mq = await connect(url);
  while ((await mq.connections()).length < count + 1) await Promise.resolve();
}

async function purge({ url }: HttpServer): Promise<void> {
  await using mq = await connect(url);
  await mq.purge("t");
}

testStores(
  "streams and waits get what came while the feed was lost, each message once, and are told of no gap",
  async (serve) => {
    const store = new LosingStore();
    await using server = await serve(store, store.clock);
    let position = await put(server, "0");
    const readers = await followAll(server);
    for (let round = 1; round < 4; round++) {
      const waiting = waitAll(server, position);
      await opened(server, readers.length + 3);
      store.lose();
      const [first, second, third] = [`${round}a`, `${round}b`, `${round}c`] as const;
      await put(server, first, second);
      // The second time it takes longer.
      store.refusals = round === 2 ? 3 : 0;
      for (let tries = store.refusals; tries >= 0; tries--) await store.recover();
      const [text, page, ofAll] = await withTimeout(waiting);
      assertEquals([await text!.text(), await ofAll!.text()], [first, first]);
      const { messages } = await page!.json();
      assertEquals(messages.map(({ body }: { body: string }) => body), [first, second]);
      position = await put(server, third);
      for (const reader of readers) assertEquals(await reader.told(3), [first, second, third]);
    }
    await endAll(readers);
  },
);

testStores(
  "what is purged while the feed is lost is told once, and readers go on behind it",
  async (serve) => {
    const store = new LosingStore();
    await using server = await serve(store, store.clock);
    const before = await put(server, "1");
    const readers = await followAll(server);
    const waiting = waitAll(server, before);
    await opened(server, readers.length + 3);
    store.lose();
    await put(server, "2", "3");
    await purge(server);
    await put(server, "4");
    await store.recover();
    for (const response of await withTimeout(waiting)) {
      const { status, code, position } = await problemOf(response);
      assertEquals([status, code, position], [
        410,
        "trimmed",
        response.headers.get("dsmq-position"),
      ]);
      const next = await server.get(`/topics/t?after=${position}`);
      assertEquals([next.status, await next.text()], [200, "4"]);
    }
    for (const reader of readers) assertEquals(await reader.told(2), ["trimmed 3", "4"]);
    // Neither they nor those who resume are told again.
    const headers = { "last-event-id": before.replace(/:.*/, ":3") };
    await using resumed = await EventReader.events(`${server.origin}/topics/t`, headers);
    await put(server, "5");
    for (const reader of readers) assertEquals(await reader.told(1), ["5"]);
    assertEquals(await resumed.told(2), ["4", "5"]);
    await endAll(readers);
  },
);

testStores(
  "what expires while the feed is lost is told once, to those who resume at the position before it, too",
  async (serve) => {
    const store = new LosingStore();
    await using server = await serve(store, store.clock);
    const before = await put(server, "1");
    const readers = await followAll(server);
    store.lose();
    await put(server, "2", "3");
    store.refusals = 1;
    store.clock.advance(RETENTION + 1);
    await put(server, "4");
    await store.recover();
    for (const reader of readers) assertEquals(await reader.told(2), ["trimmed 3", "4"]);
    for (const path of ["/topics/t", "/messages"]) {
      const headers = { "last-event-id": before };
      await using resumed = await EventReader.events(`${server.origin}${path}`, headers);
      assertEquals(await resumed.told(2), ["trimmed 3", "4"]);
    }
    await put(server, "5");
    for (const reader of readers) assertEquals(await reader.told(1), ["5"]);
    await endAll(readers);
  },
);
