/**
 * Tokens on the command line: an option, a file, or the environment. None is ever printed.
 *
 * @module
 */

import type { EntryOptions, Grant, Right, Server, TokenGrant } from "../server.ts";
import type { Arguments, Option } from "./command.ts";
import { readable } from "./files.ts";
import { say } from "./terminal.ts";

/** The variable of the environment that holds a token. */
const VARIABLE = "DSMQ_TOKEN";

/** The options of every command that connects, and of `serve`. */
export const TOKEN: Readonly<Record<string, Option>> = {
  token: {
    value: "TOKEN",
    help:
      `the token (${VARIABLE}, if the environment may be read); others on this machine can see it`,
  },
  "token-file": { value: "FILE", help: "a file whose first token is taken" },
};

/** Who stands for those without a token, where a file has a token. */
const STRANGERS = "*";

/** What a file says of tokens. */
export interface TokenFile {
  readonly tokens: readonly TokenGrant[];
  /** What those may do who have none. */
  readonly anonymous: Grant;
}

/**
 * Understands a file of tokens. Each line has a token, then perhaps its rights, then perhaps what the topics
 * begin with that these are for:
 *
 * ```text
 * # all rights, for all topics
 * 5s8d3kq0
 * x1m2p9zz read,write orders. invoices.
 * * read public.
 * ```
 *
 * @param name of the file, for the errors
 * @param text what is in it
 * @returns what it says; without a line for `*`, those without a token may do nothing
 * @throws {Error} if a line is wrong; it is named by its number, for it may hold a token
 */
export function parseTokens(name: string, text: string): TokenFile {
  const tokens: TokenGrant[] = [];
  let anonymous: Grant = { rights: [] };
  text.split(/\r?\n/).forEach((line, i) => {
    const [token, rights, ...topics] = line.trim().split(/\s+/);
    if (token === undefined || token === "" || token.startsWith("#")) return;
    const fault = (why: string) => new Error(`Cannot use ${name}: in line ${i + 1} ${why}`);
    if (!/^[\x21-\x7e]{1,1024}$/.test(token)) {
      throw fault("the token is not 1 to 1024 visible characters of ASCII");
    }
    const grant = {
      ...(rights !== undefined && { rights: parseRights(rights, fault) }),
      ...(topics.length > 0 && { topics }),
    };
    if (token === STRANGERS) anonymous = grant;
    else tokens.push({ token, ...grant });
  });
  return { tokens, anonymous };
}

function parseRights(text: string, fault: (why: string) => Error): readonly Right[] {
  return text.split(",").map((right) => {
    if (right === "read" || right === "write" || right === "admin") return right;
    throw fault("the rights are not of read, write and admin, with commas between them");
  });
}

/** The token that a client's arguments, or the environment, give. */
export async function clientToken(args: Arguments): Promise<string | undefined> {
  const given = args.value("token");
  const file = args.value("token-file");
  if (given !== undefined && file !== undefined) throw both();
  if (file === undefined) return given ?? ofEnvironment();
  const { tokens: [first] } = parseTokens(file, await readable(file));
  if (first === undefined) throw new Error(`Cannot use ${file}: there is no token in it`);
  return first.token;
}

/** Whom the arguments of `serve`, or the environment, give leave for what. */
export async function serverTokens(args: Arguments): Promise<EntryOptions> {
  const given = args.value("token");
  const file = args.value("token-file");
  if (given !== undefined && file !== undefined) throw both();
  if (file !== undefined) return parseTokens(file, await readable(file));
  const token = given ?? ofEnvironment();
  return token === undefined ? {} : { token };
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
    // A pipe that was read before, or a file that is just being written: that is no reason to send everybody away.
    if (text.trim() === "") throw new Error(`Cannot use ${file}: it is empty`);
    const { tokens, anonymous } = parseTokens(file, text);
    await server.setTokens(tokens, anonymous);
    const count = tokens.length === 1 ? "1 token is" : `${tokens.length} tokens are`;
    say(`dsmq: read ${file} again: ${count} good`);
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    say(`dsmq: ${why}; the tokens are what they were`);
  }
}

/** Leave for it is looked up, and never asked for. */
function ofEnvironment(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: VARIABLE });
  return state === "granted" ? Deno.env.get(VARIABLE) || undefined : undefined;
}

function both(): Error {
  return new Error("Cannot use a token: there are both --token and --token-file");
}
