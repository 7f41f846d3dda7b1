/**
 * The options of access control, with their defaults and checks.
 *
 * @module
 */

import type { AccessControlOptions } from "../auth/access_control.ts";
import { hostFault } from "../auth/allowed_hosts.ts";
import { type Grant, PERMISSIONS, type TokenGrant } from "../auth/permissions.ts";
import { originFault } from "../auth/allowed_origins.ts";
import { LIMITS } from "../protocol/limits.ts";
import { NameMap } from "../protocol/name_map.ts";
import { describeKind, isOptions } from "../protocol/option_kinds.ts";
import { formatValue, kindOf, quoted, topicProblem } from "../protocol/text.ts";
import { TOKEN_FORM, tokenProblem } from "../protocol/token.ts";
import { OptionChecks } from "./option_checks.ts";

const ORIGINS = 'origins such as "https://example.org"';
const HOSTS = 'names such as "mq.example.org"';

/** Who may connect. */
export interface AuthOptions {
  /** A token that may do everything. Then a token is required. Default: none is required. */
  readonly token?: string;
  /** Tokens, and what each permits. Then one of them is required, even if the list is empty. */
  readonly tokens?: readonly TokenGrant[];
  /** What clients without a token may do. Default: everything if no token is required, else nothing. */
  readonly anonymous?: Grant;
  /** The origins of web pages that may connect, besides the server's own; `"*"` allows all. Default: none. */
  readonly allowedOrigins?: readonly string[];
  /** Names of the server, besides `host` and the names of loopback. Default: none. */
  readonly allowedHosts?: readonly string[];
  /** The certificate for TLS, in PEM, followed by those above it. Default: no TLS. */
  readonly cert?: string;
  /** The private key for TLS, in PEM. */
  readonly key?: string;
}

/** A certificate, followed by those above it, and its private key, in PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** The names of the two in errors: options, or files. */
export const TLS_OPTION_NAMES: Tls = { cert: "cert", key: "key" };

/** The checked options. The server adds the rest of access control. */
export interface AuthSettings extends Omit<AccessControlOptions, "host" | "secure"> {
  readonly tls: Tls | undefined;
}

/**
 * Fills in the defaults and checks the options.
 *
 * @param options all options of the caller
 * @param check how options are named in errors
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
 * Checks tokens and their grants.
 *
 * @param tokens as the caller gave them
 * @param check how options are named in errors. Default: as in a program
 * @throws {TypeError | RangeError} if something is invalid; the message contains no token
 */
export function requireTokens(
  tokens: readonly TokenGrant[],
  check: OptionChecks = new OptionChecks(),
): void {
  if (!Array.isArray(tokens)) {
    throw new TypeError(`Cannot ${check.action}: tokens must be a list, got ${kindOf(tokens)}`);
  }
  const indexes = new NameMap<number>();
  // Holes in the list are checked, too.
  Array.from(tokens).forEach((grant: TokenGrant, i) => {
    requireGrant(`tokens[${i}]`, grant, ["token"], check);
    requireToken(`tokens[${i}].token`, grant.token, check);
    // It would be unclear which of them counts.
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
 * Checks a grant.
 *
 * @param name its name in errors
 * @param grant as the caller gave it
 * @param more the members that it may have besides its own
 * @param check how options are named in errors. Default: as in a program
 * @throws {TypeError | RangeError} if something is invalid
 */
export function requireGrant(
  name: string,
  grant: Grant,
  more: readonly string[] = [],
  check: OptionChecks = new OptionChecks(),
): void {
  const allowedNames = [...more, "permissions", "topics", "prefixes"];
  // Another value may be a token. Taken for an empty grant it would permit everything.
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
  if (topics !== undefined) {
    requireTexts(check, `${name}.topics`, topics, "exact names of topics", grantedTopicFault);
  }
  if (prefixes !== undefined) {
    requireTexts(check, `${name}.prefixes`, prefixes, "beginnings of topics", prefixFault);
  }
}

/** A reader of the grant would take a name with a `*` for a pattern. */
function grantedTopicFault(topic: string): string | undefined {
  if (topic.includes("*")) return "to include all topics that begin with a text, use prefixes";
  // A topic may be longer than the limit of this server, which does not matter here.
  return topicProblem(topic, LIMITS.topicBytes.max);
}

function prefixFault(prefix: string): string | undefined {
  if (prefix.includes("*")) return "a prefix has no *; it includes all topics that begin with it";
  return prefix === "" ? undefined : topicProblem(prefix, LIMITS.topicBytes.max);
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

/** The value is not shown: it may be a token with a typing error. */
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
 * @param check how options are named in errors. Default: as in a program
 * @returns the two, not checked any further; `undefined` if there are none
 * @throws {TypeError} if one of them is missing, or is not text
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

/** Checks a list of texts. */
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
      // A password that was typed there must not appear in a log.
      const shown = quoted(value.replace(/^([a-z]+:\/\/)?.*@/is, "$1…@"));
      throw check.rangeError(name, `a list of ${of}`, `one with ${shown}: ${reason}`);
    }
  }
}
