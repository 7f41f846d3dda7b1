/**
 * The keys of JSON Web Tokens on the command line: from files, or from an address. No secret is ever printed.
 *
 * @module
 */

import type { JwtOptions } from "../server.ts";
import { MAX_JWT_KEYS, SECRET_FORM, secretProblem } from "../protocol/token.ts";
import { type ParsedArguments, UsageError } from "./command.ts";
import { readTextFile } from "./files.ts";
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
    const problem = secretProblem(secret);
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

/** A JWK is JSON. What is wrong with the key itself is found when the server starts. */
async function readPublicKey(file: string): Promise<string | JsonWebKey> {
  const text = (await readTextFile(parseFilePath("--jwt-key-file", file))).trim();
  if (!text.startsWith("{")) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(
      `Cannot use ${file}: it must be a key in PEM or a JWK, got JSON that cannot be read`,
    );
  }
}
