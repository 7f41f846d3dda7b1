/**
 * What can be the secret of JSON Web Tokens. No secret is ever shown.
 *
 * @module
 */

/** RFC 7518 (3.2): a key of HS256 has at least the size of the hash. */
const MIN_SECRET_BYTES = 32;

/** What a secret has to be, for an error. */
export const SECRET_FORM = `a secret of at least ${MIN_SECRET_BYTES} bytes`;

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
