/**
 * What clients of dsmq 1.x have put comes back the same from a server on a copy: in the empty topic, too.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type TopicGone } from "@dsmq/server";
import { decodeReplies } from "../../protocol/decode_replies.ts";
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

Deno.test("a client of dsmq 1.x gets the same from a copy, and from a copy of that, whatever values were put", async () => {
  using folder = new TempFolder();
  const [original, first, second] = ["db", "1", "2"].map((end) => `${folder.file}.${end}`);
  const values = [
    ...[
      "null",
      '"null"',
      "NaN",
      "7",
      "7.5",
      "1e16",
      "-0",
      "true",
      "false",
      "Infinity",
      "-Infinity",
    ],
    ...[
      '""',
      '"\\u006eull"',
      '"\\ud800"',
      '"\\u0000"',
      '"\\"\\u2028\\/"',
      "123456789012345678901234567890",
    ],
    // These are refused.
    ...["[]", "{}"],
    ...["null", '"end"'],
  ];
  const expected = await (async () => {
    await using server = await openServer({ store: `sqlite:${original}` });
    for (const topic of ["t", ""]) await putLegacy(server.url, topic, ...values);
    await backUp(server.url, first!);
    return await getLegacy(server.url, "t", values.length - 2);
  })();
  assertEquals(expected.slice(0, 5), [
    '{"message":null}',
    '{"message":"null"}',
    '{"message":null}',
    '{"message":"7"}',
    '{"message":"7.5"}',
  ]);
  assertEquals(expected.slice(-2), ['{"message":null}', '{"message":"end"}']);
  for (const [path, next] of [[first, second], [second, undefined]]) {
    await using server = await openServer({ store: `sqlite:${path!}` });
    for (const topic of ["t", ""]) {
      assertEquals(await getLegacy(server.url, topic, expected.length), expected);
    }
    if (next !== undefined) await backUp(server.url, next);
  }
});

Deno.test("a page of a backup has nulls only where a client of dsmq 1.x put None, and the library says so of these alone", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await mq.put("t", "null", { messageId: "a" });
  const { epoch } = (await mq.backup()).info;
  using raw = await RawClient.open(server.url);
  const page = (last: number) => raw.request({ action: "backup", id: 2, after: 0, last, epoch });
  const { nulls, identities } = await page(1);
  assertEquals([nulls, identities], [undefined, [""]]);
  await putLegacy(server.url, "t", "null", '"null"', "null");
  const { nulls: some, identities: all, bodies } = await page(4);
  assertEquals([some, all], [[2, 4], ["", null, null, null]]);
  assertEquals(bodies, ["null", "null", "null", "null"]);
  const found = await Array.fromAsync(await mq.backup());
  assertEquals(found.map((message) => message.isNull), [undefined, true, undefined, true]);
  assertEquals(found.map((message) => "isNull" in message), [false, true, false, true]);
});

Deno.test("a page whose nulls are not messages of it with the text null, in their order, is malformed", () => {
  const kindOf = (nulls: string, bodies = ["null", "one", "null"]) => {
    const lists = { seqs: [3, 4, 5], times: [1, 1, 1], topics: ["t", "t", "t"], bodies };
    const text = JSON.stringify({ id: 2, through: 5, ...lists });
    return decodeReplies(`${text.slice(0, -1)},"nulls":${nulls}}`)![0]!.kind;
  };
  for (const nulls of ["[3]", "[5]", "[3,5]", "[]"]) assertEquals(kindOf(nulls), "backup_page");
  for (
    const nulls of ["[4]", "[6]", "[5,3]", "[3,3]", '["3"]', "[null]", "{}", "null", "3", '""']
  ) {
    assertEquals(kindOf(nulls), "malformed", nulls);
  }
});
