/**
 * What is under way when a server falls behind its log, and ends only then: its clients get no reply that the epoch after that
 * does not know.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Command, CommandBatch } from "../../stores/store.ts";
import { FencedStore } from "../support/fenced_store.ts";
import { problemOf } from "../support/http_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { testStores } from "../support/store_servers.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A store whose commands and reads wait for the test, once it holds them. */
class HeldStore extends FencedStore {
  #held: PromiseWithResolvers<void> | undefined;
  #asked = Promise.withResolvers<void>();

  hold(): void {
    this.#held = Promise.withResolvers();
    this.#asked = Promise.withResolvers();
  }

  /** Resolves once something waits. */
  get asked(): Promise<void> {
    return withTimeout(this.#asked.promise);
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  async #wait(): Promise<void> {
    if (!this.#held) return;
    this.#asked.resolve();
    await this.#held.promise;
  }

  override async apply<C extends Command>(batch: CommandBatch<C>) {
    await this.#wait();
    return await super.apply(batch);
  }

  override async read(queries: Parameters<FencedStore["read"]>[0]) {
    await this.#wait();
    return await super.read(queries);
  }
}

/** Requests of a WebSocket, and what their replies have. */
const REQUESTS = {
  put: [{ action: "put", id: 7, topic: "t", body: "x" }, "seq"],
  get: [{ action: "get", id: 7, topic: "t" }, "body"],
  topics: [{ action: "topics", id: 7, prefix: "", after: "", count: 5 }, "topics"],
  "a new group": [{ action: "create_group", id: 7, topic: "t", group: "g" }, "created"],
} as const;

for (const [name, [request, field]] of Object.entries(REQUESTS)) {
  testStores(`${name}: has no reply once the server is behind`, async (serve) => {
    const store = new HeldStore();
    await using server = await serve(store);
    await store.arrive("t", "hello");
    await using raw = await RawClient.open(server.url);
    assertEquals(Object.hasOwn(await raw.request({ ...request, id: 6 }), field), true);
    store.hold();
    if (name === "topics") store.onFence = () => store.read([]);
    void raw.send(request);
    await store.asked;
    store.fallBehind();
    await store.catchUp("another-epoch");
    store.release();
    assertEquals((await withTimeout(raw.closed)).code, 1013);
    const replies = raw.received.filter((text) => text.includes('"id":7'));
    assertEquals(replies, []);
  });
}

/** Requests of plain HTTP, and their statuses: in time, and if the server is behind by then. */
const HTTP_REQUESTS = {
  "a put": ["/topics/t", { method: "POST", body: "x" }, 201, 500, "unknown_outcome"],
  "puts of lines": [
    "/topics/t",
    { method: "POST", body: '"1"\n"2"', headers: { "content-type": "application/x-ndjson" } },
    200,
    500,
    "unknown_outcome",
  ],
  "a read": ["/topics/t", {}, 200, 503, "behind"],
  "a read of what is not there": ["/topics/u", {}, 204, 503, "behind"],
  "a page": ["/topics/t?count=5", { headers: { accept: "application/json" } }, 200, 503, "behind"],
  "a claim": ["/topics/t/groups/g/claim", { method: "POST" }, 200, 500, "unknown_outcome"],
} as const;

for (const [name, [path, init, status, whenBehind, code]] of Object.entries(HTTP_REQUESTS)) {
  for (const epoch of [undefined, "another-epoch"]) {
    const when = epoch ? "another epoch has begun" : "the server is behind";
    testStores(`${name} over HTTP: what is told is true once ${when}`, async (serve) => {
      const store = new HeldStore();
      await using server = await serve(store);
      await store.arrive("t", "hello");
      await store.arrive("t", "hello");
      const before = await server.get(path, init);
      await before.body?.cancel();
      assertEquals(before.status, status);
      store.hold();
      const response = server.get(path, init);
      await store.asked;
      store.fallBehind();
      if (epoch) await store.catchUp(epoch);
      store.release();
      const late = await withTimeout(response);
      if (epoch && init !== undefined && "method" in init) {
        // It is stored in that epoch.
        const position = `${late.headers.get("dsmq-position")} ${await late.text()}`;
        assertEquals([late.status, position.includes(epoch)], [status, true]);
        return;
      }
      const problem = await problemOf(late);
      assertEquals([problem.status, problem.code], [whenBehind, code]);
    });
  }
}
