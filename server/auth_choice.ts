/**
 * The option `auth`: who may do what.
 *
 * @module
 */

import type { Auth } from "../auth/auth.ts";
import type { Grant, TokenGrant } from "../auth/permissions.ts";
import { LIMITS } from "../protocol/limits.ts";
import { NameMap } from "../protocol/name_map.ts";
import { kindOf, topicProblem } from "../protocol/text.ts";
import { isPermission, TOKEN_FORM, tokenProblem } from "../protocol/token.ts";
import { requireJwt } from "./jwt_options.ts";
import { OptionChecks } from "./option_checks.ts";

/** The members of an `auth` that is an object. */
const AUTH_NAMES: readonly (keyof Auth)[] = ["tokens", "anonymous", "jwt", "verify"];

/** What it has to be, for an error. */
const AUTH_FORM = `a token (${TOKEN_FORM}) or an object`;

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
 * @returns the same as an object: a copy, in which inherited members are its own, so that none is lost on the way
 * @throws {TypeError | RangeError} if something is invalid; the message contains no token
 */
export function parseAuth(auth: string | Auth, check: OptionChecks = new OptionChecks()): Auth {
  // Such as a variable that was not set. It must not let everybody in.
  if (auth === undefined) {
    throw new TypeError(`Cannot ${check.action}: auth must be ${AUTH_FORM}, got undefined`);
  }
  if (typeof auth === "string") {
    requireToken("auth", auth, check);
    return { tokens: [{ token: auth }] };
  }
  check.members("auth", auth, AUTH_FORM, AUTH_NAMES);
  // Taken for "nothing is required" it would let everybody in.
  if (AUTH_NAMES.every((name) => auth[name] === undefined)) {
    throw new TypeError(
      `Cannot ${check.action}: auth must have tokens, anonymous, jwt or verify, got none of them`,
    );
  }
  const { tokens, anonymous, jwt, verify } = auth;
  if (verify !== undefined) {
    check.type("auth.verify", verify, typeof verify === "function", "a function");
  }
  return {
    ...(tokens !== undefined && { tokens: requireTokens(tokens, check) }),
    ...(anonymous !== undefined && { anonymous: requireGrant("auth.anonymous", anonymous, check) }),
    ...(jwt !== undefined && { jwt: requireJwt(jwt, check) }),
    ...(verify !== undefined && { verify }),
  };
}

function requireTokens(tokens: readonly TokenGrant[], check: OptionChecks): TokenGrant[] {
  if (!Array.isArray(tokens)) {
    const got = kindOf(tokens);
    throw new TypeError(`Cannot ${check.action}: auth.tokens must be a list, got ${got}`);
  }
  const indexes = new NameMap<number>();
  // Holes in the list are checked, too.
  return Array.from(tokens, (entry: TokenGrant, i) => {
    const name = `auth.tokens[${i}]`;
    const grant = requireGrant(name, entry, check, { more: ["token"] });
    const { token } = entry;
    requireToken(`${name}.token`, token, check);
    // It would be unclear which of them counts.
    const before = indexes.get(token);
    if (before !== undefined) {
      const got = `that of auth.tokens[${before}]`;
      throw check.rangeError(`${name}.token`, "a token of its own", got);
    }
    indexes.set(token, i);
    return { token, ...grant };
  });
}

/** What a grant can be besides. */
export interface GrantForm {
  /** The members that it may have besides its own. Default: none. */
  readonly more?: readonly string[];
  /** It must say what it permits, because by default that is everything. Default: `false`. */
  readonly mustPermit?: boolean;
}

/**
 * Checks a grant.
 *
 * @param name its name in errors
 * @param grant as the caller gave it
 * @param check how options are named in errors
 * @param form what it can be besides
 * @returns a copy of the grant, without other members
 * @throws {TypeError | RangeError} if something is invalid
 */
export function requireGrant(
  name: string,
  grant: Grant,
  check: OptionChecks,
  { more = [], mustPermit = false }: GrantForm = {},
): Grant {
  check.members(name, grant, "an object", [...more, "permissions", "topics", "prefixes"]);
  const given = (member: keyof Grant) => member in grant;
  const { permissions, topics, prefixes } = grant;
  if (mustPermit && !given("permissions")) {
    throw new TypeError(
      `Cannot ${check.action}: ${name} must name its permissions (a list of read, write, work, admin; [] for none), got an object without them`,
    );
  }
  if (given("permissions")) {
    check.list(`${name}.permissions`, permissions, "read, write, work, admin", isPermission);
  }
  if (given("topics")) {
    check.texts(`${name}.topics`, topics, "exact names of topics", grantedTopicFault);
  }
  if (given("prefixes")) {
    check.texts(`${name}.prefixes`, prefixes, "beginnings of topics", prefixFault);
  }
  return {
    ...(permissions && { permissions: [...permissions] }),
    ...(topics && { topics: [...topics] }),
    ...(prefixes && { prefixes: [...prefixes] }),
  };
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
