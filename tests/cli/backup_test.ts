import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError, type ServeOptions } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { runCommands } from "../support/run_commands.ts";
import { Program } from "../support/program.ts";

const allow = ["--allow-all"];

/** A folder of a test's own. */
function folder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync();
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** The names in a folder. */
function names(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

/** All messages of a server, with all they have. */
async function everything(mq: Connection): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { position: _, ...message } of await mq.backup()) all.push(message);
  return all;
}

for (const kind of ["memory", "file"] as const) {
  Deno.test(`a backup of a server with traffic is opened by serve, and positions of clients go on in it (${kind})`, async () => {
    using dir = folder();
    const options: ServeOptions = kind === "memory"
      ? {}
      : { store: `sqlite:${dir.path}/own.db`, durability: "process" };
    const server = await openServer(options);
    const mq = await connect(server.url);
    const headers = { "content-type": "text/plain" };
    await mq.put("t", "with all", { messageId: "m1", key: "k", headers, delay: 5 });
    await mq.putMany("t", Array.from({ length: 3000 }, (_, i) => `${i} é\0\ud800`));
    await mq.putMany("purged", ["secret", "secret"]);
    await mq.purge("purged");
    await mq.put("large", "x".repeat(900_000));
    // Puts go on while it runs.
    let isDone = false;
    const traffic = (async () => {
      for (let i = 0; !isDone; i++) await mq.put("traffic", `${i}`);
    })();
    const [backup] = await runCommands([
      ["backup", `${dir.path}/copy.db`, "--json", "--url", server.url],
    ], { allow });
    isDone = true;
    await traffic;
    assertEquals(backup!.stderr, "");
    const { messages } = JSON.parse(backup!.stdout);
    const original = await everything(mq);
    const last = await mq.put("t", "only there");
    const [newest] = await latest(mq);
    await mq.close();
    await server.shutdown();
    assert(
      !new TextDecoder("latin1").decode(Deno.readFileSync(`${dir.path}/copy.db`)).includes(
        "secret",
      ),
    );
    await using copy = await openServer({ store: `sqlite:${dir.path}/copy.db` });
    await using again = await connect(copy.url, { since: "start" });
    const copied = await everything(again);
    assertEquals(copied.length, messages);
    assertEquals(copied, original.slice(0, copied.length));
    // A position up to the copy goes on; one beyond it is told so; and numbers go on.
    const first = again.subscribe("t", { since: 1 });
    assertEquals((await first.next()).value!.seq, 2);
    await first.return!();
    const beyond = again.subscribe("t", { since: newest! });
    const { code } = await assertRejects(() => beyond.next(), DsmqError);
    assertEquals(code, "ahead");
    const repeated = { messageId: "m1" };
    assertEquals(await again.put("t", "again", repeated), 1, "the number of its message");
    const seq = await again.put("t", "goes on");
    assert(seq > 3004 && seq <= last + 1, `${seq}`);
    await again.put("purged", "new");
    const gap = again.subscribe("purged", { since: 3001 });
    assertEquals((await assertRejects(() => gap.next(), DsmqError)).code, "trimmed");
  });
}

/** The position of the newest message. */
async function latest(mq: Connection): Promise<string[]> {
  let position = "";
  for await (const message of await mq.backup()) position = message.position;
  return [position];
}

Deno.test("a backup of an empty server, and of one whose messages are all purged, is opened by serve", async () => {
  using dir = folder();
  await using server = await openServer();
  await using mq = await connect(server.url);
  const url = ["--url", server.url];
  const [empty] = await runCommands([["backup", `${dir.path}/0.db`, ...url]], { allow });
  assertEquals(empty!.stdout, `0 messages copied to ${dir.path}/0.db`);
  await mq.putMany("t", ["1", "2"]);
  await mq.purge("t");
  const [purged] = await runCommands([["backup", `${dir.path}/1.db`, ...url]], { allow });
  assertEquals([purged!.code, purged!.stderr], [0, ""]);
  for (const [name, next] of [["0", 1], ["1", 3]] as const) {
    await using copy = await openServer({ store: `sqlite:${dir.path}/${name}.db` });
    await using again = await connect(copy.url);
    assertEquals(await again.put("t", "m"), next);
  }
});

Deno.test("a file that exists is replaced with --force alone, and nothing is left of a backup that fails", async () => {
  using dir = folder();
  await using server = await openServer({
    auth: { tokens: [{ token: "boss" }, { token: "user", permissions: ["read", "write"] }] },
  });
  const url = ["--url", server.url, "--token", "boss"];
  const path = `${dir.path}/copy.db`;
  Deno.writeTextFileSync(path, "mine");
  const outcomes = await runCommands([
    ["backup", path, ...url],
    ["backup", path, "--url", server.url, "--token", "user", "--force"],
    ["backup", `${dir.path}/none/copy.db`, ...url],
    ["backup", `${path}/copy.db`, ...url],
    ["backup", dir.path, ...url, "--force"],
    ["backup", "-", ...url],
    ["backup", `${dir.path}/`, ...url],
    ["backup", `${dir.path}/${"x".repeat(300)}`, ...url],
    ["backup", "", ...url],
  ], { allow });
  const tooLong = "its path is longer than this system permits";
  assertEquals(outcomes.map(({ code, stderr }) => [code, stderr.split("\n")[0]]), [
    [1, `dsmq: Cannot back up to ${path}: it exists already; --force replaces it`],
    [1, "dsmq: Cannot back up: permission denied"],
    [1, `dsmq: Cannot back up to ${dir.path}/none/copy.db: its folder does not exist`],
    [1, `dsmq: Cannot back up to ${path}/copy.db: its folder does not exist`],
    [1, `dsmq: Cannot back up to ${dir.path}: it is not a file`],
    [
      2,
      "dsmq: FILE must be a path, got -: a database cannot be written to a pipe (see dsmq backup --help)",
    ],
    [2, `dsmq: FILE must be the path of a file, got "${dir.path}/" (see dsmq backup --help)`],
    [1, `dsmq: Cannot back up to ${dir.path}/${"x".repeat(300)}: ${tooLong}`],
    [2, 'dsmq: FILE must be the path of a file, got "" (see dsmq backup --help)'],
  ]);
  assertEquals([names(dir.path), Deno.readTextFileSync(path)], [["copy.db"], "mine"]);
  Deno.writeTextFileSync(`${path}-wal`, "of another");
  const [beside] = await runCommands([["backup", path, "--force", ...url]], { allow });
  assertMatch(beside!.stderr, /copy\.db-wal is beside it: a server uses it/);
  Deno.removeSync(`${path}-wal`);
  const [forced] = await runCommands([["backup", path, "--force", ...url]], { allow });
  assertEquals([forced!.code, names(dir.path)], [0, ["copy.db"]]);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
});

Deno.test("a backup whose server goes away fails with a sentence, and one that is interrupted ends with 130; neither leaves a file", async () => {
  using dir = folder();
  for (const how of ["server", "Ctrl-C"]) {
    const server = await openServer();
    const mq = await connect(server.url);
    for (let i = 0; i < 40; i++) await mq.put("t", "x".repeat(900_000));
    await using backup = new Program([
      ...["-A", "--no-prompt", "tests/programs/slow_backup.ts", `${dir.path}/copy.db`, server.url],
    ]);
    assertEquals(await backup.line(), "begun");
    await mq.close();
    if (how === "server") await server.shutdown();
    else backup.child.kill("SIGINT");
    await backup.input("go on");
    const { code, stderr } = await backup.end();
    if (how === "server") assertMatch(stderr, /Cannot back up: no connection/);
    assertEquals([code, names(dir.path)], [how === "server" ? 1 : 130, []], stderr);
    await server.shutdown();
  }
});

/** A server with 2 MB of messages. */
async function filledServer(): Promise<Awaited<ReturnType<typeof openServer>>> {
  const server = await openServer();
  await using mq = await connect(server.url);
  await mq.putMany("t", Array.from({ length: 100 }, () => "x".repeat(20_000)));
  return server;
}

Deno.test("a backup whose folder goes away while it is written fails with a sentence", async () => {
  using dir = folder();
  await using server = await filledServer();
  Deno.mkdirSync(`${dir.path}/gone`);
  const path = `${dir.path}/gone/copy.db`;
  await using backup = new Program(["-A", "tests/programs/slow_backup.ts", path, server.url]);
  assertEquals(await backup.line(), "begun");
  Deno.removeSync(`${dir.path}/gone`, { recursive: true });
  await backup.input("go on");
  const { code, stderr } = await backup.end();
  assertEquals([code, names(dir.path)], [1, []]);
  assertEquals(stderr.trim(), `dsmq: Cannot back up to ${path}: its folder does not exist`);
});

Deno.test({
  name:
    "a backup that cannot be written to its end fails with a sentence, and leaves what was there as it was",
  ignore: Deno.build.os === "windows",
  async fn() {
    using dir = folder();
    await using server = await filledServer();
    const path = `${dir.path}/copy.db`;
    Deno.writeTextFileSync(path, "mine");
    // No file may be larger than 500 kB: SQLite gets an error, as from a disk that is full or fails.
    const command = `trap '' XFSZ; ulimit -f 1000; exec "$0" run -A cli.ts backup "$@"`;
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", command, Deno.execPath(), path, "--force", "--url", server.url],
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stderr).trim();
    assertMatch(text, /^dsmq: Cannot back up to \S+: [^\n]*(full|fails)[^\n]*$/);
    assertEquals([code, names(dir.path)], [1, ["copy.db"]]);
    assertEquals(Deno.readTextFileSync(path), "mine");
    await using mq = await connect(server.url, { since: "start" });
    assertEquals((await mq.get("t")).length, 20_000, "the server goes on");
  },
});
