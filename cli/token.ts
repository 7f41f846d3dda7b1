/**
 * `dsmq token`: signs a token that expires.
 *
 * @module
 */

import type { Grant } from "../server.ts";
import { loadJose } from "../server/jose_package.ts";
import {
  GRANT_CLAIM,
  SECRET_FORM,
  secretProblem,
  TOKEN_FORM,
  tokenProblem,
} from "../protocol/token.ts";
import { type CliCommand, EXIT_CODE, type ParsedArguments, UsageError } from "./command.ts";
import { permissionWarning } from "./files.ts";
import { readSecrets } from "./jwt.ts";
import { print, printError } from "./terminal.ts";
import { parseTopicWords } from "./token_file.ts";
import { parseDuration } from "./values.ts";

/** The environment variable that holds the secret. */
const SECRET_VARIABLE = "DSMQ_JWT_SECRET";

/** How long a token may be valid, in milliseconds. */
const LIFETIME = { min: 1000, max: 3650 * 86_400_000 };
const DEFAULT_LIFETIME = "1h";

/** `dsmq token`. */
export const tokenCommand: CliCommand = {
  usage: "",
  summary: "sign a token that expires, for a server with --jwt-secret-file",
  options: {
    secret: {
      value: "SECRET",
      help:
        `the secret, at least 32 bytes; other users of this machine can see it here (${SECRET_VARIABLE}, if the environment may be read)`,
    },
    "secret-file": { value: "FILE", help: "a file; its first line is the secret" },
    read: { value: "TOPICS", help: "topics to read, such as orders,news.*; * for all" },
    write: {
      value: "TOPICS",
      help: "topics to put messages into, such as orders,news.*; * for all",
    },
    work: { value: "TOPICS", help: "topics to take jobs of, such as orders,news.*; * for all" },
    admin: { help: "administer the server" },
    for: { value: "TIME", help: `how long it is valid (${DEFAULT_LIFETIME})` },
    sub: {
      value: "NAME",
      help: "whose token it is; the next one of the same name belongs to the same client",
    },
    issuer: { value: "NAME", help: "who issues it (iss)" },
    audience: { value: "NAME", help: "for whom it is (aud)" },
  },
  positionals: [0, 0],
  async run(args) {
    const grants = grantsOf(args);
    const lifetime = parseDuration("--for", args.value("for") ?? DEFAULT_LIFETIME, LIFETIME);
    const secret = await secretOf(args);
    const [sub, iss, aud] = ["sub", "issuer", "audience"].map(args.value);
    const { SignJWT } = await loadJose();
    const now = Date.now();
    const claims = {
      [GRANT_CLAIM]: grants.length === 1 ? grants[0] : grants,
      ...(sub !== undefined && { sub }),
      ...(iss !== undefined && { iss }),
      ...(aud !== undefined && { aud }),
      iat: Math.floor(now / 1000),
      exp: Math.ceil((now + lifetime) / 1000),
    };
    const key = await crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(secret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    const token = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .sign(key);
    const problem = tokenProblem(token);
    if (problem !== undefined) {
      throw new Error(
        `Cannot sign a token: it must be ${TOKEN_FORM}, got ${problem}: name fewer topics`,
      );
    }
    print(token);
    return EXIT_CODE.ok;
  },
};

/** What the token permits: one grant, or one for each kind of topics. */
function grantsOf(args: ParsedArguments): Grant[] {
  const topics = (option: "read" | "write" | "work") => {
    const text = args.value(option);
    if (text === undefined) return undefined;
    const words = text.split(",").map((word) => word.trim());
    const fault = (reason: string) =>
      new UsageError(`--${option} must be topics such as orders,news.*: ${reason}`);
    if (words.includes("")) throw fault("one is empty");
    return words.includes("*") ? {} : parseTopicWords(words, fault);
  };
  const [read, write, work] = [topics("read"), topics("write"), topics("work")];
  const grants: Grant[] = [
    ...read ? [{ permissions: ["read"] as const, ...read }] : [],
    ...write ? [{ permissions: ["write"] as const, ...write }] : [],
    ...work ? [{ permissions: ["work"] as const, ...work }] : [],
    ...args.flag("admin") ? [{ permissions: ["admin"] as const }] : [],
  ];
  if (grants.length === 0) {
    throw new UsageError(
      "say what the token permits: --read TOPICS, --write TOPICS, --work TOPICS or --admin",
    );
  }
  return grants;
}

/** The secret of the option, of a file, or of the environment. */
async function secretOf(args: ParsedArguments): Promise<string> {
  const [option, file] = [args.value("secret"), args.value("secret-file")];
  if (option !== undefined && file !== undefined) {
    throw new UsageError("use --secret or --secret-file, not both");
  }
  if (file !== undefined) {
    const [secret] = await readSecrets("--secret-file", file);
    const warning = await permissionWarning(file);
    if (warning !== undefined) printError(`dsmq: ${warning}`);
    return secret!;
  }
  const { state } = Deno.permissions.querySync({ name: "env", variable: SECRET_VARIABLE });
  const secret = option ?? (state === "granted" ? Deno.env.get(SECRET_VARIABLE) : undefined);
  if (secret === undefined) {
    const unreadable = state === "granted"
      ? ""
      : ` (${SECRET_VARIABLE} cannot be read without --allow-env=${SECRET_VARIABLE})`;
    throw new UsageError(
      `set a secret with --secret-file, ${SECRET_VARIABLE} or --secret${unreadable}`,
    );
  }
  const problem = secretProblem(secret);
  if (problem !== undefined) {
    const source = option === undefined ? SECRET_VARIABLE : "--secret";
    throw new UsageError(`${source} must be ${SECRET_FORM}, got ${problem}`);
  }
  return secret;
}
