/**
 * Messages that were stored under a larger limit than the server has now: all of them are read, and none like them is taken.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  connect,
  type Connection,
  DsmqError,
  type ServeOptions,
  type ServerLimits,
} from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { runCommands } from "../support/run_commands.ts";
import { withTimeout } from "../support/with_timeout.ts";

const since = "start";

/** A folder of a test's own. */
function folder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync();
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Puts messages of these lengths into a file, whose limit is as large as it can be. */
async function fill(store: `sqlite:${string}`, lengths: readonly number[]): Promise<void> {
  const options: ServeOptions = { store, durability: "process" };
  await using server = await openServer({ ...options, limits: { messageBytes: 33_554_432 } });
  await using mq = await connect(server.url);
  for (const length of lengths) await mq.put("t", "x".repeat(length));
}

/** The lengths of so many messages of a stream. */
async function streamed(
  mq: Connection,
  filter: string | { readonly prefix: string },
  count: number,
): Promise<number[]> {
  await using stream = mq.subscribe(filter, { since });
  const lengths: number[] = [];
  while (lengths.length < count) {
    const { value } = await withTimeout(stream.next());
    lengths.push(value!.body.length);
  }
  return lengths;
}

/** The lengths of so many messages, read one after another. */
async function lengthsOf(
  count: number,
  read: () => Promise<string | undefined>,
): Promise<number[]> {
  const lengths: number[] = [];
  while (lengths.length < count) lengths.push((await withTimeout(read()))!.length);
  return lengths;
}

/** Reads everything of `t` in each way. */
async function assertReadable(url: string, lengths: readonly number[]): Promise<void> {
  const { length: count } = lengths;
  await using mq = await connect(url);
  assertEquals(await streamed(mq, "t", count), lengths);
  assertEquals(await streamed(mq, { prefix: "" }, count), lengths);
  await using reader = await connect(url, { since });
  assertEquals(await lengthsOf(count, async () => (await reader.read("t"))?.body), lengths);
  await using waiter = await connect(url, { since });
  assertEquals(await lengthsOf(count, () => waiter.getWait("t", { timeout: 9000 })), lengths);
  assertEquals([mq, reader, waiter].map(({ status }) => status), Array(3).fill("connected"));
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`of a file that is served with a lower messageBytes, all is read in every way: ${transport}`, async () => {
    using dir = folder();
    const store = `sqlite:${dir.path}/queue.db` as const;
    const lengths = [900_000, 900_000, 2_900_000, 5];
    await fill(store, lengths);
    await using server = await openServer({ store, transport });
    await assertReadable(server.url, lengths);
  });
}

Deno.test("all is read where even creditBytes is lower than what is stored", async () => {
  using dir = folder();
  const store = `sqlite:${dir.path}/queue.db` as const;
  const lengths = [10, 5_000_000, 5, 5_000_000, 5];
  await fill(store, lengths);
  const limits = { messageBytes: 1000, creditBytes: 1000 };
  await using server = await openServer({ store, limits });
  await assertReadable(server.url, lengths);
});

Deno.test("a message of 20 MB is read and backed up, and from the copy again, by servers and clients of the default limits", async () => {
  using dir = folder();
  const lengths = [6, 20_000_000, 5];
  const [own, copied, again] = ["own", "copied", "again"].map((name) => `${dir.path}/${name}.db`);
  await fill(`sqlite:${own!}`, lengths);
  const backUp = async (from: string, to: string, then: (url: string) => Promise<void>) => {
    await using server = await openServer({ store: `sqlite:${from}`, transport: "hardened" });
    const args = ["backup", to, "--url", server.url];
    const [outcome] = await runCommands([args], { allow: ["--allow-all"] });
    assertEquals([outcome!.code, outcome!.stderr], [0, ""]);
    await then(server.url);
  };
  await backUp(own!, copied!, async () => {});
  await backUp(copied!, again!, (url) => assertReadable(url, lengths));
});

Deno.test("hello tells the size of the largest stored message only if it is beyond messageBytes, which alone decides what is put", async () => {
  using dir = folder();
  const store = `sqlite:${dir.path}/queue.db` as const;
  await fill(store, [2_900_000]);
  const hello = async (limits: Partial<ServerLimits>, then?: (url: string) => Promise<void>) => {
    await using server = await openServer({ store, limits });
    await using raw = await RawClient.open(server.url);
    const { limits: told } = await raw.request({ action: "hello", id: 1 });
    await then?.(server.url);
    return told;
  };
  const enough = await hello({ messageBytes: 4_000_000 });
  assert(!("largestMessageBytes" in enough));
  const { messageBytes, largestMessageBytes } = await hello({}, async (url) => {
    const body = "x".repeat(2_000_000);
    await using mq = await connect(url);
    assertEquals(mq.maxMessageBytes, 1_000_000);
    for (const put of [() => mq.put("t", body), () => mq.putMany("t", [body])]) {
      const error = await assertRejects(put, DsmqError);
      assertEquals([error.code, error.limit], ["too_large", 1_000_000]);
    }
    await using raw = await RawClient.open(url);
    const { error } = await raw.request({ action: "put", id: 1, topic: "t", body });
    assertEquals([error.code, error.limit], ["too_large", 1_000_000]);
  });
  assertEquals(messageBytes, 1_000_000);
  assert(largestMessageBytes >= 2_900_002 && largestMessageBytes < 2_901_000);
});
