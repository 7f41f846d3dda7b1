import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { connect } from "@dsmq/server";
import { parseBefore } from "../../cli/manage.ts";
import { UsageError } from "../../cli/command.ts";
import { openServer } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";

Deno.test("dsmq purge says how many messages it removed, and tail is told of the gap", async () => {
  await using server = await openServer();
  const url = ["--url", server.url];
  await using mq = await connect(server.url);
  await mq.putMany("t", ["1", "2", "3"]);
  const [one, none, bare, rest, wrong] = await runCommands([
    ["purge", "t", "--before", "seq:2", ...url],
    ["purge", "t", "--before", "1h", ...url],
    ["purge", "t", "--before", "0", ...url],
    ["purge", "t", "--json", ...url],
    ["purge", "t", "--before", "seq:99", ...url],
  ]);
  assertEquals([one!.stdout, none!.stdout], ["1 message purged", "0 messages purged"]);
  assertEquals([bare!.code, bare!.stdout], [2, ""]);
  assertStringIncludes(bare!.stderr, 'got "0"; did you mean seq:0 or 0s? (see dsmq purge --help)');
  assertEquals(JSON.parse(rest!.stdout), { topic: "t", purged: 2 });
  assertEquals([wrong!.code, wrong!.stderr], [
    1,
    "dsmq: Cannot purge: number 99 is beyond the last message of that history, 3",
  ]);
  await using tail = new Program([
    ...["--allow-net", "--no-prompt", "cli.ts", "tail", "t", "--since", "seq:1"],
    ...["--on-gap", "oldest", ...url],
  ]);
  assertStringIncludes(await tail.errorLine() ?? "", "messages were missed");
  await mq.put("t", "4");
  assertEquals(await tail.line(), "4");
});

Deno.test("dsmq purge refuses a prefix, and takes a name with a * with --exact", async () => {
  await using server = await openServer();
  const url = ["--url", server.url];
  await using mq = await connect(server.url);
  await mq.put("news.*", "1");
  await mq.put("news.eu", "2");
  const [prefix, exact] = await runCommands([
    ["purge", "news.*", ...url],
    ["purge", "news.*", "--exact", ...url],
  ]);
  assertEquals([prefix!.code, prefix!.stdout], [2, ""]);
  assertStringIncludes(
    prefix!.stderr,
    'purge takes the name of one topic, got "news.*"; with --exact a * is part of a name',
  );
  assertEquals(exact!.stdout, "1 message purged");
  assertEquals((await mq.topics()).map(({ topic }) => topic), ["news.eu"]);
});

Deno.test("--before takes a position, a number, a time ago and a date, and one sentence says what is wrong with others", () => {
  const position = `${crypto.randomUUID()}:7`;
  assertEquals(parseBefore(position), position);
  assertEquals(parseBefore("seq:7"), 7);
  assertEquals(parseBefore("10m"), { ago: 600_000 });
  assertEquals(parseBefore("0s"), { ago: 0 });
  assertEquals(parseBefore("2026-01-31T12:00Z"), new Date("2026-01-31T12:00Z"));
  for (
    const text of ["start", "now", "", "yesterday", "2026-02-31", "abc:7", "seq:x", "-1", "1.5ms"]
  ) {
    try {
      parseBefore(text);
      assert(false, text);
    } catch (error) {
      assert(error instanceof UsageError, text);
      assertStringIncludes(error.message, "--before must be EPOCH:SEQ or seq:N", text);
      assert(!error.message.includes("--since"), error.message);
      assert(!error.message.includes("\n"), text);
    }
  }
});

Deno.test("--before refuses a number alone, which may be meant as a sequence number or as seconds", () => {
  const hints = {
    "0": "seq:0 or 0s",
    "2": "seq:2 or 2s",
    "2026": "seq:2026 or 2026s",
    "123456": "seq:123456 or 123456s",
    "1.5": "1.5s",
    "1.0000": undefined,
    "20260131": "2026-01-31",
    "1795000000": "2026-11-18T11:06:40.000Z",
  };
  for (const [text, hint] of Object.entries(hints)) {
    const { message } = assertThrows(() => parseBefore(text), UsageError);
    assertEquals(
      message,
      "--before must be EPOCH:SEQ or seq:N (that message stays), a time ago with its unit " +
        "(500ms, 90s, 10m, 2h, 1d), or a date such as 2026-01-31T12:00Z, " +
        `got "${text}"${hint === undefined ? "" : `; did you mean ${hint}?`}`,
    );
  }
});
