/**
 * Groups of workers that a server is started with.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import {
  connect,
  createHandler,
  DsmqError,
  type ServedGroup,
  type ServeOptions,
} from "@dsmq/server";
import { LIMITS } from "../../protocol/limits.ts";
import type { StoredGroup } from "../../stores/groups/group_commands.ts";
import { FileFolder } from "../support/file_folder.ts";
import { openServer, quiet } from "../support/open_server.ts";

/** The groups in a file that no server has open. */
async function groupsIn(folder: FileFolder): Promise<readonly StoredGroup[]> {
  await using store = folder.open();
  return await store.groups({ count: 100 });
}

/** Runs a server on the file of a folder, and puts a message. */
async function served(folder: FileFolder, options: ServeOptions, topic: string): Promise<void> {
  await using server = await openServer({ store: `sqlite:${folder.path}`, ...options });
  await using mq = await connect(server.url);
  await mq.put(topic, "a job");
}

const seen = (groups: readonly StoredGroup[]) => groups.map(({ name, depth }) => [name, depth]);

Deno.test("what is put before the first worker of a group waits for it, and a start changes no group that is there", async () => {
  using folder = new FileFolder();
  await served(folder, {}, "mails");
  const groups: ServedGroup[] = [
    { topic: "mails" },
    { topic: "mails", group: "audit", since: "now" },
    { prefix: "ma" },
    { prefix: "" },
  ];
  await served(folder, { groups }, "mails");
  const first = [
    [{ topic: "mails", group: "audit" }, 1],
    [{ topic: "mails", group: "default" }, 2],
    [{ prefix: "", group: "default" }, 2],
    [{ prefix: "ma", group: "default" }, 2],
  ];
  assertEquals(seen(await groupsIn(folder)).sort(), first.sort());
  await served(folder, { groups: groups.map((one) => ({ ...one, since: "now" })) }, "other");
  assertEquals(seen(await groupsIn(folder)).map(([, depth]) => depth).sort(), [1, 2, 2, 3]);
});

Deno.test("a handler makes its groups, too", async () => {
  using folder = new FileFolder();
  const handler = createHandler({
    store: `sqlite:${folder.path}`,
    log: quiet,
    groups: [{ topic: "mails", group: "a b" }],
  });
  await handler.ready;
  await handler.shutdown();
  assertEquals(seen(await groupsIn(folder)), [[{ topic: "mails", group: "a b" }, 0]]);
});

Deno.test("a server whose groups are invalid does not start, and says which is", async () => {
  const form = 'a group such as { topic: "mails" } or { prefix: "orders." }';
  const cases: readonly (readonly [unknown, string])[] = [
    ["mails", 'groups must be a list of groups, got "mails"'],
    [["mails"], `groups[0] must be ${form}, got a string`],
    [[{ topic: "mails" }, {}], `groups[1] must be ${form}, with a topic or a prefix, got neither`],
    [
      [{ topic: "a", prefix: "b" }],
      `groups[0] must be ${form}, with a topic or a prefix, got both`,
    ],
    [[{ topic: undefined }], "groups[0].topic must be left out or have a value, got undefined"],
    [
      [{ topic: "" }],
      'groups[0].topic must be 1 to 9 bytes of UTF-8 without control characters, got ""',
    ],
    [
      [{ topic: 5 }],
      "groups[0].topic must be 1 to 9 bytes of UTF-8 without control characters, got 5",
    ],
    [
      [{ prefix: "0123456789" }],
      'groups[0].prefix must be 0 to 9 bytes of UTF-8 without control characters, got "0123456789"',
    ],
    [
      [{ topic: "a", group: "\n" }],
      'groups[0].group must be 1 to 256 bytes of UTF-8 without control characters, got "\\n"',
    ],
    [[{ topic: "a", since: "later" }], 'groups[0].since must be "start" or "now", got "later"'],
    [
      [{ topic: "a", from: "now" }],
      'groups[0] has no member "from" (there are: topic, prefix, group, since)',
    ],
  ];
  for (const [groups, expected] of cases) {
    const options = { groups, limits: { topicBytes: 9 } } as ServeOptions;
    const { message } = await assertRejects(() => openServer(options), Error);
    assertEquals(message, `Cannot serve: ${expected}`);
  }
});

Deno.test("a server with more groups than there may be does not start, and leaves its file to others", async () => {
  using folder = new FileFolder();
  const { default: limit } = LIMITS.groups;
  const groups = Array.from({ length: limit + 1 }, (_, i) => ({ topic: `t${i}` }));
  const start = () => openServer({ store: `sqlite:${folder.path}`, groups });
  const error = await assertRejects(start, DsmqError);
  assertEquals([error.code, error.limit], ["limit_exceeded", limit]);
  assertEquals((await groupsIn(folder)).length > 0, true);
});
