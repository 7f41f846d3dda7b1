/**
 * Where `dsmq backup` writes: names of any length, and what is wrong with a path is said before connecting.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect } from "@dsmq/server";
import { backupCommand } from "../../cli/backup.ts";
import { readArguments } from "../../cli/read_arguments.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { Program, ROOT } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";

const allow = ["--allow-all"];

/** Nothing listens there: a command that connects says so. */
const NOWHERE = ["--url", "ws://127.0.0.1:1"];

/** The longest name of a file, in bytes. */
const LONGEST = 255;

/** A folder of a test's own. */
function folder(): { path: string; names(): string[] } & Disposable {
  const path = Deno.makeTempDirSync();
  return {
    path,
    names: () => [...Deno.readDirSync(path)].map(({ name }) => name).sort(),
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

Deno.test({
  ...ignoredIf(noPosix, "a backup may have any name that the system permits"),
  async fn() {
    using dir = folder();
    await using server = await openServer();
    await using mq = await connect(server.url);
    await mq.putMany("t", ["1", "2"]);
    const url = ["--url", server.url];
    const lengths = [240, 241, 242, 247, 248, 250, 254, LONGEST];
    const names = [...lengths.map((length) => "x".repeat(length)), `${"é".repeat(127)}x`];
    const made = await runCommands([
      ...names.map((name) => ["backup", `${dir.path}/${name}`, ...url]),
      ["backup", `${dir.path}/${names.at(-1)}`, "--force", ...url],
    ], { allow });
    assertEquals(made.map(({ code, stderr }) => [code, stderr]), made.map(() => [0, ""]));
    assertEquals(dir.names(), names.toSorted());
    // In the working directory, too.
    const inFolder = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", new URL("cli.ts", ROOT).pathname, "backup"].concat(
        "y".repeat(LONGEST),
        url,
      ),
      cwd: dir.path,
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(new TextDecoder().decode(inFolder.stderr), "");
    Deno.renameSync(`${dir.path}/${"y".repeat(LONGEST)}`, `${dir.path}/copy.db`);
    await using copy = await openServer({ store: `sqlite:${dir.path}/copy.db` });
    await using again = await connect(copy.url, { since: "start" });
    assertEquals([await again.get("t"), await again.get("t")], ["1", "2"]);
  },
});

Deno.test("what is wrong with the path of a backup is said before connecting, in one sentence", async () => {
  using dir = folder();
  const at = (name: string) => `${dir.path}/${name}`;
  Deno.writeTextFileSync(at("file"), "mine");
  Deno.writeTextFileSync(at("used-wal"), "of a server");
  const tooLong = "its path is longer than this system permits";
  const cases: (readonly [name: string, reason: string, options?: readonly string[]])[] = [
    ["file", "it exists already; --force replaces it"],
    [".", "it is not a file", ["--force"]],
    ["used", `${at("used-wal")} is beside it: a server uses it, or did not stop properly`],
    // The next server on the database beside it would overwrite it.
    ...["wal", "shm", "journal", "lock"].map((end): typeof cases[number] => [
      `copy.db-${end}`,
      `a name that ends with -${end} is that of a file beside a database`,
    ]),
    ["used-wal", "a name that ends with -wal is that of a file beside a database", ["--force"]],
    ["none/copy.db", "its folder does not exist"],
    ["none/copy.db", "its folder does not exist", ["--force"]],
    ["file/copy.db", "its folder does not exist"],
  ];
  if (!noPosix) {
    const deep = `${"d".repeat(200)}/${"d".repeat(200)}/${"d".repeat(100)}`;
    Deno.mkdirSync(at(deep), { recursive: true });
    Deno.symlinkSync(at("loop"), at("loop"));
    cases.push(
      ["x".repeat(LONGEST + 1), tooLong],
      ["é".repeat(128), tooLong],
      ["loop", "it is not a file", ["--force"]],
      ["loop/copy.db", "it is a symbolic link that leads to itself"],
      [
        `${deep}/copy.db`,
        "its path is longer than SQLite permits, with the names of the files beside it",
      ],
    );
  }
  const before = dir.names();
  const outcomes = await runCommands(
    cases.map(([name, , options = []]) => ["backup", at(name), ...options, ...NOWHERE]),
    { allow },
  );
  outcomes.forEach(({ code, stderr }, i) => {
    const [name, reason] = cases[i]!;
    assertEquals([code, stderr], [1, `dsmq: Cannot back up to ${at(name)}: ${reason}`]);
  });
  // A path that can be used: it connects, and nothing is left of the look into the folder.
  await using server = await openServer({ auth: "a-token" });
  const url = ["--url", server.url];
  const [refused] = await runCommands([["backup", at("copy.db"), ...url]], { allow });
  assertMatch(refused!.stderr, /^dsmq: Cannot connect to /);
  assertEquals([dir.names(), Deno.readTextFileSync(at("file"))], [before, "mine"]);
});

Deno.test("a folder that cannot be written to is noticed before connecting, whatever the system says", async () => {
  using dir = folder();
  const path = `${dir.path}/copy.db`;
  const args = readArguments("backup", backupCommand, [path, ...NOWHERE]);
  const { openSync } = Deno;
  for (
    const [code, reason] of [
      ["EACCES", "its folder cannot be written to"],
      ["EPERM", "its folder cannot be written to"],
      ["EROFS", "it is read-only, or its folder is"],
      ["ENOSPC", "the disk is full"],
      ["EMFILE", "too many files are open"],
    ] as const
  ) {
    Deno.openSync = (file, options) => {
      if (!options?.createNew) return openSync(file, options);
      throw Object.assign(new Error("of the system"), { code });
    };
    try {
      const error = await assertRejects(async () => await backupCommand.run(args), Error);
      assertEquals(error.message, `Cannot back up to ${path}: ${reason}`);
    } finally {
      Deno.openSync = openSync;
    }
  }
});

Deno.test("permissions of Deno that a backup lacks are named before connecting, and nothing is asked", async () => {
  using dir = folder();
  const path = `${dir.path}/copy.db`;
  const read = `--allow-read=${dir.path}/`;
  const write = `--allow-write=${dir.path}/`;
  for (
    const [allow, missing] of [
      [[], `${read} ${write}`],
      [["--allow-read"], write],
      [["--allow-write"], read],
      [["--allow-read", `--allow-write=${path}`], write],
    ] as const
  ) {
    const [outcome] = await runCommands([["backup", path, ...NOWHERE]], {
      allow: ["--allow-net", ...allow],
    });
    assertEquals(
      outcome!.stderr,
      `dsmq: Cannot back up to ${path}: permission denied, it needs ${missing}`,
    );
  }
  // These are enough.
  await using server = await openServer();
  const [made] = await runCommands([["backup", path, "--url", server.url]], {
    allow: ["--allow-net", read, write],
  });
  assertEquals([made!.code, made!.stderr, dir.names()], [0, "", ["copy.db"]]);
});

Deno.test("a wrong address is told before the folder is looked at", async () => {
  const [outcome] = await runCommands([["backup", "/none/copy.db", "--port", "x"]], { allow });
  assertMatch(outcome!.stderr, /^dsmq: --port must be a whole number/);
});

Deno.test("while a backup is written its file has a short name that nobody can guess, and nobody else may read it", async () => {
  using dir = folder();
  await using server = await openServer();
  const names = new Set<string>();
  for (let i = 0; i < 2; i++) {
    const path = `${dir.path}/${"x".repeat(100)}`;
    await using backup = new Program(["-A", "tests/programs/slow_backup.ts", path, server.url]);
    assertEquals(await backup.line(), "begun");
    const [name, ...others] = dir.names();
    assertMatch(name!, /^dsmq-[0-9a-f]{12}\.part$/);
    assertEquals(others, []);
    if (!noPosix) assertEquals(Deno.statSync(`${dir.path}/${name}`).mode! & 0o777, 0o600);
    names.add(name!);
    // A file that was made meanwhile is not replaced.
    if (i === 0) Deno.writeTextFileSync(path, "mine");
    await backup.input("go on");
    const { code, stderr } = await backup.end();
    if (i === 1) assertEquals([code, stderr], [0, ""]);
    else {assertMatch(
        stderr,
        /^dsmq: Cannot back up to \S+: it exists already; --force replaces it/,
      );}
    assertEquals(dir.names(), ["x".repeat(100)]);
    if (i === 0) assertEquals(Deno.readTextFileSync(path), "mine");
    Deno.removeSync(path);
  }
  assert(names.size === 2);
});
