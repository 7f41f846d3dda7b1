/**
 * `--jwt-key-file` with a file that cannot be used: whatever is wrong with it, the file is named as every other one is, at the
 * start and at SIGHUP.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { exportPKCS8, exportSPKI, generateKeyPair } from "jose";
import { keysFor, SECRET, weakKey } from "../auth/jwt_support.ts";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";
import { withTimeout } from "../support/with_timeout.ts";

const FORM = "it must be a public key for RS256 or ES256, in PEM (SPKI) or as a JWK, got";

/** What a file can hold instead of a key, and what is said of it. */
async function unusableFiles(): Promise<[string, string][]> {
  const [rsa, ec] = [await keysFor("RS256"), await keysFor("ES256")];
  const other = await generateKeyPair("ES384", { extractable: true });
  const certificate = new URL("../fixtures/localhost_cert.pem", import.meta.url);
  const weak = await weakKey();
  const weakPem = await exportSPKI(
    await crypto.subtle.importKey(
      "jwk",
      weak,
      { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
      true,
      ["verify"],
    ),
  );
  const json = (jwk: object) => JSON.stringify(jwk);
  const block = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
  return [
    ["", "an empty file"],
    ["\n", "an empty file"],
    ["no key", "text that is not in that form"],
    ["[]", "text that is not in that form"],
    [block("RSA PUBLIC KEY"), "text that is not in that form"],
    [await exportPKCS8(other.privateKey), "a private key"],
    [await Deno.readTextFile(certificate), "a certificate"],
    [block("PUBLIC KEY"), "a key of another kind, or a damaged one"],
    [await exportSPKI(other.publicKey), "a key of another kind, or a damaged one"],
    [weakPem, "one of 1024 bits, and 2048 are the least"],
    ["{", "JSON that cannot be read"],
    ["{}", "one without kty"],
    [json({ keys: [ec.jwk] }), "one without kty"],
    [json(weak), "one of 1024 bits, and 2048 are the least"],
    [json({ ...ec.jwk, x: "AAAA" }), "one whose x and y are not 32 bytes each"],
    [json({ ...ec.jwk, crv: "P-384" }), 'one with crv "P-384"'],
    [json({ ...ec.jwk, d: "AQAB" }), "a private key"],
    [json({ kty: "oct", k: btoa(SECRET) }), "a symmetric key (secret takes one)"],
    [json({ ...rsa.jwk, use: "enc" }), 'one with use "enc"'],
    [json({ ...rsa.jwk, alg: "PS256" }), 'one with alg "PS256"'],
    [json({ ...rsa.jwk, ext: "yes" }), "a key of another kind, or a damaged one"],
  ];
}

Deno.test("a file of --jwt-key-file that cannot be used keeps a server from starting with code 1, and is named", async () => {
  const folder = await Deno.makeTempDir();
  const files = await unusableFiles();
  const path = (i: number) => `${folder}/${i}`;
  await Promise.all(files.map(([text], i) => Deno.writeTextFile(path(i), text)));
  const outcomes = await runCommands(
    files.map((_, i) => ["serve", "--port", "0", "--jwt-key-file", path(i)]),
    { allow: ["-A"] },
  );
  for (const [i, { code, stdout, stderr }] of outcomes.entries()) {
    const said = `dsmq: Cannot use ${path(i)}: ${FORM} ${files[i]![1]}`;
    assertEquals([code, stdout, stderr], [1, "", said]);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a file of --jwt-key-file that cannot be used at SIGHUP changes nothing, and is named", async () => {
  const path = await Deno.makeTempFile();
  const { pem, jwk } = await keysFor("ES256");
  await Deno.writeTextFile(path, pem);
  await using server = new Program(
    ["-A", "cli.ts", "serve", "--port", "0", "--jwt-key-file", path],
  );
  await withTimeout(server.errorLine());
  const reloaded = async (text: string) => {
    await Deno.writeTextFile(path, text);
    server.child.kill("SIGHUP");
    return await withTimeout(server.errorLine());
  };
  for (const [text, got] of await unusableFiles()) {
    const said = `dsmq: Cannot use ${path}: ${FORM} ${got}; the tokens are unchanged`;
    assertEquals(await reloaded(text), said);
  }
  assertEquals(await reloaded(JSON.stringify(jwk)), `dsmq: reloaded ${path}`);
  await Deno.remove(path);
});
