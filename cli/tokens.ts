/**
 * Tokens of the command line: from an option, a file, or the environment. They are never printed.
 *
 * @module
 */

import type { AuthOptions, Grant, JwtOptions, Server } from "../server.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { stderr } from "../server/stderr.ts";
import { TOKEN_FORM, tokenProblem } from "../protocol/token.ts";
import { type OptionSpec, type ParsedArguments, UsageError } from "./command.ts";
import { readTextFile } from "./files.ts";
import type { TokenFile } from "./token_file.ts";
import { parseFilePath } from "./values.ts";

/** The environment variable that holds a token. */
const TOKEN_VARIABLE = "DSMQ_TOKEN";

/** The options of every command that connects, and of `serve`. */
export const TOKEN_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  token: {
    value: "TOKEN",
    help:
      `the token; other users of this machine can see it here (${TOKEN_VARIABLE}, if the environment may be read)`,
  },
  "token-file": { value: "FILE", help: "a file; its first token is used" },
};

/** The options of `serve` for JSON Web Tokens. */
export const JWT_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  "jwt-secret-file": {
    value: "FILE",
    help:
      "accept JSON Web Tokens signed with HS256 and a secret of this file, one a line; reloaded at SIGHUP",
  },
  "jwt-key-file": {
    value: "FILE",
    help:
      "accept those signed with RS256 or ES256 for this public key, in PEM or as a JWK; reloaded at SIGHUP",
  },
  "jwt-jwks": {
    value: "URL",
    help: "accept those signed with RS256 or ES256 for a key of this JWK Set",
  },
  "jwt-issuer": { value: "NAME", help: "the issuer (iss) that these tokens must have" },
  "jwt-audience": { value: "NAME", help: "the audience (aud) that these tokens must have" },
};

/** The members of the option `jwt` whose names differ on the command line. */
const MEMBER_OPTIONS: Readonly<Record<string, string>> = {
  secret: "jwt-secret-file",
  publicKey: "jwt-key-file",
  jwks: "jwt-jwks",
  issuer: "jwt-issuer",
  audience: "jwt-audience",
};

/** The option for a member such as `auth.jwt[0].publicKey`; `undefined` for anything else. */
export function jwtOptionName(name: string): string | undefined {
  const member = /^auth\.jwt(?:\[\d+\])?\.(\w+)$/.exec(name)?.[1];
  return member === undefined ? undefined : MEMBER_OPTIONS[member];
}

/** A token and where it comes from, for errors. */
export interface GivenToken {
  readonly token: string;
  /** `--token`, `--token-file` or the environment variable. */
  readonly source: string;
}

/** The token of a client, from the arguments or the environment. */
export async function clientToken(args: ParsedArguments): Promise<GivenToken | undefined> {
  const file = tokenFilePath(args);
  if (file === undefined) return givenToken(args);
  const { tokens: [first], anonymous } = await readTokens(file);
  if (first === undefined) {
    const got = hasNoGrant(anonymous) ? COMMENTS_ALONE : "none";
    throw new Error(`Cannot use ${file}: it must hold a token, got ${got}`);
  }
  return { token: first.token, source: "--token-file" };
}

/** The files with keys of JSON Web Tokens, by their options. */
const JWT_FILES = ["jwt-secret-file", "jwt-key-file"] as const;

/** What a file has in which every line that is not empty begins with `#`, perhaps a token that is taken for a comment. */
const COMMENTS_ALONE = "comments alone (lines that begin with #)";

/** Whether a file of tokens has no line for clients without a token. */
function hasNoGrant(anonymous: Grant): boolean {
  return anonymous.permissions?.length === 0;
}

/** Loaded here and not above: most servers and commands have no file of tokens. */
async function readTokens(file: string): Promise<TokenFile> {
  const { parseTokens } = await import("./token_file.ts");
  return parseTokens(file, await readTextFile(file));
}

/** Loaded here and not above: most servers have no keys. */
async function jwtOf(args: ParsedArguments): Promise<JwtOptions[]> {
  if (Object.keys(JWT_OPTIONS).every((option) => args.value(option) === undefined)) return [];
  const { jwtFromArguments } = await import("./jwt.ts");
  return await jwtFromArguments(args);
}

/** Who may do what on a server, from the arguments or the environment. */
export async function serverAuth(args: ParsedArguments): Promise<Pick<AuthOptions, "auth">> {
  const file = tokenFilePath(args);
  const jwt = await jwtOf(args);
  const listed = file === undefined
    ? undefined
    : requireSomeToken(file, await readTokens(file), jwt.length > 0);
  const { token } = file === undefined ? givenToken(args) ?? {} : {};
  if (jwt.length === 0) {
    if (listed) return { auth: listed };
    return token === undefined ? {} : { auth: token };
  }
  return { auth: { ...listed, ...(token !== undefined && { tokens: [{ token }] }), jwt } };
}

/** Errors that a token might prevent. */
const TOKEN_CODES: readonly ErrorCode[] = ["unauthorized", "permission_denied"];

/**
 * What a server says to a client that lacks a permission. It says more if a token would make no difference: if it is open, or lets no
 * client stop it. Where Deno does not permit something, the sentence is another one.
 */
const LACKS_PERMISSION = /: permission denied(: that needs the permission .*)?$/;

/**
 * Adds a hint about tokens to an error, where a token is required and none was given.
 *
 * @param error the error of a command
 * @param args the arguments of the command
 * @returns the error, perhaps with a hint
 */
export function withTokenHint(error: unknown, args: ParsedArguments): unknown {
  const { message, cause } = Object(error);
  // A command may have said more.
  const failure = [error, cause].find((given) => given instanceof DsmqError);
  if (!failure || !TOKEN_CODES.includes(failure.code)) return error;
  const isDenied = failure.code === "permission_denied";
  if (isDenied && !LACKS_PERMISSION.test(failure.message) || hasTokenOption(args)) return error;
  const unreadable = unreadableVariable();
  if (unreadable === undefined && Deno.env.has(TOKEN_VARIABLE)) return error;
  const hint = unreadable ?? `set a token with --token-file, ${TOKEN_VARIABLE} or --token`;
  return new Error(`${message} (${hint})`, { cause: error });
}

/** The files with tokens or keys that a server was given, by their options. */
export function authFiles(args: ParsedArguments): readonly string[] {
  return ["token-file", ...JWT_FILES].flatMap((option) => args.value(option) ?? []);
}

/**
 * Reloads the files with tokens and keys of a server, if it has some. If one cannot be used, nothing changes.
 *
 * @param args the arguments of `serve`
 * @param server the server
 */
export async function rereadAuth(args: ParsedArguments, server: Server): Promise<void> {
  const files = authFiles(args);
  if (files.length === 0) return;
  try {
    const file = args.value("token-file");
    // `parseTokens` refuses an empty file: a pipe that was read before, or a file that is just being written, must not
    // disconnect everybody.
    const listed = file === undefined ? undefined : await readTokens(file);
    const jwt = await jwtOf(args);
    const { token } = file === undefined ? givenToken(args) ?? {} : {};
    await server.setAuth({
      ...listed,
      ...(token !== undefined && { tokens: [{ token }] }),
      ...(jwt.length > 0 && { jwt }),
    });
    const count = listed?.tokens.length;
    const tokens = count === 1 ? "1 token is" : `${count} tokens are`;
    for (const path of files) {
      const message = `reloaded ${path}${path === file ? `: ${tokens} valid` : ""}`;
      stderr.write({ event: "reloaded", message, fields: { file: path } });
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    stderr.write({ event: "reload_failed", message: `${reason}; the tokens are unchanged` });
  }
}

/** A server that nobody can use is a mistake at the start. (At SIGHUP it means that every token is revoked.) */
function requireSomeToken(file: string, parsed: TokenFile, hasKeys: boolean): TokenFile {
  if (hasKeys || parsed.tokens.length > 0 || !hasNoGrant(parsed.anonymous)) return parsed;
  throw new Error(
    `Cannot use ${file}: it must hold a token or a line for *, got ${COMMENTS_ALONE}`,
  );
}

/** The path of the token file, if one is given; it excludes any other token. */
function tokenFilePath(args: ParsedArguments): string | undefined {
  const file = args.value("token-file");
  if (file !== undefined && args.value("token") !== undefined) {
    throw new UsageError("use --token or --token-file, not both");
  }
  return file === undefined ? undefined : parseFilePath("--token-file", file);
}

/** The token of the option, or else of the environment. */
function givenToken(args: ParsedArguments): GivenToken | undefined {
  const option = args.value("token");
  const source = option === undefined ? TOKEN_VARIABLE : "--token";
  const token = option ??
    (unreadableVariable() === undefined ? Deno.env.get(TOKEN_VARIABLE) : undefined);
  if (token === undefined) return undefined;
  const problem = tokenProblem(token);
  if (problem !== undefined) {
    throw new UsageError(`${source} must be ${TOKEN_FORM}, got ${problem}`);
  }
  return { token, source };
}

function hasTokenOption(args: ParsedArguments): boolean {
  return args.value("token") !== undefined || args.value("token-file") !== undefined;
}

/**
 * Says that the environment variable cannot be read, where a token in it would count.
 *
 * @param args the arguments of `serve`
 * @returns such as `DSMQ_TOKEN cannot be read without --allow-env=DSMQ_TOKEN`
 */
export function unreadVariable(args: ParsedArguments): string | undefined {
  return hasTokenOption(args) ? undefined : unreadableVariable();
}

/** Why the environment variable cannot be read, if Deno does not permit it. Deno never prompts. */
function unreadableVariable(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: TOKEN_VARIABLE });
  return state === "granted"
    ? undefined
    : `${TOKEN_VARIABLE} cannot be read without --allow-env=${TOKEN_VARIABLE}`;
}
