/**
 * The keys of JSON Web Tokens on the command line: from files, or from an address. No secret is ever printed.
 *
 * @module
 */

import type { JwtOptions } from "../server.ts";
import { loadJose } from "../server/jose_package.ts";
import { importPublicKey } from "../server/public_keys.ts";
import { MAX_JWT_KEYS, PUBLIC_KEY_FORM, SECRET_FORM, secretProblem } from "../protocol/token.ts";
import { type ParsedArguments, UsageError } from "./command.ts";
import { readTextFile } from "./files.ts";
import { interruption } from "./signals.ts";
import { parseFilePath } from "./values.ts";

/**
 * Reads the keys that tokens may be signed with.
 *
 * @param args the arguments of `serve`
 * @returns an entry for each; none if no option names one
 * @throws {UsageError} if an option is of no use
 * @throws {Error} if a file cannot be read or used
 */
export async function jwtFromArguments(args: ParsedArguments): Promise<JwtOptions[]> {
  const [secrets, key, jwks, issuer, audience] = [
    "jwt-secret-file",
    "jwt-key-file",
    "jwt-jwks",
    "jwt-issuer",
    "jwt-audience",
  ].map(args.value);
  const claims = {
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
  const keys: JwtOptions[] = [
    ...secrets === undefined
      ? []
      : (await readSecrets("--jwt-secret-file", secrets)).map((secret) => ({ secret })),
    ...key === undefined ? [] : [{ publicKey: await readPublicKey(key) }],
    ...jwks === undefined ? [] : [{ jwks }],
  ];
  if (keys.length === 0 && Object.keys(claims).length > 0) {
    const option = issuer === undefined ? "--jwt-audience" : "--jwt-issuer";
    throw new UsageError(`${option} needs --jwt-secret-file, --jwt-key-file or --jwt-jwks`);
  }
  if (keys.length > MAX_JWT_KEYS) {
    throw new UsageError(
      `--jwt-secret-file, --jwt-key-file and --jwt-jwks must name at most ${MAX_JWT_KEYS} secrets and keys, got ${keys.length}`,
    );
  }
  return keys.map((entry) => ({ ...entry, ...claims }));
}

/**
 * Reads a file of secrets, one a line.
 *
 * @param option that names it
 * @param file its path
 * @returns at least one; the first one signs
 * @throws {Error} if one cannot be used; only the number of its line is shown
 */
export async function readSecrets(option: string, file: string): Promise<string[]> {
  const text = await readTextFile(parseFilePath(option, file));
  const secrets: string[] = [];
  text.split(/\r?\n/).forEach((secret, i) => {
    if (secret === "") return;
    // A comment would be a secret that can be guessed.
    const problem = /^\s*#/.test(secret)
      ? "one that begins with # (a file of secrets has no comments)"
      : secretProblem(secret);
    if (problem !== undefined) {
      throw new Error(
        `Cannot use ${file}: line ${i + 1}: it must be ${SECRET_FORM}, got ${problem}`,
      );
    }
    secrets.push(secret);
  });
  if (secrets.length === 0) throw new Error(`Cannot use ${file}: it must hold a secret, got none`);
  return secrets;
}

/**
 * Reads a public key. It is imported here, too, and not only when the server gets it: what is wrong with it is wrong with the
 * file, which the server does not know.
 */
async function readPublicKey(file: string): Promise<string | JsonWebKey> {
  const text = (await readTextFile(parseFilePath("--jwt-key-file", file))).trim();
  const unusable = (got: string) =>
    new Error(`Cannot use ${file}: it must be ${PUBLIC_KEY_FORM}, got ${got}`);
  if (text === "") throw unusable("an empty file");
  const key = text.startsWith("{") ? parsedJson(text) : text;
  if (key === undefined) throw unusable("JSON that cannot be read");
  const imported = await importPublicKey(await loadJose(interruption), key);
  if (typeof imported === "string") throw unusable(imported);
  return key;
}

/** A JWK is JSON. */
function parsedJson(text: string): JsonWebKey | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
