import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";

Deno.test("dsmq connections prints a table, or a line of JSON each, and disconnect closes one of them", async () => {
  await using server = await openServer({
    auth: { tokens: [{ token: "boss" }, { token: "reader", permissions: ["read"] }] },
  });
  const url = ["--url", server.url];
  const options = { env: { DSMQ_TOKEN: "boss" }, allow: ["--allow-net", "--allow-env=DSMQ_TOKEN"] };
  await using reader = await connect(server.url, { token: "reader" });
  await using tail = new Program([
    ...["--allow-net", "--no-prompt", "cli.ts", "tail", "t", "--since", "start"],
    ...["--token", "reader", ...url],
  ]);
  // It has subscribed once it prints.
  await using putter = await connect(server.url, { token: "boss", reconnect: false });
  await putter.put("t", "one");
  assertEquals(await tail.line(), "one");
  const [table, lines] = await runCommands([
    ["connections", ...url],
    ["connections", "--json", ...url],
  ], options);
  const [head, ...rows] = table!.stdout.split("\n");
  assertMatch(
    head!,
    /^ID +KIND +SINCE +ADDRESS +TOKEN +PERMISSIONS +SUBSCRIPTIONS +WORKERS +WAITS +UNREAD$/,
  );
  assertEquals(rows.length, 4, table!.stdout);
  assertEquals(rows.map((row) => row.endsWith("  this command")), [false, false, false, true]);
  const infos = lines!.stdout.split("\n").map((line) => JSON.parse(line));
  assertEquals(infos.map(({ own }) => own), [undefined, undefined, undefined, true]);
  const streaming = infos.find(({ subscriptions }) => subscriptions === 1)!;
  const row = rows.find((row) => row.startsWith(streaming.id))!;
  assertMatch(row, /^\S+ +websocket +\S+Z +127\.0\.0\.1 +[0-9a-f]{12} +read +1 +0 +0 +0$/);
  const [done, again, own, empty] = await runCommands([
    ["disconnect", streaming.id, ...url],
    ["disconnect", streaming.id, ...url],
    ["disconnect", ...url],
    ["disconnect", "", ...url],
  ], options);
  assertEquals([done!.code, done!.stdout, done!.stderr], [0, "", ""]);
  assertEquals(
    [again!.code, again!.stderr],
    [1, `dsmq: Cannot disconnect: there is no connection "${streaming.id}"`],
  );
  assertEquals(own!.code, 2);
  assertEquals(empty!.code, 2);
  assertStringIncludes(empty!.stderr, 'ID must be one that dsmq connections prints, got ""');
  // It goes on where it was.
  assertStringIncludes(await tail.errorLine() ?? "", "an administrator has disconnected it");
  await putter.put("t", "two");
  assertEquals(await tail.line(), "two");
  assert(reader.status === "connected");
});

Deno.test("without the permission admin, dsmq connections and disconnect say so", async () => {
  await using server = await openServer({
    auth: { tokens: [{ token: "user", permissions: ["read", "write"] }] },
  });
  const options = { env: { DSMQ_TOKEN: "user" }, allow: ["--allow-net", "--allow-env=DSMQ_TOKEN"] };
  const results = await runCommands([
    ["connections", "--url", server.url],
    ["disconnect", "bcdf-1", "--url", server.url],
  ], options);
  assertEquals(results.map(({ code, stdout, stderr }) => [code, stdout, stderr]), [
    [1, "", "dsmq: Cannot list connections: permission denied"],
    [1, "", "dsmq: Cannot disconnect: permission denied"],
  ]);
});
