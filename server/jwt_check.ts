/**
 * Checks JSON Web Tokens with one key, or with the keys of one issuer.
 *
 * The algorithm follows from the option, never from the token: a public key verifies no HS256, and nothing verifies `none`.
 *
 * @module
 */

import type { JwtOptions, TokenCheck } from "../auth/auth.ts";
import { type Grant, Permissions } from "../auth/permissions.ts";
import { digestOf, identityOf } from "../auth/tokens.ts";
import { GRANT_CLAIM, PUBLIC_KEY_FORM } from "../protocol/token.ts";
import type { NameMap } from "../protocol/name_map.ts";
import { requireGrant } from "./auth_choice.ts";
import type { FindKey, Jose, JwtChecks, JwtClaims } from "./jose_package.ts";
import { CLOCK_TOLERANCE } from "./jwt_options.ts";
import { OptionChecks } from "./option_checks.ts";
import { importPublicKey } from "./public_keys.ts";
import { KeysUnavailable, RemoteKeys, type RemoteKeysContext } from "./remote_keys.ts";

/** How many keys of a set are tried if a token does not say which it is. */
const MAX_KEYS = 16;

/** The latest time of a `Date`, in milliseconds since 1970. */
const MAX_TIME = 8.64e15;

const IS_JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** The key, or the keys, and the algorithms that fit. */
interface VerifyingKey {
  readonly key: CryptoKey | FindKey;
  readonly algorithms: readonly string[];
}

/** What the checks of a server share. */
export interface JwtContext extends RemoteKeysContext {
  /** The keys of JWK Sets by their addresses: known ones remain when the server gets another `auth`. */
  readonly remoteKeys: NameMap<RemoteKeys>;
}

/** Checks the tokens of one entry of the option `jwt`. */
export class JwtCheck {
  /** The same for the same key, issuer and audience. */
  readonly source: string;
  readonly #jose: Jose;
  readonly #key: VerifyingKey;
  readonly #options: JwtOptions;
  readonly #context: JwtContext;

  private constructor(
    jose: Jose,
    key: VerifyingKey,
    options: JwtOptions,
    source: string,
    context: JwtContext,
  ) {
    this.#jose = jose;
    this.#key = key;
    this.#options = options;
    this.source = source;
    this.#context = context;
  }

  /**
   * Prepares its key.
   *
   * @param jose the package
   * @param options its entry
   * @param name of the entry, in errors
   * @param context what the checks of a server share
   * @param check how options are named in errors
   * @throws {RangeError} if the key cannot be used
   */
  static async create(
    jose: Jose,
    options: JwtOptions,
    name: string,
    context: JwtContext,
    check: OptionChecks,
  ): Promise<JwtCheck> {
    const key = await verifyingKey(jose, options, name, context, check);
    return new JwtCheck(jose, key, options, await sourceOf(options), context);
  }

  /** Checks a token. Never rejects. */
  async check(token: string): Promise<TokenCheck> {
    if (!IS_JWT.test(token)) return { kind: "refused", reason: "it is not a JWT" };
    const issuerFault = this.#issuerFault(token);
    if (issuerFault !== undefined) return { kind: "refused", reason: issuerFault };
    const tolerance = this.#options.clockTolerance ?? CLOCK_TOLERANCE.default;
    const { issuer, audience } = this.#options;
    const checks: JwtChecks = {
      algorithms: this.#key.algorithms,
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
      clockTolerance: tolerance / 1000,
      currentDate: new Date(this.#context.clock.now()),
      requiredClaims: ["exp"],
    };
    try {
      return await this.#granted(token, await this.#claims(token, checks), tolerance);
    } catch (error) {
      if (error instanceof KeysUnavailable) {
        return {
          kind: "unchecked",
          reason: `the keys of ${this.#nameOf("jwks")} cannot be had: ${error.message}`,
        };
      }
      return { kind: "refused", reason: this.#reasonOf(error) };
    }
  }

  /** What is wrong with who has issued it, by what it says: then no keys need be fetched for it, which may take long. */
  #issuerFault(token: string): string | undefined {
    const { issuer } = this.#options;
    if (issuer === undefined || typeof this.#key.key !== "function") return undefined;
    try {
      const claims = this.#jose.decodeJwt(token);
      return claims.iss === issuer ? undefined : this.#claimFault("iss", !("iss" in claims));
    } catch {
      // It cannot be read, which is found below.
      return undefined;
    }
  }

  /** Why a token is refused. The text of the error is not used, because it may contain parts of the token. */
  #reasonOf(error: unknown): string {
    const { claim, reason } = Object(error);
    switch (codeOf(error)) {
      case "ERR_JWT_EXPIRED":
        return "it has expired";
      case "ERR_JWT_CLAIM_VALIDATION_FAILED":
        return this.#claimFault(claim, reason === "missing", reason === "check_failed");
      case "ERR_JOSE_ALG_NOT_ALLOWED":
        return `its algorithm is not ${this.#key.algorithms.join(" or ")}`;
      case "ERR_JWS_SIGNATURE_VERIFICATION_FAILED":
        return "its signature does not fit the key";
      case "ERR_JWKS_NO_MATCHING_KEY":
        return `no key of ${this.#nameOf("jwks")} fits it`;
      default:
        return "it is not a JWT that can be read";
    }
  }

  /** What is wrong with a claim: it is not there, it is there and does not fit, or it is not in its form. */
  #claimFault(claim: unknown, isMissing: boolean, isOther = true): string {
    if (claim === "aud") {
      return isMissing
        ? `it has no audience (aud), which ${this.#nameOf("audience")} asks for`
        : `it is for another audience than ${this.#nameOf("audience")}`;
    }
    if (claim === "iss") {
      return isMissing
        ? `it has no issuer (iss), which ${this.#nameOf("issuer")} asks for`
        : `it is from another issuer than ${this.#nameOf("issuer")}`;
    }
    if (claim === "exp" && isMissing) return "it has no exp: it would never expire";
    if (claim === "nbf" && isOther) return "it is not valid yet";
    return `its claim ${["exp", "nbf", "iat"].find((name) => name === claim)} is invalid`;
  }

  #nameOf(option: keyof JwtOptions): string {
    return this.#context.nameOf(`auth.jwt.${option}`);
  }

  async #claims(token: string, checks: JwtChecks): Promise<JwtClaims> {
    try {
      return (await this.#jose.jwtVerify(token, this.#key.key, checks)).payload;
    } catch (error) {
      const several = error as Error & AsyncIterable<CryptoKey> & { readonly code?: string };
      if (several.code !== "ERR_JWKS_MULTIPLE_MATCHING_KEYS") throw error;
      let last: unknown = error;
      let tried = 0;
      for await (const key of several) {
        if (++tried > MAX_KEYS) break;
        try {
          return (await this.#jose.jwtVerify(token, key, checks)).payload;
        } catch (wrong) {
          last = wrong;
          // It was signed with that key.
          if (codeOf(wrong).startsWith("ERR_JWT_")) break;
        }
      }
      throw last;
    }
  }

  async #granted(token: string, claims: JwtClaims, tolerance: number): Promise<TokenCheck> {
    const { iss = "", sub, aud, exp } = claims;
    // RFC 7519 (4.1.3): who is not named in it must refuse it.
    if (aud !== undefined && this.#options.audience === undefined) {
      const reason = `it is for a certain audience (aud), and ${
        this.#nameOf("audience")
      } is not set`;
      return { kind: "refused", reason };
    }
    const grants = grantsOf(claims[GRANT_CLAIM]);
    if (typeof grants === "string") return { kind: "refused", reason: grants };
    // Some issuers write null for nobody: such tokens are not all of one client. The signature is left out, because it can be
    // written in several ways, which must not be as many identities.
    const signedPart = token.slice(0, token.lastIndexOf("."));
    const digest = await digestOf(
      (sub ?? "") === "" ? signedPart : JSON.stringify([iss, sub]),
    );
    const expires = Math.min(MAX_TIME, exp! * 1000 + tolerance);
    // Of another kind than that of a token in a list: nobody can have the identity of one by a claim.
    const permissions = new Permissions(`jwt:${identityOf(digest)}`, grants, {
      expires,
      source: this.source,
    });
    return { kind: "granted", permissions };
  }
}

/** How the sentences about the claim begin. */
const CHECK = new OptionChecks((name) => name, `use the claim ${GRANT_CLAIM} of a token`);

/** What the claim says that tells what a token allows; a text says what is wrong with it. */
function grantsOf(claim: unknown): Grant[] | string {
  if (claim === undefined) return `it has no claim ${GRANT_CLAIM}, which says what it allows`;
  try {
    return [claim as Grant | Grant[]].flat().map((grant) =>
      requireGrant("a grant", grant, CHECK, { mustPermit: true })
    );
  } catch (error) {
    return (error as Error).message;
  }
}

async function verifyingKey(
  jose: Jose,
  { secret, publicKey, jwks }: JwtOptions,
  name: string,
  context: JwtContext,
  check: OptionChecks,
): Promise<VerifyingKey> {
  if (secret !== undefined) {
    const bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["verify"]);
    return { key, algorithms: ["HS256"] };
  }
  if (publicKey !== undefined) {
    const imported = await importPublicKey(jose, publicKey);
    if (typeof imported === "object") {
      return { key: imported.key, algorithms: [imported.algorithm] };
    }
    throw check.rangeError(`${name}.publicKey`, PUBLIC_KEY_FORM, imported);
  }
  const { remoteKeys } = context;
  const url = new URL(jwks!);
  const keys = remoteKeys.get(url.href) ?? new RemoteKeys(jose, url, context);
  remoteKeys.set(url.href, keys);
  return { key: keys.find, algorithms: ["RS256", "ES256"] };
}

/** Tells one entry from another, without its secret. */
async function sourceOf(
  { secret, publicKey, jwks, issuer, audience }: JwtOptions,
): Promise<string> {
  const key = secret instanceof Uint8Array ? [...secret] : secret;
  const text = JSON.stringify({ key, publicKey, jwks: jwks && `${jwks}`, issuer, audience });
  return (await digestOf(text)).toHex();
}

function codeOf(error: unknown): string {
  return `${(error as { readonly code?: unknown }).code ?? ""}`;
}
