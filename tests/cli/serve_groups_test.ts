/**
 * `dsmq serve --group`: groups of workers that are there from the start.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { FileFolder } from "../support/file_folder.ts";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";

Deno.test("a server of the command line makes the groups that it is given", async () => {
  using folder = new FileFolder();
  const words = ["mails", "mails=audit", "a=b=c d", "orders.*", "*=all"];
  await using server = new Program([
    ...["-A", "cli.ts", "serve", "--port", "0", "--json", "--store", `sqlite:${folder.path}`],
    ...words.flatMap((word) => ["--group", word]),
  ]);
  await server.line();
  server.child.kill("SIGTERM");
  assertEquals((await server.end()).code, 0);
  await using store = folder.open();
  const names = (await store.groups({ count: 100 })).map(({ name }) => name);
  const expected = [
    { topic: "mails", group: "default" },
    { topic: "mails", group: "audit" },
    { topic: "a=b", group: "c d" },
    { prefix: "orders.", group: "default" },
    { prefix: "", group: "all" },
  ];
  const inOrder = (list: readonly object[]) => list.map((one) => JSON.stringify(one)).sort();
  assertEquals(inOrder(names), inOrder(expected));
});

Deno.test("a wrong --group is reported before the server starts", async () => {
  const cases: readonly (readonly [words: readonly string[], message: string])[] = [
    [["=audit"], 'a topic has at least one character, got ""'],
    [["mails="], 'a group has at least one character, got ""'],
    [["mails", "mails=default"], '--group "mails=default" is given twice'],
    [
      ["a*b"],
      'a * must be the last character of a topic (news.* means every topic that begins with news.), got an earlier one in "a*b"',
    ],
    [
      ["t".repeat(300)],
      `Cannot serve: TOPIC of --group must be 1 to 256 bytes of UTF-8 without control characters, got "${
        "t".repeat(64)
      }"`,
    ],
  ];
  const outcomes = await runCommands(
    cases.map(([words]) => ["serve", ...words.flatMap((word) => ["--group", word])]),
  );
  for (const [i, [, message]] of cases.entries()) {
    const { code, stderr } = outcomes[i]!;
    assertEquals([code, stderr], [2, `dsmq: ${message} (see dsmq serve --help)`]);
  }
});
