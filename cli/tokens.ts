/**
 * Tokens on the command line: an option, a file, or the environment. None is ever printed.
 *
 * @module
 */

import type { AuthOptions, Server } from "../server.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { TOKEN_FORM, tokenProblem } from "../protocol/token.ts";
import { type OptionSpec, type ParsedArguments, UsageError } from "./command.ts";
import { readTextFile } from "./files.ts";
import { parseTokens, type TokenFile } from "./token_file.ts";
import { printError } from "./terminal.ts";
import { parseFilePath } from "./values.ts";

/** The variable of the environment that holds a token. */
const TOKEN_VARIABLE = "DSMQ_TOKEN";

/** The options of every command that connects, and of `serve`. */
export const TOKEN_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  token: {
    value: "TOKEN",
    help:
      `the token, which others on this machine can see here (${TOKEN_VARIABLE}, if the environment may be read)`,
  },
  "token-file": { value: "FILE", help: "a file whose first token is taken" },
};

/** Where a token comes from, for errors. */
export interface GivenToken {
  readonly token: string;
  /** `--token`, `--token-file` or the name of the variable. */
  readonly source: string;
}

/** The token that a client's arguments, or the environment, give. */
export async function clientToken(args: ParsedArguments): Promise<GivenToken | undefined> {
  const file = tokenFilePath(args);
  if (file === undefined) return givenToken(args);
  const { tokens: [first] } = parseTokens(file, await readTextFile(file));
  if (first === undefined) throw new Error(`Cannot use ${file}: there is no token in it`);
  return { token: first.token, source: "--token-file" };
}

/** Whom the arguments of `serve`, or the environment, give leave for what. */
export async function serverTokens(args: ParsedArguments): Promise<AuthOptions> {
  const file = tokenFilePath(args);
  if (file !== undefined) {
    return requireSomeToken(file, parseTokens(file, await readTextFile(file)));
  }
  const given = givenToken(args);
  return given ? { token: given.token } : {};
}

/** Errors that a token might have prevented. */
const TOKEN_CODES: readonly ErrorCode[] = ["unauthorized", "permission_denied"];

/**
 * Says how to give a token, where one is asked for and none was given.
 *
 * @param error what ended a command
 * @param args of the command
 * @returns the error, perhaps with a hint
 */
export function withTokenHint(error: unknown, args: ParsedArguments): unknown {
  if (!(error instanceof DsmqError) || !TOKEN_CODES.includes(error.code)) return error;
  // Without a topic it is no matter of tokens: the server does not let clients stop it.
  if (error.code === "permission_denied" && error.topic === undefined) return error;
  if (args.value("token") !== undefined || args.value("token-file") !== undefined) return error;
  const unreadable = unreadableVariable();
  if (unreadable === undefined && Deno.env.has(TOKEN_VARIABLE)) return error;
  const hint = unreadable ?? `--token-file, ${TOKEN_VARIABLE} or --token gives one`;
  return new Error(`${error.message} (${hint})`, { cause: error });
}

/**
 * Has a server read its file of tokens again, if it has one. A file that cannot be used leaves all as it was.
 *
 * @param args the arguments of `serve`
 * @param server the server
 */
export async function rereadTokens(args: ParsedArguments, server: Server): Promise<void> {
  const file = args.value("token-file");
  if (file === undefined) return;
  try {
    const text = await readTextFile(file);
    // A pipe that was read before, or a file that is just being written, is empty: no reason to send everybody away.
    const { tokens, anonymous } = parseTokens(file, text);
    await server.setTokens(tokens, anonymous);
    const count = tokens.length === 1 ? "1 token is" : `${tokens.length} tokens are`;
    printError(`dsmq: read ${file} again: ${count} good`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    printError(`dsmq: ${reason}; the tokens are what they were`);
  }
}

/** A server that nobody may use is none. (At SIGHUP it is what was asked for: every token is taken back.) */
function requireSomeToken(file: string, parsed: TokenFile): TokenFile {
  if (parsed.tokens.length > 0 || parsed.anonymous.permissions?.length !== 0) return parsed;
  throw new Error(`Cannot use ${file}: there is neither a token nor a line for * in it`);
}

/** The file of tokens, if one is named; there is no other token then. */
function tokenFilePath(args: ParsedArguments): string | undefined {
  const file = args.value("token-file");
  if (file !== undefined && args.value("token") !== undefined) {
    throw new UsageError("a token is given by --token or by --token-file: got both");
  }
  return file === undefined ? undefined : parseFilePath("--token-file", file);
}

/** The token of the option, else that of the environment. */
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

/** That the variable may not be read, if that is so. Leave for it is looked up, and never asked for. */
export function unreadableVariable(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: TOKEN_VARIABLE });
  return state === "granted"
    ? undefined
    : `${TOKEN_VARIABLE} may not be read: --allow-env=${TOKEN_VARIABLE}`;
}
