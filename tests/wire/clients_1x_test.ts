/**
 * Clients of dsmq 1.x, run as separate programs, against this server.
 *
 * @module
 */

import { assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { ignoredIf } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { findPython } from "../support/python.ts";

const programs = new URL("../programs/", import.meta.url);

/** A program that hangs is killed after this many milliseconds. */
const TIMEOUT = 60_000;

interface Client {
  readonly name: string;
  /** The command that runs it; `undefined` if this machine has no interpreter for it. */
  readonly command: readonly string[] | undefined;
}

const python = await findPython("websocket");

const clients: Client[] = [
  {
    name: "the client of dsmq 1.x in JavaScript on ws",
    command: [Deno.execPath(), "run", "--quiet", "-A", pathOf("client_1x.mjs")],
  },
  {
    name: "the client of dsmq 1.x in Python on websocket-client",
    command: python === undefined ? undefined : [python, pathOf("client_1x.py")],
  },
];

/** What the programs print when they put and get between two of their connections. */
const EXCHANGED = [
  { step: "nothing yet", got: ["", ""] },
  { step: "waited for", got: ["first"] },
  { step: "own", got: ["first", "second", "third", "fourth"] },
  { step: "oldest, newest, none", got: ["second", "fourth", ""] },
  { step: "numbers", got: ["7", "-2.5"] },
  { step: "large number", got: ["12345678901234567890"] },
  { step: "exact", got: [true] },
  { step: "values", got: [null, "1", "0", null, "Inf", "1.0e+300", ""] },
  { step: "topic", got: ["here", "here"] },
  { step: "topic", got: ["here", "here"] },
  { step: "topic", got: ["here", "here"] },
  { step: "bad", got: ["", ""] },
  { step: "after shutdown", got: ["still here"] },
  { step: "unasked", got: [] },
];

for (const { name, command } of clients) {
  const ignored = command === undefined && "no python3 with the websocket module";

  Deno.test({
    ...ignoredIf(ignored, `${name} puts and gets, and cannot stop the server without permission`),
    async fn() {
      await using server = await openServer();
      assertEquals(await run(command!, `${server.port}`), EXCHANGED);
      assertEquals(server.stats().stored, 19);
    },
  });

  Deno.test({
    ...ignoredIf(ignored, `${name} works when clients without a token may read and write`),
    async fn() {
      const permissions = ["read", "write"] as const;
      await using server = await openServer({
        auth: { tokens: [{ token: "good" }], anonymous: { permissions } },
        allowShutdown: true,
      });
      assertEquals(await run(command!, `${server.port}`), EXCHANGED);
    },
  });

  Deno.test({
    ...ignoredIf(ignored, `${name} is refused when a token is required`),
    async fn() {
      await using server = await openServer({ auth: "good" });
      const { code, stderr } = await ended(command!, `${server.port}`);
      assertNotEquals(code, 0);
      assertStringIncludes(stderr, "401");
    },
  });

  Deno.test({
    ...ignoredIf(ignored, `${name} stops a server that permits it`),
    async fn() {
      await using server = await openServer({ allowShutdown: true });
      const printed = await run(command!, `${server.port}`, "stop");
      assertEquals(printed, [{ step: "last", got: ["last"] }]);
      await server.finished;
    },
  });
}

/** Runs a program until it exits, and returns the lines that it printed, each parsed as JSON. */
async function run(command: readonly string[], ...more: string[]): Promise<unknown[]> {
  const { code, stdout, stderr } = await ended(command, ...more);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Runs a program until it exits. */
async function ended(
  [program, ...args]: readonly string[],
  ...more: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args: [...args, "127.0.0.1", ...more],
    signal: AbortSignal.timeout(TIMEOUT),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

function pathOf(program: string): string {
  return decodeURIComponent(new URL(program, programs).pathname);
}
