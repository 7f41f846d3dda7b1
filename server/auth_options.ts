/**
 * Who may come in: these options of a server, their defaults and their bounds.
 *
 * @module
 */

import type { AccessControlOptions } from "../auth/access_control.ts";
import { hostFault } from "../auth/allowed_hosts.ts";
import { type Grant, PERMISSIONS, type TokenGrant } from "../auth/permissions.ts";
import { originFault } from "../auth/allowed_origins.ts";
import { NameMap } from "../protocol/name_map.ts";
import { describeKind, isOptions } from "../protocol/option_kinds.ts";
import { formatValue, kindOf, quoted } from "../protocol/text.ts";
import { TOKEN_FORM, tokenProblem } from "../protocol/token.ts";
import type { Tls } from "./certificate.ts";
import { OptionChecks } from "./option_checks.ts";

const ORIGINS = 'origins such as "https://example.org"';
const HOSTS = 'names such as "mq.example.org"';

/** Who may come in. */
export interface AuthOptions {
  /** A token that gives leave for everything; it is then asked for. Default: none is asked for. */
  readonly token?: string;
  /** Tokens, and what each gives leave for; one of them is then asked for, even if there is none. */
  readonly tokens?: readonly TokenGrant[];
  /** What those may do who bring no token. Default: everything if no token is asked for, else nothing. */
  readonly anonymous?: Grant;
  /** The origins of web pages that may come in, beside the server's own; `"*"` is any. Default: none. */
  readonly allowedOrigins?: readonly string[];
  /** Names under which the server may be called, beside `host` and those of loopback. Default: none. */
  readonly allowedHosts?: readonly string[];
  /** The certificate for TLS, in PEM, with those above it. Default: no TLS. */
  readonly cert?: string;
  /** The private key for TLS, in PEM. */
  readonly key?: string;
}

/** These options, checked; the rest of a door's is known to the server. */
export interface AuthSettings extends Omit<AccessControlOptions, "host" | "secure"> {
  readonly tls: Tls | undefined;
}

/**
 * Fills in the defaults and checks the options.
 *
 * @param options all that the caller gave
 * @param check what the options are called in errors
 * @returns the settings, and the options that are not of this kind
 * @throws {TypeError} if an option is of the wrong type
 * @throws {RangeError} if an option is out of its range
 */
export function parseAuthOptions<Others extends object>(
  options: AuthOptions & Others,
  check: OptionChecks,
): { auth: AuthSettings; others: Omit<AuthOptions & Others, keyof AuthOptions> } {
  const { token, tokens, anonymous, allowedOrigins = [], allowedHosts = [], cert, key, ...others } =
    options;
  requireTexts(check, "allowedOrigins", allowedOrigins, ORIGINS, originFault);
  requireTexts(check, "allowedHosts", allowedHosts, HOSTS, hostFault);
  if (anonymous !== undefined) requireGrant("anonymous", anonymous, [], check);
  const auth = {
    tokens: mergeGrants(token, tokens, check),
    anonymous,
    allowedOrigins,
    allowedHosts,
    tls: requireTlsPair(cert, key, check),
  };
  return { auth, others };
}

/**
 * Checks tokens, and what each gives leave for.
 *
 * @param tokens what the caller gave
 * @param check what options are called in errors. Default: as in a program
 * @throws {TypeError | RangeError} if something of it is not as it has to be; no token is in the message
 */
export function requireTokens(
  tokens: readonly TokenGrant[],
  check: OptionChecks = new OptionChecks(),
): void {
  if (!Array.isArray(tokens)) {
    throw new TypeError(`Cannot ${check.action}: tokens must be a list, got ${kindOf(tokens)}`);
  }
  const indexes = new NameMap<number>();
  // Also where the list has holes.
  Array.from(tokens).forEach((grant: TokenGrant, i) => {
    requireGrant(`tokens[${i}]`, grant, ["token"], check);
    requireToken(`tokens[${i}].token`, grant.token, check);
    // Which of them would count?
    const before = indexes.get(grant.token);
    if (before !== undefined) {
      throw check.rangeError(
        `tokens[${i}].token`,
        "a token of its own",
        `that of tokens[${before}]`,
      );
    }
    indexes.set(grant.token, i);
  });
}

/**
 * Checks what somebody has leave for.
 *
 * @param name what it is called
 * @param grant what the caller gave
 * @param more the names that it may have beside its own
 * @param check what options are called in errors. Default: as in a program
 * @throws {TypeError | RangeError} if something of it is not as it has to be
 */
export function requireGrant(
  name: string,
  grant: Grant,
  more: readonly string[] = [],
  check: OptionChecks = new OptionChecks(),
): void {
  const allowedNames = [...more, "permissions", "topics", "prefixes"];
  // What is none may be a token. Taken for one that says nothing it would give leave for everything.
  if (!isOptions(grant, allowedNames)) {
    const got = describeKind(grant);
    throw new TypeError(`Cannot ${check.action}: ${name} must be an object, got ${got}`);
  }
  for (const member in grant) {
    if (allowedNames.includes(member)) continue;
    throw new TypeError(`Cannot ${check.action}: ${name} has no member ${formatValue(member)}`);
  }
  const { permissions, topics, prefixes } = grant;
  const isPermission = (permission: unknown) =>
    (PERMISSIONS as readonly unknown[]).includes(permission);
  if (permissions !== undefined) {
    check.list(`${name}.permissions`, permissions, "read, write, admin", isPermission);
  }
  const isText = (text: unknown) => typeof text === "string" && text.isWellFormed();
  if (topics !== undefined) check.list(`${name}.topics`, topics, "topics", isText);
  if (prefixes !== undefined) {
    check.list(`${name}.prefixes`, prefixes, "beginnings of topics", isText);
  }
}

function mergeGrants(
  token: string | undefined,
  tokens: readonly TokenGrant[] | undefined,
  check: OptionChecks,
): readonly TokenGrant[] | undefined {
  if (token !== undefined) requireToken("token", token, check);
  if (tokens !== undefined) requireTokens(tokens, check);
  if (token === undefined) return tokens;
  if (tokens?.some((grant) => grant.token === token)) {
    throw check.rangeError("token", "another than those of tokens", "one of them");
  }
  return [{ token }, ...tokens ?? []];
}

/** What was given is not shown: it may be a token with a slip in it. */
function requireToken(name: string, token: unknown, check: OptionChecks): void {
  if (typeof token !== "string") {
    throw new TypeError(
      `Cannot ${check.action}: ${name} must be ${TOKEN_FORM}, got ${kindOf(token)}`,
    );
  }
  const fault = tokenProblem(token);
  if (fault !== undefined) throw check.rangeError(name, TOKEN_FORM, fault);
}

/**
 * Checks that there are both a certificate and a key, or neither.
 *
 * @param cert the certificate, in PEM
 * @param key its private key, in PEM
 * @param check what options are called in errors. Default: as in a program
 * @returns the two, of which nothing is known yet; `undefined` if there are none
 * @throws {TypeError} if one of them lacks, or is no text
 */
export function requireTlsPair(
  cert: string | undefined,
  key: string | undefined,
  check: OptionChecks = new OptionChecks(),
): Tls | undefined {
  for (const [name, value] of Object.entries({ cert, key })) {
    if (value !== undefined && typeof value !== "string") {
      throw new TypeError(
        `Cannot ${check.action}: ${name} must be text in PEM, got ${kindOf(value)}`,
      );
    }
  }
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const [given, missing] = (cert === undefined ? ["key", "cert"] : ["cert", "key"])
      .map(check.nameOf);
    throw new TypeError(
      `Cannot ${check.action}: TLS needs ${given} and ${missing}, and there is no ${missing}`,
    );
  }
  return { cert, key };
}

/** A list of texts of which it can be said what is wrong with them. */
function requireTexts(
  check: OptionChecks,
  name: string,
  values: readonly unknown[],
  of: string,
  fault: (value: string) => string | undefined,
): void {
  check.list(name, values, of, (value) => typeof value === "string");
  for (const value of values as readonly string[]) {
    const reason = fault(value);
    if (reason !== undefined) {
      // Who writes a password there does not want to read it in a log.
      const shown = quoted(value.replace(/^([a-z]+:\/\/)?.*@/is, "$1…@"));
      throw check.rangeError(name, `a list of ${of}`, `one with ${shown}: ${reason}`);
    }
  }
}
