/**
 * `dsmq groups`, `dead` and `redrive`.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { connect, dead } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { runCommands } from "../support/run_commands.ts";

Deno.test("groups are made, listed and deleted", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await mq.putMany("mails", ["one", "two"]);
  const url = ["--url", server.url];
  const outcomes = await runCommands([
    ["groups", ...url],
    ["groups", "create", "mails", ...url],
    ["groups", "create", "mails", "--json", ...url],
    ["groups", "create", "mai*", "--group", "all", "--since", "seq:1", "--json", ...url],
    ["groups", ...url],
    ["groups", "mai*", "--json", ...url],
    ["groups", "mails", "--group", "other", "--json", ...url],
    ["groups", "delete", "mails", "--json", ...url],
    ["groups", "delete", "mails", ...url],
    ["groups", "mails", ...url],
  ]);
  assertEquals(outcomes.map(({ code, stderr }) => [code, stderr]), outcomes.map(() => [0, ""]));
  const [none, made, again, prefix, table, one, other, deleted, twice, gone] = outcomes
    .map(({ stdout }) => stdout);
  assertEquals([none, made, again, other, twice, gone], ["", "", '{"created":false}', "", "", ""]);
  assertEquals([prefix, deleted], ['{"created":true}', '{"deleted":true}']);
  const [head, ...rows] = table!.split("\n");
  assertMatch(head!, /^TOPIC +GROUP +WAITING +HELD +DEAD +WORKERS +OLDEST$/);
  const time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ";
  assertMatch(rows[0]!, RegExp(`^mails +default +2 +0 +0 +0 +${time}$`));
  assertMatch(rows[1]!, RegExp(`^mai\\* +all +1 +0 +0 +0 +${time}$`));
  const { prefix: text, group, depth } = JSON.parse(one!);
  assertEquals([text, group, depth], ["mai", "all", 1]);
});

Deno.test("dead messages are listed with their reasons, and redriven: one, or all", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await mq.put("t", "one", { key: "k", headers: { a: "b" } });
  await mq.putMany("t", ["two", "three"]);
  const ends = [1, 2, 3].map(() => Promise.withResolvers<void>());
  const worker = mq.work({ prefix: "t" }, ({ seq, body }) => {
    ends[seq - 1]!.resolve();
    throw dead(`not ${body}\nat all`);
  }, { group: "g" });
  await Promise.all(ends.map(({ promise }) => promise));
  await worker.stop();
  const of = ["t*", "--group", "g", "--url", server.url];
  const outcomes = await runCommands([
    ["dead", ...of],
    ["dead", ...of, "--json"],
    ["redrive", ...of, "--seq", "2"],
    ["redrive", ...of, "--seq", "2", "--json"],
    ["redrive", ...of],
    ["dead", ...of],
    ["dead", "t", "--url", server.url],
    ["redrive", "t", "--url", server.url],
  ]);
  const [list, lines, one, again, all, none, ...missing] = outcomes.map(({ stdout }) => stdout);
  const rows = list!.split("\n");
  assertEquals(rows.length, 3);
  assertMatch(rows[1]!, /^2 {2}t {2}\d{4}-\S+Z {2}1 attempt {2}not two at all$/);
  const { time, at, ...job } = JSON.parse(lines!.split("\n")[0]!);
  const attributes = { key: "k", headers: { a: "b" } };
  const expectedJob = { topic: "t", seq: 1, attempt: 1, reason: "not one\nat all", body: "one" };
  assertEquals(job, { ...expectedJob, ...attributes });
  assertEquals(at >= time, true);
  assertEquals([one, again, all, none, ...missing], [
    "1 message redriven",
    '{"redriven":0}',
    "2 messages redriven",
    ...["", "", ""],
  ]);
  const expected = 'topic "t" has no group "default"';
  for (const { code, stderr } of outcomes.slice(-2)) {
    assertEquals([code, stderr.endsWith(expected)], [1, true], stderr);
  }
});

Deno.test("wrong arguments about groups are told before anything is done", async () => {
  const cases: readonly (readonly [args: readonly string[], message: string])[] = [
    [
      ["groups", "create"],
      "groups create needs TOPIC; with --exact create is the name of a topic",
    ],
    [
      ["groups", "make", "t"],
      "groups takes [TOPIC], create TOPIC or delete TOPIC, got 2 arguments",
    ],
    [["groups", "t", "--since", "now"], "--since is for groups create"],
    [["groups", "delete", "t", "--since", "now"], "--since is for groups create"],
    [["groups", "t", "--group", "\n"], 'a group has no control characters, got "\\n"'],
    [
      ["redrive", "t", "--seq", "0"],
      '--seq must be a whole number from 1 to 9007199254740991, got "0"',
    ],
    [["dead"], "dead needs TOPIC"],
  ];
  const outcomes = await runCommands(cases.map(([args]) => args));
  for (const [i, [[name], message]] of cases.entries()) {
    assertEquals([outcomes[i]!.code, outcomes[i]!.stderr], [
      2,
      `dsmq: ${message} (see dsmq ${name} --help)`,
    ]);
  }
});
