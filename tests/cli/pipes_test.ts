/**
 * Programs whose output nobody reads, or cannot be written.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lines } from "../../cli/lines.ts";
import { ROOT } from "../support/program.ts";
import { openServer } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Fills standard error, which is a pipe, until not another byte fits. */
const FULL = ["exec 3>&2", ...[1024, 1].map(filled)].join("; ");

function filled(bytes: number): string {
  return `dd if=/dev/zero of=/dev/fd/3 oflag=nonblock bs=${bytes} count=9999999 2>/dev/null`;
}

/** Starts the command line behind some words of a shell. */
function dsmq(shell: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: ["-c", shell, "sh", ...program(...args)],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

function program(...args: readonly string[]): readonly string[] {
  return [Deno.execPath(), "run", "-A", "--quiet", "cli.ts", ...args];
}

async function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  return (await new Response(stream).text()).replaceAll("\0", "");
}

for (const transport of ["builtin", "hardened"]) {
  for (
    const [what, shell] of [["nobody reads", `${FULL}; exec "$@"`], [
      "has no room",
      'exec "$@" 2>/dev/full',
    ]]
  ) {
    Deno.test(`a server whose log ${what} keeps serving, whatever unauthenticated clients do (${transport})`, async () => {
      const args = ["serve", "--port", "0", "--json", "--transport", transport];
      const child = dsmq(shell!, ...args);
      // It may not handle anything else any more.
      using _ = { [Symbol.dispose]: () => kill(child) };
      const out = lines(child.stdout);
      const { value: [line] = [] } = await withTimeout(out.next());
      const { port } = JSON.parse(line!) as { port: number };
      for (let i = 0; i < 20; i++) {
        const reply = await withTimeout(refused(port));
        assertStringIncludes(reply, "403");
      }
      const health = await withTimeout(fetch(`http://127.0.0.1:${port}/health`));
      assertEquals(await health.text(), "ok\n");
      child.kill("SIGTERM");
      const { code } = await withTimeout(child.status);
      assertEquals(code, 0);
      assert((await text(child.stderr)).length < 1000);
      for await (const _ of out) continue;
    });
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
}

/** The first line of the answer to a request for another host name. */
async function refused(port: number): Promise<string> {
  using conn = await Deno.connect({ port });
  await conn.write(
    new TextEncoder().encode("GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n"),
  );
  return new TextDecoder().decode((await new Response(conn.readable).bytes()).subarray(0, 12));
}

Deno.test("a program goes on even if nobody reads the log of its server", async () => {
  const program = `
    import { serve } from ${JSON.stringify(new URL("mod.ts", ROOT).href)};
    const server = await serve({ host: "0.0.0.0", port: 0 });
    const health = await fetch("http://127.0.0.1:" + server.port + "/health");
    await Deno.stdout.write(await health.bytes());
    await server.shutdown();
    Deno.exit(0);
  `;
  const child = new Deno.Command("sh", {
    args: ["-c", `${FULL}; exec "$@"`, "sh", Deno.execPath(), "eval", "--quiet", program],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  using _ = { [Symbol.dispose]: () => kill(child) };
  assertEquals((await withTimeout(child.status)).code, 0);
  assertEquals(await text(child.stdout), "ok\n");
  await text(child.stderr);
});

Deno.test("a server whose terminal is gone keeps serving", async () => {
  const owner = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
print(pid, os.read(terminal, 4096).decode().strip(), flush=True)
sys.stdin.read(1)
os.close(terminal)
print("closed", flush=True)
sys.stdin.read(1)
os.kill(pid, 15)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
`;
  await using child = new Deno.Command("python3", {
    args: ["-c", owner, ...program("serve", "--port", "0")],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const out = lines(child.stdout);
  const nextLine = async () => (await withTimeout(out.next())).value![0]!;
  const port = Number(/:(\d+) \(/.exec(await nextLine())![1]);
  const stdin = child.stdin.getWriter();
  await stdin.write(new Uint8Array(1));
  assertEquals(await nextLine(), "closed");
  for (let i = 0; i < 5; i++) assertStringIncludes(await withTimeout(refused(port)), "403");
  await stdin.write(new Uint8Array(1));
  assertEquals(await nextLine(), "0");
  await stdin.close();
  assertEquals((await withTimeout(out.next())).done, true);
});

Deno.test("a command ends with its code even if nobody reads its error", async () => {
  await using child = dsmq(`${FULL}; exec "$@"`, "put", "t", "m", "--nonsense");
  assertEquals((await withTimeout(child.status)).code, 2);
  await Promise.all([text(child.stdout), text(child.stderr)]);
});

Deno.test("output that cannot be printed is an error, and not a success", async () => {
  await using server = await openServer();
  const { url } = server;
  await put(url, ["m"]);
  const commands = [
    ["get", "t", "--since", "start", "--url", url],
    ["tail", "t", "--since", "start", "--url", url],
    ["serve", "--port", "0", "--json"],
  ];
  await Promise.all(commands.map(async (words) => {
    await using child = dsmq('exec "$@" >/dev/full', ...words);
    const nextLine = await withTimeout(text(child.stderr));
    const last = nextLine.trimEnd().split("\n").at(-1);
    assertEquals(last, "dsmq: Cannot print: No space left on device (os error 28)", words[0]);
    assertEquals((await withTimeout(child.status)).code, 1);
    await text(child.stdout);
  }));
});

Deno.test("tail loses nothing to a reader that pauses, and ends when the reader is gone", async () => {
  await using server = await openServer({ retention: 600_000 });
  const { url } = server;
  const messages = Array.from({ length: 3000 }, (_, i) => `${i} ${"x".repeat(100)}`);
  await put(url, messages);
  await using child = dsmq('exec "$@"', "tail", "t", "--since", "start", "--url", url);
  const out = child.stdout.getReader();
  let output = "";
  const decoder = new TextDecoder();
  while (output.split("\n").length <= messages.length) {
    output += decoder.decode((await withTimeout(out.read())).value, { stream: true });
  }
  assertEquals(output, messages.map((message) => `${message}\n`).join(""));
  await out.cancel();
  await put(url, ["one more"]);
  assertEquals((await withTimeout(child.status)).code, 0);
  assertEquals(await text(child.stderr), "");
});

Deno.test("tail ends at Ctrl-C even if nobody reads", async () => {
  await using server = await openServer();
  const { url } = server;
  await put(url, ["x".repeat(900_000), "y"]);
  const child = dsmq('exec "$@"', "tail", "t", "--since", "start", "--url", url);
  using _ = { [Symbol.dispose]: () => kill(child) };
  const out = child.stdout.getReader();
  // Most of the message waits: more than tail accepts before it waits itself.
  await withTimeout(out.read());
  child.kill("SIGINT");
  assertEquals((await withTimeout(child.status)).code, 0);
  assertEquals(await text(child.stderr), "");
  await out.cancel();
});

/** A standard output that is non-blocking: `r` is the end to read from, `w` the other. */
const NOT_WAITING = {
  "a pipe": "r, w = os.pipe(); fcntl.fcntl(w, 1031, 8192)",
  "a socket": "a, b = socket.socketpair(); b.setsockopt(1, 7, 4608); r, w = a.fileno(), b.fileno()",
};

for (const [what, opened] of Object.entries(NOT_WAITING)) {
  Deno.test(`tail loses nothing and repeats nothing when its output is ${what} that is non-blocking`, async () => {
    await using server = await openServer();
    const { url } = server;
    const messages = Array.from(
      { length: 600 },
      (_, i) => `${i} ${"x".repeat(i * 37 % [90, 700, 11_000][i % 3]!)}`,
    );
    await put(url, messages);
    const reader = `
import fcntl, os, socket, subprocess, sys
${opened}
os.set_blocking(w, False)
child = subprocess.Popen(sys.argv[1:], stdout=w)
os.close(w)
while chunk := os.read(r, 65536):
    os.write(1, chunk)
os._exit(child.wait())
`;
    const words = ["tail", "t", "--since", "start", "--count", "600", "--url", url];
    await using child = new Deno.Command("python3", {
      args: ["-c", reader, ...program(...words)],
      cwd: ROOT,
      stdout: "piped",
    }).spawn();
    const output = await withTimeout(text(child.stdout), 20_000);
    assertEquals(output, messages.map((message) => `${message}\n`).join(""));
    assertEquals((await withTimeout(child.status)).code, 0);
  });
}

async function put(url: string, messages: readonly string[]): Promise<void> {
  const { connect } = await import("@dsmq/server");
  await using mq = await connect(url);
  await mq.putMany("t", messages);
}
