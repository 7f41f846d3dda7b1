/**
 * Public keys that tokens are checked with: for RS256 or ES256, and strong enough.
 *
 * @module
 */

import type { Jose } from "./jose_package.ts";
import { jwkAlgorithm, jwkProblem, pemProblem } from "./jwt_options.ts";

/** A key, and the algorithm that fits it. */
export interface PublicKey {
  readonly key: CryptoKey;
  readonly algorithm: "RS256" | "ES256";
}

/** The fewest bits of an RSA key (RFC 7518, 3.3). */
const MIN_BITS = 2048;

/**
 * Imports a public key of a JWK Set.
 *
 * @param jose the package
 * @param given anything
 * @returns the key; or what is wrong with it
 */
export async function importJwk(
  jose: Pick<Jose, "importJWK">,
  given: unknown,
): Promise<PublicKey | string> {
  const jwk: JsonWebKey = Object(given);
  const algorithm = jwkAlgorithm(jwk);
  const problem = jwkProblem(jwk);
  if (problem !== undefined || !algorithm) return problem ?? OF_ANOTHER_KIND;
  return await imported(algorithm, () => jose.importJWK(jwk, algorithm));
}

/** The same for one of an option, or of a file: in PEM (SPKI), or as a JWK. */
export async function importPublicKey(
  jose: Pick<Jose, "importJWK" | "importSPKI">,
  given: string | JsonWebKey,
): Promise<PublicKey | string> {
  if (typeof given !== "string") return await importJwk(jose, given);
  const problem = pemProblem(given);
  if (problem !== undefined) return problem;
  const rsa = await imported("RS256", () => jose.importSPKI(given, "RS256"));
  return rsa === OF_ANOTHER_KIND
    ? await imported("ES256", () => jose.importSPKI(given, "ES256"))
    : rsa;
}

const OF_ANOTHER_KIND = "a key of another kind, or a damaged one";

async function imported(
  algorithm: PublicKey["algorithm"],
  load: () => Promise<CryptoKey>,
): Promise<PublicKey | string> {
  let key: CryptoKey;
  try {
    key = await load();
  } catch {
    return OF_ANOTHER_KIND;
  }
  if (key.type !== "public") return OF_ANOTHER_KIND;
  const { modulusLength = MIN_BITS } = key.algorithm as Partial<RsaKeyAlgorithm>;
  return modulusLength >= MIN_BITS
    ? { key, algorithm }
    : `one of ${modulusLength} bits, and ${MIN_BITS} are the least`;
}
