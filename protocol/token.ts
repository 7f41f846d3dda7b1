/**
 * What text may be a token, how a token is offered as a subprotocol, what it can permit, and what can be the secret of JSON Web
 * Tokens. No token and no secret is ever shown, also not one that is invalid: it may be one with a typo.
 *
 * @module
 */

import { decodeBase64Url, encodeBase64Url } from "./base64url.ts";

/** What stands before a token, in base64url, among the subprotocols that a browser offers. */
export const TOKEN_SUBPROTOCOL = "dsmq.token.";

/** The most characters of a token. */
const MAX_TOKEN_LENGTH = 8192;

/** What a token has to be, for an error. */
export const TOKEN_FORM = `1 to ${MAX_TOKEN_LENGTH} visible characters of ASCII`;

/** Visible ASCII: it fits into a header, into a line of a file, and into a shell. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** Whether this can be a token. */
export function isToken(token: unknown): token is string {
  return typeof token === "string" && hasForm(token);
}

function hasForm(token: string): boolean {
  return token.length <= MAX_TOKEN_LENGTH && VISIBLE.test(token);
}

/**
 * Says what is wrong with a token, without showing it.
 *
 * @param token what was given
 * @returns such as `one that ends with a newline`; `undefined` if it can be one
 */
export function tokenProblem(token: string): string | undefined {
  if (hasForm(token)) return undefined;
  if (token === "") return "an empty text";
  const end = /[\r\n]$/.test(token) ? "a newline" : /\s$/.test(token) ? "a space" : undefined;
  if (end !== undefined) return `one that ends with ${end}`;
  if (/^\s/.test(token)) return "one that begins with a space";
  if (/[\r\n]/.test(token)) return "one of several lines";
  if (/\s/.test(token)) return "one with a space in it";
  return VISIBLE.test(token) ? `one of ${token.length} characters` : "one with other characters";
}

/**
 * Offers a token as a subprotocol, for those who cannot set a header: web pages.
 *
 * @param token the token
 * @returns what to offer besides `dsmq`
 */
export function tokenSubprotocol(token: string): string {
  return TOKEN_SUBPROTOCOL + encodeBase64Url(new TextEncoder().encode(token));
}

/**
 * Reads the token that a subprotocol offers.
 *
 * @param protocol begins with {@linkcode TOKEN_SUBPROTOCOL}
 * @returns the token; `undefined` if it is not in the form of one
 */
export function tokenOfSubprotocol(protocol: string): string | undefined {
  try {
    const bytes = decodeBase64Url(protocol.slice(TOKEN_SUBPROTOCOL.length));
    const token = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return isToken(token) ? token : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 7518 (3.2): a key of HS256 has at least the size of the hash. */
const MIN_SECRET_BYTES = 32;

/** How many issuers or keys of JSON Web Tokens a server may have: each token that is not valid is tried with all of them. */
export const MAX_JWT_KEYS = 16;

/** What a secret has to be, for an error. */
export const SECRET_FORM = `a secret of at least ${MIN_SECRET_BYTES} bytes`;

/** The same for a public key. */
export const PUBLIC_KEY_FORM = "a public key for RS256 or ES256, in PEM (SPKI) or as a JWK";

/**
 * `read` messages and the list of topics, `write` messages, `work`: take jobs of groups and finish them, and `admin`: purge
 * topics, and if it is for all topics, administer the server and stop it.
 */
export type Permission = "read" | "write" | "work" | "admin";

/** All of them. */
export const PERMISSIONS: readonly Permission[] = ["read", "write", "work", "admin"];

/** Whether this is one of them. */
export function isPermission(value: unknown): value is Permission {
  return (PERMISSIONS as readonly unknown[]).includes(value);
}

/** The claim that says what a token allows. */
export const GRANT_CLAIM = "dsmq";

/**
 * Says what is wrong with a secret, without showing it.
 *
 * @param secret text, or bytes
 * @returns such as `one of 5 bytes`; `undefined` if it can be used
 */
export function secretProblem(secret: string | Uint8Array): string | undefined {
  const { length } = typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
  if (length < MIN_SECRET_BYTES) return `one of ${length} bytes`;
  // Then everybody who has that key could sign tokens.
  if (typeof secret === "string" && secret.includes("-----BEGIN")) {
    return "a key in PEM (publicKey takes it)";
  }
}
