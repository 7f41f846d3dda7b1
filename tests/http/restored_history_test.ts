/**
 * A server that is started again: from its file, from an older copy of it, or from nothing. Readers who come back go on, or are
 * told once what is lost.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EventReader } from "../support/event_reader.ts";
import { FileFolder } from "../support/file_folder.ts";
import { type HttpServer, problemOf, testHttp } from "../support/http_server.ts";

/** Puts texts; returns the position of the last. */
async function put({ post }: HttpServer, ...texts: string[]): Promise<string> {
  let position = "";
  for (const text of texts) ({ position } = await (await post("/topics/t", text)).json());
  return position;
}

/** Comes back as `EventSource` does, and with lines. */
function resume({ origin }: HttpServer, position: string): Promise<EventReader[]> {
  return Promise.all([
    EventReader.events(`${origin}/topics/t`, { "last-event-id": position }),
    EventReader.events(`${origin}/messages?after=start`, { "last-event-id": position }),
    EventReader.lines(`${origin}/topics/t?after=${position}`),
  ]);
}

/** Checks what each of them tells. */
async function assertTold(readers: readonly EventReader[], ...told: string[]): Promise<void> {
  for (const reader of readers) assertEquals(await reader.told(told.length), told);
}

/** Checks that each has ended, and said so. */
async function assertEnded(readers: readonly EventReader[]): Promise<void> {
  for (const reader of readers) {
    assertEquals(await reader.told(2), ["shutting_down"]);
    await reader[Symbol.asyncDispose]();
  }
}

/** Checks that a request that waits is told of what is lost, and from where to go on. */
async function assertLost(
  { get }: HttpServer,
  after: string,
  expected: readonly [code: string, seq: number, next: string],
): Promise<void> {
  const response = await get(`/topics/t?after=${after}&wait=60`);
  const { status, code, position } = await problemOf(response);
  const [lost, seq, next] = expected;
  assertEquals([status, code, `${position}`.split(":")[1]], [410, lost, `${seq}`]);
  const found = await get(`/topics/t?after=${position}&wait=60`);
  assertEquals([found.status, await found.text()], [200, next]);
}

testHttp(
  "readers who come back to a server that was started again go on, or are told once what is lost",
  async (open) => {
    using folder = new FileFolder();
    const copy = `${folder.root}/copy.db`;
    const store = `sqlite:${folder.path}` as const;
    let first: string;
    {
      await using server = await open({ store });
      const readers = await resume(server, await put(server, "1"));
      await put(server, "2");
      for (const end of ["", "-wal"]) Deno.copyFileSync(`${folder.path}${end}`, `${copy}${end}`);
      first = await put(server, "3");
      await assertTold(readers, "2", "3");
      await server.shutdown();
      await assertEnded(readers);
    }
    let second: string;
    {
      await using server = await open({ store });
      const readers = await resume(server, first);
      second = await put(server, "4");
      await assertTold(readers, "4");
      await server.shutdown();
      await assertEnded(readers);
    }
    {
      await using server = await open({ store: `sqlite:${copy}` });
      const readers = await resume(server, first);
      await assertTold(readers, "ahead 2");
      const others = await resume(server, second);
      await assertTold(others, "epoch_changed 0", "1", "2");
      const next = await put(server, "three");
      await assertTold([...readers, ...others], "three");
      await assertLost(server, first, ["ahead", 2, "three"]);
      await assertLost(server, second, ["epoch_changed", 0, "1"]);
      // Who has been told is not told again.
      const told = await resume(server, next.replace(/:.*/, ":2"));
      await assertTold(told, "three");
      await put(server, "four");
      await assertTold([...readers, ...others, ...told], "four");
      await server.shutdown();
      await assertEnded([...readers, ...others, ...told]);
    }
    {
      await using server = await open();
      const readers = await resume(server, second);
      await assertTold(readers, "epoch_changed 0");
      await put(server, "one");
      await assertTold(readers, "one");
      await assertLost(server, second, ["epoch_changed", 0, "one"]);
      await server.shutdown();
      await assertEnded(readers);
    }
  },
);
