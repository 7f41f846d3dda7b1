/**
 * The package `npm:jose`: loaded only when JSON Web Tokens are checked or made.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };
import { loadNpmPackage } from "./npm_package.ts";

/** The claims of a token. */
export interface JwtClaims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly [name: string]: unknown;
}

/** How a token is checked. */
export interface JwtChecks {
  readonly algorithms: readonly string[];
  readonly issuer?: string;
  readonly audience?: string;
  /** In seconds. */
  readonly clockTolerance: number;
  readonly currentDate: Date;
  readonly requiredClaims: readonly string[];
}

/** Finds the key for a token. */
export type FindKey = (header: unknown, token: unknown) => Promise<CryptoKey>;

/** Makes a token. */
interface TokenMaker {
  setProtectedHeader(header: { readonly alg: string; readonly typ: string }): this;
  sign(key: CryptoKey): Promise<string>;
}

/** The part of the package that is used. */
export interface Jose {
  jwtVerify(
    token: string,
    key: CryptoKey | FindKey,
    checks: JwtChecks,
  ): Promise<{ readonly payload: JwtClaims }>;
  /** Reads the claims of a token and checks nothing. */
  decodeJwt(token: string): JwtClaims;
  importSPKI(pem: string, alg: string): Promise<CryptoKey>;
  importJWK(jwk: JsonWebKey, alg: string): Promise<CryptoKey>;
  createLocalJWKSet(set: { readonly keys: readonly JsonWebKey[] }): FindKey;
  readonly SignJWT: new (claims: JwtClaims) => TokenMaker;
}

let loaded: Jose | undefined;

/**
 * Loads the package.
 *
 * @param stop ends waiting for it
 * @throws {DsmqError} `module_unavailable`; `unavailable`, if no file descriptor is left to load it
 */
export async function loadJose(stop?: AbortSignal): Promise<Jose> {
  const { jose: specifier } = deno.scopes["./"];
  const action = "use JSON Web Tokens";
  return loaded ??= await loadNpmPackage<Jose>({ name: "npm:jose", specifier, action }, stop);
}
