/**
 * The log of `dsmq serve`: with `--log-format json` each line of standard error is an object, from the start to the stop.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { headers } from "../auth/auth_support.ts";
import { until } from "../support/bridge.ts";
import { type Outcome, Program } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { withTimeout as within } from "../support/with_timeout.ts";

interface Line {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A process may take long to start where others start, too. */
const withTimeout = <T>(work: Promise<T>) => within(work, 30_000);

/** Each line of standard error, which must be an object of JSON and nothing else. */
function linesOf({ stderr }: Pick<Outcome, "stderr">): Line[] {
  return stderr.split("\n").map((text) => {
    const line: Line = JSON.parse(text);
    assertEquals(new Date(line.time).toJSON(), line.time);
    assert(["info", "warn", "error"].includes(line.level), text);
    assertMatch(line.event, /^[a-z]+(_[a-z]+)+$|^(notice|reloaded)$/);
    assert(line.message.length > 0 && !/[\n\r]/.test(line.message), text);
    return line;
  });
}

/** The permissions of a server that must not look for a native library, about which there would be a line. */
const DENO = ["--allow-net", "--allow-read", "--allow-write", "--allow-env=DSMQ_TOKEN", "cli.ts"];

function serve(...args: string[]): Program {
  return new Program([...DENO, "serve", "--port", "0", "--json", ...args]);
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name:
    "as JSON, everything that a server has to say is one object a line: start, refusals, acts, reloads, trouble, stop",
  ignore: Deno.build.os === "windows",
  async fn() {
    await inFolder(async (folder) => {
      const tokens = `${folder}/tokens`;
      const write = (text: string) => Deno.writeTextFile(tokens, text, { mode: 0o644 });
      await write("the-admin read,write,admin\n");
      const path = `${folder}/queue.db`;
      const args = ["--log-format", "json", "--token-file", tokens, "--store", `sqlite:${path}`];
      await using program = serve(...args);
      const { port, url } = JSON.parse(await withTimeout(program.line()) ?? "null");
      {
        using client = await RawClient.handshake(port, headers(port, "the-admin"));
        await client.request({ action: "put", id: 1, topic: "t", body: "m" });
        await client.request({ action: "purge", id: 2, topic: "t" });
        await Deno.remove(path);
        const { error } = await client.request({ action: "put", id: 3, topic: "t", body: "m" });
        assertEquals(error.code, "unavailable");
      }
      using refused = await RawClient.handshake(port, headers(port, "wrong"));
      await refused.closed;
      const events: string[] = [];
      const next = async (event: string) => {
        while (events.at(-1) !== event) {
          events.push(JSON.parse((await withTimeout(program.errorLine()))!).event);
        }
      };
      await next("store_unusable");
      program.child.kill("SIGHUP");
      await next("reloaded");
      await write("not a permission\n");
      program.child.kill("SIGHUP");
      await next("reload_failed");
      program.child.kill("SIGTERM");
      const outcome = await program.end();
      assertEquals([outcome.code, outcome.stdout], [0, ""]);
      const lines = linesOf(outcome);
      const of = (name: string) => lines.find(({ event }) => event === name)!;
      const started = of("server_started");
      assertEquals(
        [started.url, started.transport, started.store, started.engine, started.token],
        [url, "builtin", `sqlite:${path}`, "node:sqlite", true],
      );
      assertEquals(typeof started.version, "string");
      assertEquals([of("secret_exposed").file, of("reloaded").file], [tokens, tokens]);
      assertEquals([of("admin_purge").topic, of("admin_purge").messages], ["t", 1]);
      assertEquals(
        [of("request_refused").level, of("request_refused").address],
        ["warn", "127.0.0.1"],
      );
      assertEquals(of("store_unusable").reason, `${path} is missing`);
      assertEquals(of("reload_failed").level, "error");
      assertEquals(lines.at(-1)!.event, "server_stopped");
      assert(!outcome.stderr.includes("the-admin"), "no token is logged");
    });
  },
});

/** Ways in which a server does not start, with their codes. */
const FAILURES: readonly (readonly [args: string[], code: number, says: RegExp, name?: string])[] =
  [
    [["--prt", "0"], 2, /^serve has no option --prt; .* \(see dsmq serve --help\)$/, "usage"],
    [["--port", "x"], 2, /^--port must be /, "usage"],
    [["--log-level", "loud"], 2, /^--log-level must be info, warn, error or silent/, "usage"],
    [["--log-level", "silent", "--port", "x"], 2, /^--port must be /, "usage"],
    [["nonsense", "more"], 2, /^/, "usage"],
    [["--token-file", "/nowhere/tokens"], 1, /^Cannot read \/nowhere\//],
    [
      ["--cert", "cli.ts", "--key", "cli.ts"],
      1,
      /^Cannot use cli\.ts: there is no certificate in it/,
    ],
    [["--store", "sqlite:/nowhere/q.db"], 1, /^Cannot open sqlite:/, "store_unusable"],
  ];

for (const [args, code, says, name] of FAILURES) {
  Deno.test(`as JSON, why a server does not start is one object, with exit code ${code}: ${JSON.stringify(args.join(" "))}`, async () => {
    for (const format of [["--log-format", "json"], ["--log-format=json"]]) {
      await using program = new Program([...DENO, "serve", ...args, ...format]);
      const outcome = await program.end();
      const failed = linesOf(outcome).filter(({ event }) => event !== "secret_exposed");
      assertEquals([outcome.code, outcome.stdout, failed.length], [code, "", 1]);
      const [line] = failed as [Line];
      assertEquals([line.event, line.level, line.code], ["serve_failed", "error", name]);
      assertMatch(line.message, says);
    }
  });
}

Deno.test("as text, a server says where WebSockets and plain HTTP reach it, and what it keeps", async () => {
  await using program = serve();
  const { url } = JSON.parse(await withTimeout(program.line()) ?? "null");
  program.child.kill("SIGTERM");
  const { stderr } = await program.end();
  assertMatch(
    stderr,
    /^dsmq \d\S* listens on ws:\S+ \(and http:\/\/\); messages are stored in memory on node:sqlite; clients without a token may read, write and work; press Ctrl-C to stop\ndsmq: stopped$/,
  );
  assert(stderr.includes(url));
});

Deno.test("with the level warn a server that starts and stops says nothing, and with silent not even why it refuses", async () => {
  for (const [level, expected] of [["warn", 1], ["error", 0], ["silent", 0]] as const) {
    await using program = serve("--log-level", level, "--token", "secret");
    const { port } = JSON.parse(await withTimeout(program.line()) ?? "null");
    using client = await RawClient.handshake(port, headers(port, "wrong"));
    await client.closed;
    program.child.kill("SIGTERM");
    const { code, stderr } = await program.end();
    assertEquals(code, 0);
    assertEquals(stderr.split("\n").filter((line) => line !== "").length, expected, stderr);
  }
});

Deno.test({
  name:
    "nobody reads the log: a server that writes much of it as JSON serves on, and says how many lines are missing",
  ignore: Deno.build.os === "windows",
  async fn() {
    // The shell holds the pipe open, and reads it only when it is told to.
    const script =
      `"$0" run --quiet ${
        DENO.join(" ")
      } serve --port 0 --json --allow-shutdown --log-format json ` +
      `2>&1 >&3 | { read go <&4; cat; }`;
    const folder = await Deno.makeTempDir();
    try {
      const [go, address] = [`${folder}/go`, `${folder}/address`];
      assert((await new Deno.Command("mkfifo", { args: [go] }).output()).success);
      const child = new Deno.Command("sh", {
        args: ["-c", `exec 3>${address} 4<>${go}; ${script}`, Deno.execPath()],
        env: { NO_COLOR: "1" },
        stdout: "piped",
      }).spawn();
      const read = () => Deno.readTextFileSync(address);
      await until(() => {
        try {
          return read().endsWith("\n");
        } catch {
          return false;
        }
      }, 30_000);
      using client = await RawClient.open(JSON.parse(read()).url);
      // Each act has its line, and is answered although nobody reads the log.
      const topic = "t".repeat(200);
      for (let id = 1; id <= 900; id++) {
        assertEquals((await withTimeout(client.request({ action: "purge", id, topic }))).purged, 0);
      }
      await Deno.writeTextFile(go, "go\n");
      // The next line is written as soon as there is room, and after it how many are missing.
      await client.request({ action: "purge", id: 901, topic });
      await client.request({ action: "disconnect", id: 902, connection: "kqzv-1" });
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      while (!text.includes('"lines_dropped"')) text += (await withTimeout(reader.read())).value!;
      const missing = text.split("\n").filter((line) => line.includes('"lines_dropped"'))
        .map((line) => JSON.parse(line).dropped).reduce((sum, count) => sum + count, 0);
      assert(missing > 0, `${missing} lines are missing`);
      for (const line of text.split("\n").slice(0, -1)) JSON.parse(line);
      await client.request({ action: "shutdown", id: 903 });
      while (!(await withTimeout(reader.read())).done);
      assert((await child.status).success);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
