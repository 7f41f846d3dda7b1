/**
 * What a server of the command line does on signals, and with the files that it then reads.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ServerSignals } from "../../cli/signals.ts";
import { upgradeRequest } from "../support/raw_socket.ts";
import { Program, ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const fixtures = new URL("tests/fixtures/", ROOT);
const pem = (name: string) => Deno.readTextFileSync(new URL(`${name}.pem`, fixtures));

// A signal to this process may arrive after its test has ended: it must not end the other tests.
Deno.addSignalListener("SIGHUP", () => {});

/** A server of the command line, whose log is read line by line. */
class Served implements AsyncDisposable {
  readonly #program: Program;

  constructor(...args: readonly string[]) {
    this.#program = new Program(["-A", "cli.ts", "serve", "--port", "0", ...args]);
  }

  /** Its process, to signal it. */
  get child(): Deno.ChildProcess {
    return this.#program.child;
  }

  /** The next line of its log; lines about unauthenticated requests are skipped. */
  async line(): Promise<string> {
    for (;;) {
      const line = await withTimeout(this.#program.errorLine());
      if (!line?.startsWith("dsmq: refused a request")) return line ?? "the end";
    }
  }

  /** The port, from the first line. */
  async port(): Promise<number> {
    return Number(/ listens on wss?:\/\/[^:]+:(\d+)/.exec(await this.line())![1]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }
}

async function handshake(port: number, caCert: string): Promise<void> {
  using conn = await Deno.connectTls({ hostname: "localhost", port, caCerts: [caCert] });
  await conn.handshake();
}

/** The line of a certificate that was read again. */
function reloaded(cert: string, transport: string): string {
  const closed = transport === "builtin" ? ", and builtin has closed all others" : "";
  return `dsmq: reloaded ${cert}: new connections use it${closed}`;
}

/** A folder of its own. */
async function folder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

for (const transport of ["builtin", "hardened"]) {
  Deno.test(`at SIGHUP tokens and the certificate are read again, and a fault in them changes nothing (${transport})`, async () => {
    await using dir = await folder();
    const file = (name: string) => `${dir.path}/${name}`;
    const write = (name: string, text: string) =>
      Deno.writeTextFile(file(name), text, { mode: 0o600 });
    await write("cert.pem", pem("localhost_cert"));
    await write("key.pem", pem("localhost_key"));
    await write("tokens", "secret\n");
    const files = ["cert.pem", "key.pem", "tokens"].map(file);
    const [cert, key, tokens] = files as [string, string, string];
    const options = ["--cert", cert, "--key", key, "--token-file", tokens];
    await using server = new Served("--transport", transport, ...options);
    const port = await server.port();
    await handshake(port, pem("localhost_cert"));

    await write("cert.pem", pem("localhost_renewed_cert"));
    server.child.kill("SIGHUP");
    assertEquals(await server.line(), `dsmq: reloaded ${tokens}: 1 token is valid`);
    const reason = `the certificate in ${cert} is for another key`;
    const unchanged = "the certificate is unchanged";
    assertEquals(await server.line(), `dsmq: Cannot use ${key}: ${reason}; ${unchanged}`);
    await handshake(port, pem("localhost_cert"));

    await write("key.pem", pem("localhost_renewed_key"));
    await Deno.remove(tokens);
    server.child.kill("SIGHUP");
    const gone = `dsmq: Cannot read ${tokens}: no such file; the tokens are unchanged`;
    assertEquals(await server.line(), gone);
    const read = reloaded(cert, transport);
    assertEquals(await server.line(), read);
    await handshake(port, pem("localhost_renewed_cert"));
    await assertRejects(() => handshake(port, pem("localhost_cert")), Error);

    server.child.kill("SIGTERM");
    assertEquals(await server.line(), "dsmq: stopped");
    assertEquals((await withTimeout(server.child.status)).code, 0);
  });

  Deno.test(`a certificate that cannot be used keeps a server from starting, and the error names its file (${transport})`, async () => {
    await using dir = await folder();
    const cert = `${dir.path}/cert.pem`;
    await Deno.writeTextFile(cert, "garbage");
    const key = new URL("localhost_key.pem", fixtures).pathname;
    await Deno.chmod(cert, 0o600);
    await using server = new Served("--transport", transport, "--cert", cert, "--key", key);
    let last = "";
    for (let line = ""; line !== "the end"; line = await server.line()) last = line;
    assertEquals(last, `dsmq: Cannot use ${cert}: there is no certificate in it: it is not in PEM`);
    assertEquals((await withTimeout(server.child.status)).code, 1);
  });
}

for (const transport of ["builtin", "hardened"]) {
  Deno.test(`SIGHUPs one after another, and a stop at once, work beside a connection that sends nothing (${transport})`, async () => {
    await using dir = await folder();
    const [cert, key] = [`${dir.path}/cert.pem`, `${dir.path}/key.pem`];
    await Deno.writeTextFile(cert, pem("localhost_cert"));
    await Deno.writeTextFile(key, pem("localhost_key"), { mode: 0o600 });
    await using server = new Served("--transport", transport, "--cert", cert, "--key", key);
    const port = await server.port();
    using _silent = await Deno.connect({ hostname: "localhost", port });
    // They may reach it as one.
    for (let i = 0; i < 3; i++) server.child.kill("SIGHUP");
    const read = reloaded(cert, transport);
    assertEquals(await server.line(), read);
    // The next renewal may cut it off.
    const connect = (): Promise<void> => handshake(port, pem("localhost_cert")).catch(connect);
    await withTimeout(connect());
    server.child.kill("SIGHUP");
    server.child.kill("SIGTERM");
    let line = read;
    while (line === read || line.includes("interrupted by SIGTERM")) line = await server.line();
    assertEquals(line, "dsmq: stopped");
    assertEquals((await withTimeout(server.child.status)).code, 0);
  });
}

Deno.test("SIGHUP does not end a server that has nothing to read again", async () => {
  await using server = new Served();
  const port = await server.port();
  server.child.kill("SIGHUP");
  assertMatch(await server.line(), /nothing to reload/);
  const health = await fetch(`http://127.0.0.1:${port}/health`);
  assertEquals(await health.text(), "ok\n");
  server.child.kill("SIGINT");
  assertEquals(await server.line(), "dsmq: stopped");
  assertEquals((await withTimeout(server.child.status)).code, 0);
});

Deno.test("a warning names a file of secrets that others can read, at the start and at SIGHUP", async () => {
  await using dir = await folder();
  const tokens = `${dir.path}/tokens`;
  await Deno.writeTextFile(tokens, "secret\n");
  await Deno.chmod(tokens, 0o640);
  await using server = new Served("--token-file", tokens);
  const warning =
    `dsmq: other users of this machine can read ${tokens}, its mode is 0640: chmod 600 makes it private`;
  assertEquals(await server.line(), warning);
  await server.port();
  await Deno.chmod(tokens, 0o604);
  server.child.kill("SIGHUP");
  assertEquals(await server.line(), warning.replace("0640", "0604"));
  assertMatch(await server.line(), /1 token is valid/);
  await Deno.chmod(tokens, 0o600);
  server.child.kill("SIGHUP");
  assertMatch(await server.line(), /1 token is valid/);
});

Deno.test("a token file that is empty at SIGHUP, like a pipe that was read before, changes nothing", async () => {
  await using dir = await folder();
  const tokens = `${dir.path}/tokens`;
  await Deno.writeTextFile(tokens, "secret\n", { mode: 0o600 });
  await using server = new Served("--token-file", tokens);
  await server.port();
  await Deno.writeTextFile(tokens, "\n");
  server.child.kill("SIGHUP");
  const unchanged = `dsmq: Cannot use ${tokens}: it is empty; the tokens are unchanged`;
  assertEquals(await server.line(), unchanged);
  // A comment is enough to show that this is intended.
  await Deno.writeTextFile(tokens, "# nobody\n");
  server.child.kill("SIGHUP");
  assertEquals(await server.line(), `dsmq: reloaded ${tokens}: 0 tokens are valid`);
});

Deno.test("the first signal stops a server gracefully, a second one ends it at once", async () => {
  await using server = new Served();
  const port = await server.port();
  // The server waits for a peer that does not answer its close frame.
  using conn = await Deno.connect({ port });
  await conn.write(new TextEncoder().encode(upgradeRequest()));
  await conn.read(new Uint8Array(4096));
  const since = performance.now();
  server.child.kill("SIGTERM");
  // It has received the first signal once it sends close frames.
  await withTimeout(conn.read(new Uint8Array(4096)));
  server.child.kill("SIGTERM");
  const { signal } = await withTimeout(server.child.status);
  assertEquals(signal, "SIGTERM");
  assert(performance.now() - since < 1500);
});

Deno.test("a signal that comes while a server starts is not lost, and does not end it", async () => {
  using signals = new ServerSignals();
  Deno.kill(Deno.pid, "SIGHUP");
  // A signal without a listener has no event: the second one shows that the first has arrived.
  await withTimeout(received("SIGHUP"));
  let reads = 0;
  const read = Promise.withResolvers<void>();
  signals.onHangup(() => {
    reads++;
    read.resolve();
    return Promise.resolve();
  });
  await withTimeout(read.promise);
  assertEquals(reads, 1);
  assert(!signals.stop.aborted);
});

/** Resolves when this process has received another signal. */
async function received(name: Deno.Signal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  Deno.addSignalListener(name, resolve);
  Deno.kill(Deno.pid, name);
  await promise;
  Deno.removeSignalListener(name, resolve);
}
