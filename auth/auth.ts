/**
 * What a server accepts from clients that want to connect.
 *
 * @module
 */

import type { Permission } from "../protocol/token.ts";
import type { Grant, Permissions, TokenGrant } from "./permissions.ts";

/** Who may do what. At least one of these is given. */
export interface Auth {
  /** Tokens, and what each permits. Then a token is required, even if the list is empty. */
  readonly tokens?: readonly TokenGrant[];
  /** What clients without a token may do; `{}` is to read and to write. Default: nothing if a token is required. */
  readonly anonymous?: Grant;
  /** Accepts tokens that an application has signed for its clients, and that expire. Then a token is required. */
  readonly jwt?: JwtOptions | readonly JwtOptions[];
  /** Decides about every other token. Then a token is required. */
  readonly verify?: Verify;
}

/**
 * How JSON Web Tokens (RFC 7519) are checked: with exactly one of `secret`, `publicKey` and `jwks`. They must expire (`exp`), and
 * say in the claim `dsmq` what they allow: a {@linkcode Grant} with its `permissions`, or a list of these. `npm:jose` checks
 * them; it is loaded only with this option.
 */
export interface JwtOptions {
  /** The secret that signs them with HS256: at least 32 bytes, of UTF-8 if it is text. */
  readonly secret?: string | Uint8Array<ArrayBuffer>;
  /** The public key of who signs them with RS256 or ES256, in PEM (SPKI) or as a JWK. The kind of the key decides which. */
  readonly publicKey?: string | JsonWebKey;
  /** The address of a JWK Set with the public keys of who signs them with RS256 or ES256. With `http:` only on this machine. */
  readonly jwks?: string | URL;
  /**
   * Who must have issued them (`iss`). Default: anyone who has the key; entries without it share their identities, as a change of
   * keys needs.
   */
  readonly issuer?: string;
  /** For whom they must be (`aud`). Default: those for a certain audience are refused. */
  readonly audience?: string;
  /** By how many milliseconds clocks may differ, from 0 to 600000. Default: 5000. */
  readonly clockTolerance?: number;
}

/**
 * Decides about a token.
 *
 * @param token 1 to 8192 visible characters of ASCII; must not be logged
 * @param options `signal` aborts when the answer would come too late
 * @returns what it allows, with its `permissions`; `undefined` refuses it: its client does not try again
 * @throws {unknown} anything, if it cannot tell now, for example because its database is away: the client tries again
 */
export type Verify = (
  token: string,
  options: { readonly signal: AbortSignal },
) => VerifiedGrant | undefined | Promise<VerifiedGrant | undefined>;

/** What a token allows, to whom, and for how long. */
export interface VerifiedGrant extends Grant {
  /** What is allowed: it must be there. An empty list allows nothing. */
  readonly permissions: readonly Permission[];
  /**
   * Who it belongs to: limits are shared fairly between identities, and a client that renews its token keeps what is
   * remembered for its identity. Default: each token is an identity of its own.
   */
  readonly identity?: string;
  /** When it expires: a date, or milliseconds since 1970. Default: never. */
  readonly expires?: Date | number;
}

/** What came of checking a token. */
export type TokenCheck =
  | { readonly kind: "granted"; readonly permissions: Permissions }
  /** It is not valid. The reason is for the log, and contains nothing of it. */
  | { readonly kind: "refused"; readonly reason?: string | undefined }
  /** The server cannot tell now. The reason is for the log. */
  | { readonly kind: "unchecked"; readonly reason: string };

/** A token that was checked just now, and is about to be used. */
export interface CheckedToken {
  readonly token: string;
  readonly check: TokenCheck;
}

/** Checks tokens that are not in a list. */
export interface TokenVerifier {
  /**
   * Checks a token. Never rejects.
   *
   * @param token the token
   * @param holder to whom the work is charged
   */
  check(token: string, holder: string): Promise<TokenCheck>;
  /** Whether it still vouches for what was granted: by it, or by the one before it. */
  vouchesFor(permissions: Permissions): boolean;
}

/** The same as {@linkcode Auth}, ready for use. */
export interface PreparedAuth extends Pick<Auth, "tokens" | "anonymous"> {
  readonly verifier?: TokenVerifier;
}

/** Everybody may do everything. */
export const OPEN_TO_ALL: Auth = {};

/** Whether clients need a token, all of them or those that want to do more than others. */
export function requiresToken({ tokens, verifier }: PreparedAuth): boolean {
  return tokens !== undefined || verifier !== undefined;
}
