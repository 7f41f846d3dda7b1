/**
 * What dsmq guarantees, as a user of its own client sees it: a position that one program saved is where the next goes on, and
 * what is gone after it is told. Over both stores and both transports.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, DsmqError, serve, type ServeOptions } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { quiet } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const RETENTION = 600_000;

/** A folder for files, which is deleted at the end. */
class Folder implements AsyncDisposable {
  readonly path: string = Deno.makeTempDirSync();

  [Symbol.asyncDispose](): Promise<void> {
    return Deno.remove(this.path, { recursive: true });
  }
}

/** What the reads of a topic return until there is nothing more: texts, and codes of errors. */
async function readAll(mq: Connection, topic: string): Promise<string[]> {
  const got: string[] = [];
  for (;;) {
    const message = await mq.read(topic).catch((error: DsmqError) => error);
    if (message === undefined) return got;
    got.push(message instanceof DsmqError ? message.code : message.body);
  }
}

/** The same for a subscription that goes on after gaps, up to a message. */
async function streamUntil(
  mq: Connection,
  topic: string,
  since: string,
  last: string,
): Promise<string[]> {
  const got: string[] = [];
  await using stream = mq.subscribe(topic, {
    since,
    onGap: ({ code }) => (got.push(code), "oldest"),
  });
  for (;;) {
    const { value } = await withTimeout(stream.next());
    got.push(value!.body);
    if (value!.body === last) return got;
  }
}

/** A program that reads one message of a topic, saves its position and ends. */
async function savePosition(url: string, topic: string): Promise<string> {
  await using mq = await connect(url, { since: "start" });
  return (await mq.read(topic))!.position;
}

/** Puts messages, "1" and so on, with one connection. */
async function putAll(url: string, topic: string, ...bodies: string[]): Promise<void> {
  await using mq = await connect(url);
  await mq.putMany(topic, bodies);
}

for (const transport of ["builtin", "hardened"] as const) {
  for (const kind of ["memory", "file"] as const) {
    const name = `${kind}, ${transport}`;
    const optionsOf = (folder: Folder, file = "queue.db"): ServeOptions => ({
      port: 0,
      log: quiet,
      transport,
      ...(kind === "file" && { store: `sqlite:${folder.path}/${file}` }),
    });

    Deno.test(`a message has one position, however it is read (${name})`, async () => {
      await using folder = new Folder();
      await using server = await serve(optionsOf(folder));
      await putAll(server.url, "t", "1", "2", "3");
      await using mq = await connect(server.url, { since: "start" });
      await using other = await connect(server.url, { since: "start" });
      await using stream = other.subscribe("t");
      const streamed = [];
      for (let i = 0; i < 3; i++) streamed.push((await stream.next()).value!);
      const read = [await mq.read("t"), await mq.read("t", { wait: 5 }), await mq.read("t")];
      assertEquals(streamed, read as typeof streamed);
      for (const { seq, position } of streamed) {
        assertEquals(position.replace(/^[\w-]{36}:/, ""), `${seq}`);
      }
      // Values of their own, not getters: they can be stored and sent anywhere.
      assertEquals(structuredClone(read), read);
      assertEquals(JSON.parse(JSON.stringify(read)), read);
    });

    Deno.test(`the next program goes on after a position, in every topic of the server (${name})`, async () => {
      await using folder = new Folder();
      await using server = await serve(optionsOf(folder));
      await putAll(server.url, "t", "1", "2");
      await putAll(server.url, "u", "3");
      const since = await savePosition(server.url, "t");
      await using mq = await connect(server.url, { since });
      assertEquals([await readAll(mq, "t"), await readAll(mq, "u")], [["2"], ["3"]]);
      assertEquals(await streamUntil(mq, "t", since, "2"), ["2"]);
      assertEquals(await streamUntil(mq, "u", since, "3"), ["3"]);
    });

    Deno.test(`over a restart of the server it goes on, or is told once of each topic that the history is gone (${name})`, async () => {
      await using folder = new Folder();
      const first = await serve(optionsOf(folder));
      await putAll(first.url, "t", "1", "2");
      const since = await savePosition(first.url, "t");
      await first.shutdown();
      await using server = await serve(optionsOf(folder));
      await putAll(server.url, "t", "3", "4");
      await putAll(server.url, "u", "5");
      await using mq = await connect(server.url, { since });
      const expected = kind === "file" ? [["2", "3", "4"], ["5"], []] : [
        ["epoch_changed", "3", "4"],
        ["epoch_changed", "5"],
        ["epoch_changed"],
      ];
      assertEquals(
        [await readAll(mq, "t"), await readAll(mq, "u"), await readAll(mq, "empty")],
        expected,
      );
      assertEquals(await streamUntil(mq, "t", since, "4"), expected[0]);
      await using stream = mq.subscribe("t", { since });
      const next = await stream.next().catch((error) => error);
      assertEquals(next.code ?? next.value.body, expected[0]![0]);
    });

    Deno.test(`what expired after a position is told to the readers of its topic, also if nobody was there (${name})`, async () => {
      await using folder = new Folder();
      const clock = new ManualClock();
      await using server = await serve({ ...optionsOf(folder), clock, retention: RETENTION });
      await putAll(server.url, "t", "1", "2");
      await putAll(server.url, "u", "3");
      const since = await savePosition(server.url, "t");
      clock.advance(RETENTION / 2);
      await putAll(server.url, "v", "4");
      clock.advance(RETENTION / 2);
      // Again when still more is gone.
      for (const v of [["4"], ["trimmed", "4"]]) {
        await using mq = await connect(server.url, { since });
        for (const topic of ["t", "u"]) assertEquals(await readAll(mq, topic), ["trimmed"]);
        assertEquals([await readAll(mq, "v"), await readAll(mq, "w")], [v, []]);
        await using stream = mq.subscribe("t", { since });
        const error = await withTimeout(stream.next()).catch((error) => error);
        assert(error instanceof DsmqError && error.code === "trimmed", String(error));
        for (const options of [{}, { since }]) {
          await using prefix = mq.subscribe({ prefix: "t" }, options);
          const error = await withTimeout(prefix.next()).catch((error) => error);
          assert(error instanceof DsmqError && error.code === "trimmed", String(error));
        }
        const after = mq.subscribe("t", { since, onGap: "oldest" });
        const last = after.next();
        await putAll(server.url, "t", "5");
        assertEquals((await withTimeout(last)).value?.body, "5");
        await after.return!();
        clock.advance(RETENTION / 2);
        await putAll(server.url, "v", "4");
        clock.advance(RETENTION / 2);
      }
    });

    Deno.test(`a position of another server is told apart, and reading begins with what there is (${name})`, async () => {
      await using folder = new Folder();
      await using other = await serve(optionsOf(folder, "other.db"));
      await putAll(other.url, "t", "1", "2", "3");
      const since = await savePosition(other.url, "t");
      await using server = await serve(optionsOf(folder));
      await putAll(server.url, "t", "one", "two");
      await using mq = await connect(server.url, { since });
      assertEquals(await readAll(mq, "t"), ["epoch_changed", "one", "two"]);
      assertEquals(await streamUntil(mq, "t", since, "two"), ["epoch_changed", "one", "two"]);
    });
  }
}

Deno.test("a position beyond the end of an older file that was restored is told as ahead", async () => {
  await using folder = new Folder();
  const [path, copy] = [`${folder.path}/queue.db`, `${folder.path}/copy.db`];
  const options = { port: 0, log: quiet };
  const early = await serve({ ...options, store: `sqlite:${path}` });
  await putAll(early.url, "t", "1");
  await early.shutdown();
  const first = await serve({ ...options, store: `sqlite:${path}` });
  await putAll(first.url, "t", "2");
  // As a backup of a running server.
  for (const end of ["", "-wal"]) await Deno.copyFile(path + end, copy + end);
  await putAll(first.url, "t", "3");
  await using mq = await connect(first.url, { since: "start" });
  for (let i = 0; i < 2; i++) await mq.read("t");
  const since = (await mq.read("t"))!.position;
  await first.shutdown();
  await using restored = await serve({ ...options, store: `sqlite:${copy}` });
  await putAll(restored.url, "t", "other");
  await using next = await connect(restored.url, { since });
  assertEquals(await readAll(next, "t"), ["ahead", "other"]);
  assertEquals(await streamUntil(next, "t", since, "other"), ["ahead", "other"]);
});
