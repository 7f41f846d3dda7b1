/**
 * The package `npm:jose`: loaded only when JSON Web Tokens are checked or made.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };
import { DsmqError } from "../protocol/errors.ts";
import { requireDescriptor } from "./runtime.ts";

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

/** How long it may take to load, in milliseconds. */
const LOAD_TIMEOUT = 10_000;

let loaded: Jose | undefined;

/**
 * Loads the package.
 *
 * @param stop ends waiting for it
 * @throws {DsmqError} `module_unavailable`; `unavailable`, if no file descriptor is left to load it
 */
export async function loadJose(stop?: AbortSignal): Promise<Jose> {
  if (loaded) return loaded;
  requireDescriptor("use JSON Web Tokens");
  const timeout = Promise.withResolvers<never>();
  const reason = `nothing came within ${LOAD_TIMEOUT / 1000} s`;
  const timer = setTimeout(() => timeout.reject(new Error(reason)), LOAD_TIMEOUT);
  const onStop = () => timeout.reject(stop?.reason);
  stop?.addEventListener("abort", onStop);
  if (stop?.aborted) onStop();
  try {
    // Under a name that tools cannot read: otherwise programs that do not need it would wait for its registry, too.
    return loaded = await Promise.race([import(deno.scopes["./"].jose), timeout.promise]);
  } catch (cause) {
    stop?.throwIfAborted();
    // The first of several lines, or the innermost cause if they are numbered.
    const lines = (cause as Error).message.trim().split("\n");
    const causes = lines.filter((line) => /^\s*\d+: /.test(line));
    const why = (causes.at(-1) ?? lines[0])!.replace(/^\s*\d+: /, "");
    const message = `Cannot use JSON Web Tokens: npm:jose does not load: ${why}`;
    throw new DsmqError("module_unavailable", message, { cause });
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener("abort", onStop);
  }
}
