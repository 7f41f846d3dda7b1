/**
 * The option `auth`: who may do what.
 *
 * @module
 */

import { type Auth, OPEN_TO_ALL } from "../auth/auth.ts";
import { type Grant, PERMISSIONS, type TokenGrant } from "../auth/permissions.ts";
import { LIMITS } from "../protocol/limits.ts";
import { NameMap } from "../protocol/name_map.ts";
import { describeKind, isOptions } from "../protocol/option_kinds.ts";
import { formatValue, kindOf, topicProblem } from "../protocol/text.ts";
import { TOKEN_FORM, tokenProblem } from "../protocol/token.ts";
import { requireJwt } from "./jwt_options.ts";
import { OptionChecks } from "./option_checks.ts";

/** The members of an `auth` that is an object. */
const AUTH_NAMES: readonly (keyof Auth)[] = ["tokens", "anonymous", "jwt", "verify"];

/** What it has to be, for an error. */
export const AUTH_FORM = `a token (${TOKEN_FORM}) or an object`;

/** The options that were in its place, and what is written today. */
const FORMER_OPTIONS: Readonly<Record<string, string>> = {
  token: 'auth: "…" (or, beside others, auth: { tokens: [{ token: "…" }] })',
  tokens: "auth: { tokens: […] }",
  anonymous: "auth: { anonymous: {…} } (with tokens, if there are some)",
};

/**
 * Tells a program that gives the former options what to write.
 *
 * @param options as the caller gave them
 * @param check how options are named in errors
 * @throws {TypeError} if there is such an option
 */
export function refuseFormerOptions(options: object, check: OptionChecks): void {
  for (const name in options) {
    if (!Object.hasOwn(FORMER_OPTIONS, name)) continue;
    throw new TypeError(
      `Cannot ${check.action}: there is no option "${name}": write ${FORMER_OPTIONS[name]}`,
    );
  }
}

/**
 * Checks the option `auth`.
 *
 * @param auth a token that permits everything, or who may do what
 * @param check how options are named in errors. Default: as in a program
 * @returns the same as an object
 * @throws {TypeError | RangeError} if something is invalid; the message contains no token
 */
export function parseAuth(
  auth: string | Auth | undefined,
  check: OptionChecks = new OptionChecks(),
): Auth {
  if (auth === undefined) return OPEN_TO_ALL;
  if (typeof auth === "string") {
    requireToken("auth", auth, check);
    return { tokens: [{ token: auth }] };
  }
  requireMembers("auth", auth, AUTH_FORM, AUTH_NAMES, check);
  // Taken for "nothing is required" it would let everybody in.
  if (AUTH_NAMES.every((name) => auth[name] === undefined)) {
    throw new TypeError(
      `Cannot ${check.action}: auth must have tokens, anonymous, jwt or verify, got none of them`,
    );
  }
  const { tokens, anonymous, jwt, verify } = auth;
  if (tokens !== undefined) requireTokens(tokens, check);
  if (anonymous !== undefined) requireGrant("auth.anonymous", anonymous, [], check);
  if (jwt !== undefined) requireJwt(jwt, check);
  if (verify !== undefined) {
    check.type("auth.verify", verify, typeof verify === "function", "a function");
  }
  return auth;
}

function requireTokens(tokens: readonly TokenGrant[], check: OptionChecks): void {
  if (!Array.isArray(tokens)) {
    const got = kindOf(tokens);
    throw new TypeError(`Cannot ${check.action}: auth.tokens must be a list, got ${got}`);
  }
  const indexes = new NameMap<number>();
  // Holes in the list are checked, too.
  Array.from(tokens).forEach((grant: TokenGrant, i) => {
    const name = `auth.tokens[${i}]`;
    requireGrant(name, grant, ["token"], check);
    requireToken(`${name}.token`, grant.token, check);
    // It would be unclear which of them counts.
    const before = indexes.get(grant.token);
    if (before !== undefined) {
      const got = `that of auth.tokens[${before}]`;
      throw check.rangeError(`${name}.token`, "a token of its own", got);
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
 * @param check how options are named in errors
 * @throws {TypeError | RangeError} if something is invalid
 */
export function requireGrant(
  name: string,
  grant: Grant,
  more: readonly string[],
  check: OptionChecks,
): void {
  requireMembers(name, grant, "an object", [...more, "permissions", "topics", "prefixes"], check);
  const { permissions, topics, prefixes } = grant;
  const isPermission = (permission: unknown) =>
    (PERMISSIONS as readonly unknown[]).includes(permission);
  if (permissions !== undefined) {
    check.list(`${name}.permissions`, permissions, "read, write, admin", isPermission);
  }
  if (topics !== undefined) {
    check.texts(`${name}.topics`, topics, "exact names of topics", grantedTopicFault);
  }
  if (prefixes !== undefined) {
    check.texts(`${name}.prefixes`, prefixes, "beginnings of topics", prefixFault);
  }
}

/**
 * Checks that a value is an object with these members only. Another value may be a token; taken for an empty grant it would
 * permit everything.
 */
export function requireMembers(
  name: string,
  value: object,
  expected: string,
  names: readonly string[],
  check: OptionChecks,
): void {
  if (!isOptions(value, names)) {
    const got = describeKind(value);
    throw new TypeError(`Cannot ${check.action}: ${name} must be ${expected}, got ${got}`);
  }
  for (const member in value) {
    if (names.includes(member)) continue;
    throw new TypeError(`Cannot ${check.action}: ${name} has no member ${formatValue(member)}`);
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
