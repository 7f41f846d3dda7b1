/**
 * Tokens on the command line: an option, a file, or the environment. None is ever printed.
 *
 * @module
 */

import type { EntryOptions, Server } from "../server.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { TOKEN_FORM, tokenFault } from "../protocol/token.ts";
import { type Arguments, type Option, UsageError } from "./command.ts";
import { readable } from "./files.ts";
import { parseTokens, type TokenFile } from "./token_file.ts";
import { say } from "./terminal.ts";
import { filePath } from "./values.ts";

/** The variable of the environment that holds a token. */
const VARIABLE = "DSMQ_TOKEN";

/** The options of every command that connects, and of `serve`. */
export const TOKEN: Readonly<Record<string, Option>> = {
  token: {
    value: "TOKEN",
    help:
      `the token, which others on this machine can see here (${VARIABLE}, if the environment may be read)`,
  },
  "token-file": { value: "FILE", help: "a file whose first token is taken" },
};

/** Where a token comes from, for errors. */
export interface GivenToken {
  readonly token: string;
  /** `--token`, `--token-file` or the name of the variable. */
  readonly from: string;
}

/** The token that a client's arguments, or the environment, give. */
export async function clientToken(args: Arguments): Promise<GivenToken | undefined> {
  const file = tokenFile(args);
  if (file === undefined) return givenToken(args);
  const { tokens: [first] } = parseTokens(file, await readable(file));
  if (first === undefined) throw new Error(`Cannot use ${file}: there is no token in it`);
  return { token: first.token, from: "--token-file" };
}

/** Whom the arguments of `serve`, or the environment, give leave for what. */
export async function serverTokens(args: Arguments): Promise<EntryOptions> {
  const file = tokenFile(args);
  if (file !== undefined) return someTokens(file, parseTokens(file, await readable(file)));
  const given = givenToken(args);
  return given ? { token: given.token } : {};
}

/** Errors that a token might have prevented. */
const ASKING: readonly ErrorCode[] = ["unauthorized", "not_allowed"];

/**
 * Says how to give a token, where one is asked for and none was given.
 *
 * @param error what ended a command
 * @param args of the command
 * @returns the error, perhaps with a hint
 */
export function withTokenHint(error: unknown, args: Arguments): unknown {
  if (!(error instanceof DsmqError) || !ASKING.includes(error.code)) return error;
  // Without a topic it is no matter of tokens: the server does not let clients stop it.
  if (error.code === "not_allowed" && error.topic === undefined) return error;
  if (args.value("token") !== undefined || args.value("token-file") !== undefined) return error;
  const unread = unreadVariable();
  if (unread === undefined && Deno.env.has(VARIABLE)) return error;
  const hint = unread ?? `--token-file, ${VARIABLE} or --token gives one`;
  return new Error(`${error.message} (${hint})`, { cause: error });
}

/**
 * Has a server read its file of tokens again, if it has one. A file that cannot be used leaves all as it was.
 *
 * @param args the arguments of `serve`
 * @param server the server
 */
export async function rereadTokens(args: Arguments, server: Server): Promise<void> {
  const file = args.value("token-file");
  if (file === undefined) return;
  try {
    const text = await readable(file);
    // A pipe that was read before, or a file that is just being written, is empty: no reason to send everybody away.
    const { tokens, anonymous } = parseTokens(file, text);
    await server.setTokens(tokens, anonymous);
    const count = tokens.length === 1 ? "1 token is" : `${tokens.length} tokens are`;
    say(`dsmq: read ${file} again: ${count} good`);
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    say(`dsmq: ${why}; the tokens are what they were`);
  }
}

/** A server that nobody may use is none. (At SIGHUP it is what was asked for: every token is taken back.) */
function someTokens(file: string, found: TokenFile): TokenFile {
  if (found.tokens.length > 0 || found.anonymous.rights?.length !== 0) return found;
  throw new Error(`Cannot use ${file}: there is neither a token nor a line for * in it`);
}

/** The file of tokens, if one is named; there is no other token then. */
function tokenFile(args: Arguments): string | undefined {
  const file = args.value("token-file");
  if (file !== undefined && args.value("token") !== undefined) {
    throw new UsageError("a token is given by --token or by --token-file: got both");
  }
  return file === undefined ? undefined : filePath("--token-file", file);
}

/** The token of the option, else that of the environment. */
function givenToken(args: Arguments): GivenToken | undefined {
  const option = args.value("token");
  const from = option === undefined ? VARIABLE : "--token";
  const token = option ?? (unreadVariable() === undefined ? Deno.env.get(VARIABLE) : undefined);
  if (token === undefined) return undefined;
  const fault = tokenFault(token);
  if (fault !== undefined) throw new UsageError(`${from} must be ${TOKEN_FORM}, got ${fault}`);
  return { token, from };
}

/** That the variable may not be read, if that is so. Leave for it is looked up, and never asked for. */
export function unreadVariable(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: VARIABLE });
  return state === "granted" ? undefined : `${VARIABLE} may not be read: --allow-env=${VARIABLE}`;
}
