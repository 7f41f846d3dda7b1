/**
 * What a server of the command line says of JSON Web Tokens: it names the options that were given there.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { failure, giveUp } from "../auth/auth_support.ts";
import { type Claims, claims, jwksServer, keysFor, SECRET, signed } from "../auth/jwt_support.ts";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A file of a test. */
async function file(text: string) {
  const path = await Deno.makeTempFile();
  const write = (text: string) => Deno.writeTextFile(path, text, { mode: 0o600 });
  await write(text);
  return { path, write, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

/** Reads what a server says until a line has this text. */
async function lineWith(server: Program, text: string): Promise<void> {
  for (;;) {
    const line = await withTimeout(server.errorLine());
    assert(line !== undefined, `it ended before it said ${text}`);
    assert(!line.includes("auth."), line);
    if (line.includes(text)) return;
  }
}

Deno.test("a server of the command line names the options by which it refuses a token, also after SIGHUP", async () => {
  await using secret = await file(`${SECRET}\n`);
  const given = ["--jwt-secret-file", secret.path];
  const cases: [string[], Claims, string][] = [
    [["--jwt-audience", "mq"], {}, "it has no audience (aud), which --jwt-audience asks for"],
    [
      ["--jwt-audience", "mq"],
      { aud: "others" },
      "it is for another audience than --jwt-audience",
    ],
    [[], { aud: "mq" }, "it is for a certain audience (aud), and --jwt-audience is not set"],
    [["--jwt-issuer", "app"], {}, "it has no issuer (iss), which --jwt-issuer asks for"],
    [["--jwt-issuer", "app"], { iss: "others" }, "it is from another issuer than --jwt-issuer"],
  ];
  for (const [args, more, sentence] of cases) {
    await using server = new Program([
      ...["-A", "cli.ts", "serve", "--port", "0", "--json", ...given, ...args],
    ]);
    const { url } = JSON.parse(await withTimeout(server.line()) ?? "null");
    server.child.kill("SIGHUP");
    await lineWith(server, `dsmq: reloaded ${secret.path}`);
    const token = await signed(claims(Date.now(), more));
    assertEquals((await failure(connect(url, { token }))).code, "unauthorized");
    await lineWith(server, sentence);
  }
});

Deno.test("a server of the command line names --jwt-jwks where its keys are missing", async () => {
  const rsa = await keysFor("RS256");
  await using keys = jwksServer(() => new Response("", { status: 503 }));
  await using key = await file(JSON.stringify(rsa.jwk));
  await using server = new Program([
    ...["-A", "cli.ts", "serve", "--port", "0", "--json", "--jwt-jwks", keys.url],
    ...["--jwt-key-file", key.path],
  ]);
  const { url } = JSON.parse(await withTimeout(server.line()) ?? "null");
  const token = await signed(claims(Date.now()), await keysFor("RS256"));
  const { code } = await failure(connect(url, { token, onRetry: giveUp }));
  assertEquals(code, "unavailable");
  await lineWith(
    server,
    "the keys of --jwt-jwks cannot be had: the answer has status 503, not 200",
  );
});

Deno.test("too many secrets are refused with the names of the options", async () => {
  await using many = await file(Array.from({ length: 17 }, (_, i) => `${SECRET}${i}\n`).join(""));
  const [outcome] = await runCommands(
    [["serve", "--port", "0", "--jwt-secret-file", many.path]],
    { allow: ["-A"] },
  );
  assertStringIncludes(
    outcome!.stderr,
    "--jwt-secret-file, --jwt-key-file and --jwt-jwks must name at most 16 secrets and keys, got 17",
  );
  assertEquals(outcome!.code, 2, outcome!.stderr);
});
