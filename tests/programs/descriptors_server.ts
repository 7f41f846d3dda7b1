/**
 * A program without free file descriptors that wants what has to be loaded first.
 *
 *     descriptors_server.ts    with a low limit of open files; prints what it sees, a line each
 *
 * @module
 */

import { createHandler, DsmqError, serve } from "../../mod.ts";
import { httpMessage, readResponse } from "../support/http_client.ts";
import { RawSocket } from "../support/raw_socket.ts";

// Deno opens a descriptor for signals before it exits, and panics if it cannot: so it opens it now.
Deno.addSignalListener("SIGTERM", () => Deno.exit(1));

const taken: Deno.FsFile[] = [];

/** Opens files until there are no descriptors left. */
function takeAll(): void {
  try {
    for (;;) taken.push(Deno.openSync("/dev/null"));
  } catch {
    // There is none.
  }
}

function release(): void {
  for (const file of taken.splice(0)) file.close();
}

const secret = "a secret of a test with 32 bytes";
const verify = () => undefined;
const lines: string[] = [];
const log = {
  info() {},
  warn: (line: string) => void lines.push(line),
  error: (line: string) => void lines.push(line),
};

/** Does it, and prints what came of it. */
async function attempt(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
    console.log(`${what}: done`);
  } catch (error) {
    if (!(error instanceof DsmqError)) throw error;
    console.log(`${what}: ${error.code}, ${error.retryable}, ${error.message}`);
  }
}

takeAll();
await attempt("serve", () => serve({ port: 0, log }));
await attempt("createHandler", () => createHandler({ log }).ready);
release();
const server = await serve({ port: 0, log, auth: "at-first" });
{
  using client = await RawSocket.connect(server.port!);
  const ask = async (path: string) => {
    await client.send(httpMessage(`GET ${path}`));
    const { status, body } = await readResponse(client);
    console.log(`${path}: ${status}${status === 200 ? "" : `, ${JSON.parse(body).detail}`}`);
  };
  takeAll();
  // What answers plain HTTP was loaded before anybody could connect; the files were not.
  await ask("/health");
  await ask("/openapi.json");
  await ask("/client.js");
  await ask("/page.js");
  release();
  console.log(lines.at(-1)!.replace(/: Import .*: +/, ": ... "));
  await ask("/client.js");
  takeAll();
  await ask("/page.js");
  release();
}
for (
  const [what, auth] of [
    ["verify", { verify }],
    // The package is not loaded yet, the rest is.
    ["jwt", { jwt: { secret } }],
  ] as const
) {
  takeAll();
  await attempt(what, () => server.setAuth(auth));
  await attempt(what, () => server.setAuth(auth));
  release();
  await attempt(what, () => server.setAuth(auth));
  takeAll();
  // Nothing has to be loaded any more.
  await attempt(what, () => server.setAuth(auth));
  release();
}
await server.shutdown();
