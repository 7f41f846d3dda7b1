/**
 * What clients of dsmq 1.x have put comes back the same from a server on a copy: in the empty topic, too.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type TopicGone } from "@dsmq/server";
import { BackupFile } from "../../stores/backup_file.ts";
import { openServer } from "../support/open_server.ts";
import { TempFolder } from "../support/queue_files.ts";
import { RawClient } from "../support/raw_client.ts";

/** Puts messages as a client of dsmq 1.x does: there is no reply, so the topic is read once by another one. */
async function putLegacy(url: string, topic: string, ...messages: readonly string[]) {
  using raw = await RawClient.open(url);
  for (const message of messages) {
    await raw.send(`{"action":"put","topic":${JSON.stringify(topic)},"message":${message}}`);
  }
  // An answer comes after all before it is done.
  await raw.request({ action: "topics", id: 1 });
}

/** The replies that a client of dsmq 1.x gets, from the first message on. */
async function getLegacy(url: string, topic: string, count: number): Promise<string[]> {
  using raw = await RawClient.open(url);
  await raw.request({ action: "hello", id: 1, since: "start" });
  const replies: string[] = [];
  for (let i = 0; i < count; i++) {
    await raw.send({ action: "get", topic });
    replies.push(await raw.nextText());
  }
  return replies;
}

/** Makes a file of a backup, as the command does; returns how many messages it has, and what was told of topics. */
async function backUp(
  url: string,
  path: string,
  meanwhile: () => Promise<unknown> = async () => {},
): Promise<[messages: number, gone: readonly TopicGone[]]> {
  await using mq = await connect(url);
  const backup = await mq.backup();
  Deno.createSync(path).close();
  const file = await BackupFile.open(path, backup.info);
  for await (const message of backup) file.add(message);
  await meanwhile();
  const gone = await Array.fromAsync(backup.gone());
  for (const entry of gone) file.addGone(entry);
  return [file.finish(await backup.newestGone()), gone];
}

for (const kind of ["memory", "file"] as const) {
  Deno.test(`messages of the empty topic are in a copy, and in a copy of that, also if there are no others: ${kind}`, async () => {
    using folder = new TempFolder();
    const [first, second] = [`${folder.file}.1`, `${folder.file}.2`];
    for (const others of [[], ['"one"']]) {
      const texts = ['"x"', '"y"'];
      {
        const store = kind === "memory" ? "memory" : `sqlite:${folder.file}.${others.length}.db`;
        await using server = await openServer({ store: store as "memory" });
        await putLegacy(server.url, "", ...texts);
        await putLegacy(server.url, "t", ...others);
        const [messages, gone] = await backUp(server.url, first);
        assertEquals(messages, texts.length + others.length);
        const topics = [...others.map(() => "t"), ""];
        assertEquals(gone, topics.map((topic) => ({ topic, seq: 0 })));
      }
      {
        await using server = await openServer({ store: `sqlite:${first}` });
        assertEquals(await getLegacy(server.url, "", 3), [
          '{"message":"x"}',
          '{"message":"y"}',
          '{"message":""}',
        ]);
        assertEquals((await backUp(server.url, second))[0], texts.length + others.length);
      }
      await using server = await openServer({ store: `sqlite:${second}` });
      assertEquals((await getLegacy(server.url, "", 2)).at(-1), '{"message":"y"}');
      assertEquals((await getLegacy(server.url, "t", 1))[0], `{"message":${others[0] ?? '""'}}`);
      for (const path of [first, second]) Deno.removeSync(path);
    }
  });
}

Deno.test("the empty topic comes after all others of a backup, and on no page that others follow, however small pages are", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  const names = Array.from({ length: 251 }, (_, i) => `${i}`.padStart(4, "0"));
  for (const name of names) await mq.put(name, "m");
  const { epoch } = (await mq.backup()).info;
  using raw = await RawClient.open(server.url);
  const pages = async () => {
    const last: [topic: string | undefined, more: boolean][] = [];
    for (let [topicsAfter, more] = ["", true]; more;) {
      const page = await raw.request({ action: "backup", id: 2, topicsAfter, last: 251, epoch });
      last.push([page.gone.at(-1)?.topic, page.more]);
      ({ more } = page);
      topicsAfter = page.gone.at(-1)?.topic;
    }
    return last;
  };
  assertEquals(await pages(), [["0249", true], ["0250", false]]);
  await putLegacy(server.url, "", '"x"');
  assertEquals(await pages(), [["0249", true], ["", false]]);
  await mq.purge("0250");
  assertEquals(await pages(), [["0249", true], ["", false]]);
});
