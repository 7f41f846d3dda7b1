/**
 * A store that fails under requests: each gets a coded answer, nothing that was acknowledged is lost, and once the store works
 * again, so does everything else.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { EventReader } from "../support/event_reader.ts";
import { FailingFile } from "../support/failing_file.ts";
import { type HttpServer, problemOf, testHttp } from "../support/http_server.ts";
import { testStores } from "../support/store_servers.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** What reads, and the form that it asks for. */
const READS: readonly [path: string, accept: string][] = [
  ["/topics/t", "text/plain"],
  ["/topics/t?count=9", "application/json"],
  ["/topics/t?wait=60&after=now", "text/plain"],
  ["/topics/t", "text/event-stream"],
  ["/topics/t", "application/x-ndjson"],
  ["/messages?prefix=t", "text/plain"],
  ["/messages?prefix=t", "text/event-stream"],
  ["/topics", "application/json"],
];

const NDJSON = { "content-type": "application/x-ndjson" };

/** The status of a response whose body does not matter. */
async function statusOf(request: Promise<Response>): Promise<number> {
  const response = await withTimeout(request);
  await response.body?.cancel();
  return response.status;
}

/** Status and code of a response that failed. */
async function failureOf(request: Promise<Response>): Promise<[status: number, code: string]> {
  const response = await withTimeout(request);
  return [response.status, (await problemOf(response)).code];
}

/** Readers of a server that last: streams of both forms, and waits, one of each round. */
class Lasting implements AsyncDisposable {
  readonly streams: readonly EventReader[];
  readonly #server: HttpServer;
  readonly #acknowledged: string[] = [];
  #waits: readonly Promise<Response>[] = [];

  private constructor(server: HttpServer, streams: readonly EventReader[]) {
    this.#server = server;
    this.streams = streams;
  }

  static async open(server: HttpServer): Promise<Lasting> {
    const streams = await Promise.all([
      EventReader.events(`${server.origin}/topics/t`),
      EventReader.lines(`${server.origin}/messages`),
    ]);
    return new Lasting(server, streams);
  }

  /** Waits for the next message; resolves when the server has begun to. */
  async wait(): Promise<void> {
    const { get, url } = this.#server;
    this.#waits = ["/topics/t", "/messages"].map((path) => get(`${path}?after=now&wait=60`));
    await using mq = await connect(url);
    while ((await mq.connections()).length < 5) await Promise.resolve();
  }

  /** Puts a text, which all of them get. */
  async put(text: string): Promise<void> {
    assertEquals(await statusOf(this.#server.post("/topics/t", text)), 201);
    this.#acknowledged.push(text);
    for (const stream of this.streams) assertEquals(await stream.told(1), [text]);
    for (const wait of this.#waits) {
      const response = await withTimeout(wait);
      assertEquals([response.status, await response.text()], [200, text]);
    }
    this.#waits = [];
  }

  /** Checks that what was acknowledged is there, and nothing else. */
  async assertKept(): Promise<void> {
    const response = await this.#server.get("/topics/t?count=100");
    const { messages } = await response.json();
    assertEquals(messages.map(({ body }: { body: string }) => body), this.#acknowledged);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.streams) await stream[Symbol.asyncDispose]();
  }
}

testStores(
  "while the store fails each request gets its code at once, and streams and waits go on once it works again",
  async (serve) => {
    await using file = new FailingFile();
    await using server = await serve(file.store, file.clock);
    const { get, post } = server;
    await using lasting = await Lasting.open(server);
    await lasting.put("first");
    for (let round = 0; round < 3; round++) {
      await lasting.wait();
      let isBroken = false;
      file.before = (sql) => isBroken && sql === "open" || (sql === "COMMIT" && (isBroken = true));
      assertEquals(await failureOf(post("/topics/t", "lost")), [500, "unknown_outcome"]);
      assertEquals(await failureOf(post("/topics/t", "lost")), [503, "unavailable"]);
      const lines = await withTimeout(post("/topics/t", '"lost"\n"lost"', NDJSON));
      assertEquals(lines.status, 200);
      for (const line of (await lines.text()).trim().split("\n")) {
        assertEquals(JSON.parse(line).code, "unavailable");
      }
      for (const [path, accept] of READS) {
        const failure = await failureOf(get(path, { headers: { accept } }));
        assertEquals(failure, [503, "unavailable"], `${path} as ${accept}`);
      }
      file.repair();
      await lasting.put(`round ${round}`);
      for (const [path] of READS) {
        if (!path.includes("wait")) assertEquals(await statusOf(get(path)), 200);
      }
    }
    await lasting.assertKept();
  },
);

testStores(
  "while the disk is full nothing is put, all reads go on, and streams and waits get what is put once there is room",
  async (serve) => {
    await using file = new FailingFile();
    file.failure = "database or disk is full";
    await using server = await serve(file.store, file.clock);
    const { get, post } = server;
    await using lasting = await Lasting.open(server);
    await lasting.put("first");
    for (let round = 0; round < 3; round++) {
      await lasting.wait();
      file.before = (sql) => sql.startsWith("INSERT");
      assertEquals(await failureOf(post("/topics/t", "lost")), [507, "full"]);
      const lines = await withTimeout(post("/topics/t", '"lost"\n"lost"', NDJSON));
      for (const line of (await lines.text()).trim().split("\n")) {
        assertEquals([JSON.parse(line).status, JSON.parse(line).code], [507, "full"]);
      }
      for (const [path, accept] of READS) {
        if (path.includes("wait")) continue;
        assertEquals(await statusOf(get(path, { headers: { accept } })), 200, path);
      }
      assertEquals(await statusOf(get("/health/ready")), 503);
      file.repair();
      await lasting.put(`round ${round}`);
      assertEquals(await statusOf(get("/health/ready")), 200);
    }
    await lasting.assertKept();
  },
);

testStores(
  "a stream that reads from a store which fails ends with the code, and goes on after its last position",
  async (serve) => {
    const count = 60;
    await using file = new FailingFile();
    await using server = await serve(file.store, file.clock);
    const pad = "x".repeat(500_000);
    for (let i = 1; i <= count; i++) {
      assertEquals(await statusOf(server.post("/topics/t", `${i} ${pad}`)), 201);
    }
    await using events = await EventReader.events(`${server.origin}/topics/t?after=start`);
    await using lines = await EventReader.lines(`${server.origin}/messages?after=start`);
    let isBroken = false;
    file.before = (sql) => isBroken && sql === "open" || (sql === "COMMIT" && (isBroken = true));
    assertEquals(await statusOf(server.post("/topics/t", "lost")), 500);
    const read: string[][] = [];
    for (const reader of [events, lines]) {
      const told: string[] = [];
      for (let next; (next = await reader.told(1)).length > 0;) told.push(...next);
      assertEquals(told.pop(), "unavailable");
      assert(told.length < count, "it had all before the store failed");
      read.push(told);
    }
    file.repair();
    assertEquals(await statusOf(server.post("/topics/t", "the end")), 201);
    const { next } = await (await server.get("/topics/t?count=1")).json();
    for (const told of read) {
      const headers = { "last-event-id": next.replace(/:.*/, `:${told.length}`) };
      await using rest = await EventReader.events(`${server.origin}/messages`, headers);
      told.push(...await rest.told(count + 1 - told.length));
      const all = Array.from({ length: count }, (_, i) => i + 1);
      assertEquals([told.slice(0, -1).map(parseFloat), told.at(-1)], [all, "the end"]);
    }
  },
);

testHttp(
  "a store that has reached its limit refuses what is put, and streams and waits get what is put once there is room",
  async (open) => {
    await using server = await open({ limits: { storedBytes: 2000 } });
    const { post } = server;
    await using lasting = await Lasting.open(server);
    const large = "x".repeat(1000);
    await lasting.put(large);
    await lasting.wait();
    for (const topic of ["t", "u"]) {
      assertEquals(await failureOf(post(`/topics/${topic}`, large)), [507, "full"]);
    }
    const lines = await post("/topics/t", `"${large}"\n`, NDJSON);
    assertEquals((await lines.json()).code, "full");
    await lasting.assertKept();
    await using mq = await connect(server.url);
    await mq.purge("t");
    await lasting.put(large.slice(1));
  },
);
