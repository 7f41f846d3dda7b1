/**
 * The option `auth.jwt`: what is checked before anything is loaded. No secret is ever shown.
 *
 * @module
 */

import { isLoopbackAuthority } from "../auth/allowed_hosts.ts";
import type { JwtOptions } from "../auth/auth.ts";
import { MAX_JWT_KEYS, PUBLIC_KEY_FORM, SECRET_FORM, secretProblem } from "../protocol/token.ts";
import { describeKind, isOptions } from "../protocol/option_kinds.ts";
import { formatValue } from "../protocol/text.ts";
import type { OptionChecks } from "./option_checks.ts";

/** By how much clocks may differ, in milliseconds. */
export const CLOCK_TOLERANCE = { default: 5000, max: 600_000 } as const;

const KEYS = ["secret", "publicKey", "jwks"] as const;
const NAMES = [...KEYS, "issuer", "audience", "clockTolerance"];

/**
 * Checks the option, except whether the keys can be used.
 *
 * @param jwt as the caller gave it
 * @param check how options are named in errors
 * @returns a copy, in which inherited members are its own
 * @throws {TypeError | RangeError} if something is invalid
 */
export function requireJwt(
  jwt: JwtOptions | readonly JwtOptions[],
  check: OptionChecks,
): JwtOptions | JwtOptions[] {
  if (!Array.isArray(jwt)) return requireEntry("auth.jwt", jwt as JwtOptions, check);
  if (jwt.length < 1 || jwt.length > MAX_JWT_KEYS) {
    throw check.rangeError(
      "auth.jwt",
      `an object, or a list of 1 to ${MAX_JWT_KEYS}`,
      `${jwt.length}`,
    );
  }
  return Array.from(jwt, (entry, i) => requireEntry(`auth.jwt[${i}]`, entry, check));
}

function requireEntry(name: string, jwt: JwtOptions, check: OptionChecks): JwtOptions {
  const cannot = (expected: string, got: string) =>
    new TypeError(`Cannot ${check.action}: ${name} must ${expected}, got ${got}`);
  check.members(name, jwt, "an object", NAMES);
  const given = KEYS.filter((key) => jwt[key] !== undefined);
  if (given.length !== 1) {
    const got = given.length === 0 ? "none of them" : given.join(" and ");
    throw cannot("have one of secret, publicKey and jwks", got);
  }
  const { secret, publicKey, jwks, issuer, audience, clockTolerance } = jwt;
  if (secret !== undefined) requireSecret(`${name}.secret`, secret, check);
  if (publicKey !== undefined) requirePublicKey(`${name}.publicKey`, publicKey, check);
  if (jwks !== undefined) requireJwksAddress(`${name}.jwks`, jwks, check);
  for (const [member, value] of Object.entries({ issuer, audience })) {
    if (value === undefined) continue;
    check.text(`${name}.${member}`, value, "a text that is not empty", value !== "");
  }
  if (clockTolerance !== undefined) {
    check.wholeNumber(`${name}.clockTolerance`, clockTolerance, 0, CLOCK_TOLERANCE.max);
  }
  const members = { secret, publicKey, jwks, issuer, audience, clockTolerance };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function requireSecret(name: string, secret: string | Uint8Array, check: OptionChecks): void {
  if (typeof secret !== "string" && !(secret instanceof Uint8Array)) {
    throw new TypeError(
      `Cannot ${check.action}: ${name} must be ${SECRET_FORM}, got ${describeKind(secret)}`,
    );
  }
  const problem = secretProblem(secret);
  if (problem !== undefined) throw check.rangeError(name, SECRET_FORM, problem);
}

function requirePublicKey(name: string, key: string | JsonWebKey, check: OptionChecks): void {
  if (typeof key !== "string" && !isOptions(key, ["kty"])) {
    throw new TypeError(
      `Cannot ${check.action}: ${name} must be ${PUBLIC_KEY_FORM}, got ${describeKind(key)}`,
    );
  }
  const problem = typeof key === "string" ? pemProblem(key) : jwkProblem(key);
  if (problem !== undefined) throw check.rangeError(name, PUBLIC_KEY_FORM, problem);
}

/** Says what keeps a text from being used as a key, as far as that shows without importing it. */
export function pemProblem(pem: string): string | undefined {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) return "a private key";
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return "a certificate";
  return pem.includes("-----BEGIN PUBLIC KEY-----") ? undefined : "text that is not in that form";
}

/** A coordinate of a point of P-256: 32 bytes in base64url (RFC 7518, 6.2.1.2). */
const COORDINATE = /^[\w-]{43}$/;

/**
 * Says what keeps a JWK, also one of a JWK Set, from being used, as far as that shows without importing it.
 *
 * @param jwk an option, or an entry of a set
 * @returns such as `one with use "enc"`
 */
export function jwkProblem(jwk: JsonWebKey): string | undefined {
  const { kty, crv, d, x, y, use, key_ops: operations, alg } = jwk;
  if (kty === "oct") return "a symmetric key (secret takes one)";
  if (d !== undefined) return "a private key";
  const algorithm = jwkAlgorithm(jwk);
  if (algorithm === undefined) {
    const [name, value] = kty === "EC" ? ["crv", crv] : ["kty", kty];
    return value === undefined ? `one without ${name}` : `one with ${name} ${formatValue(value)}`;
  }
  // Its owner does not sign tokens with it, or not so.
  if (use !== undefined && use !== "sig") return `one with use ${formatValue(use)}`;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    return "one with key_ops that are no list with verify";
  }
  if (alg !== undefined && alg !== algorithm) return `one with alg ${formatValue(alg)}`;
  // Deno imports a point of any length, with which no signature is valid.
  const isWhole = algorithm === "RS256" || [x, y].every((part) => COORDINATE.test(`${part}`));
  return isWhole ? undefined : "one whose x and y are not 32 bytes each";
}

/** The algorithm that a JWK is for, by its kind; `undefined` for other kinds. */
export function jwkAlgorithm({ kty, crv }: JsonWebKey): "RS256" | "ES256" | undefined {
  if (kty === "RSA") return "RS256";
  return kty === "EC" && crv === "P-256" ? "ES256" : undefined;
}

function requireJwksAddress(name: string, jwks: string | URL, check: OptionChecks): void {
  const form = "an https: address (http: only on this machine)";
  check.type(name, jwks, typeof jwks === "string" || jwks instanceof URL, form);
  const url = URL.parse(`${jwks}`);
  if (!url) throw check.rangeError(name, form, "text that is not an address");
  if (url.username !== "" || url.password !== "") {
    throw check.rangeError(name, form, "one with a user name or a password");
  }
  // Whoever could change the keys on their way could sign tokens.
  const isSafe = url.protocol === "https:" ||
    (url.protocol === "http:" && isLoopbackAuthority(url.host));
  if (!isSafe) throw check.rangeError(name, form, `one with ${url.protocol}//${url.host}`);
}
