/**
 * Tokens: where they are looked for, and how they are compared.
 *
 * A token is never kept: only its digest is. It is looked up by its digest, in a map that V8 hashes with a seed of its
 * own, and one that is found is compared to the last byte whatever it is: time tells nothing about the tokens there are,
 * and there may be many.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { isToken, TOKEN_SUBPROTOCOL, tokenOfSubprotocol } from "../protocol/token.ts";
import { offeredProtocols } from "../protocol/websocket.ts";
import { Permissions, type TokenGrant } from "./permissions.ts";

/** The SHA-256 of a token. */
export type Digest = Uint8Array<ArrayBuffer>;

/**
 * A header that is meant to bring a token, also in the second place of a header that came twice. What follows the name
 * of the scheme is no character of such a name, or it would be another one: that is for a proxy in front of the server.
 */
const BEARER = /(?:^|,)[ \t]*bearer(?![\w!#$%&'*+.^`|~-])/i;

/** As it should be. */
const VALID_BEARER = /^bearer +(\S+)$/i;

/** So much of a digest, in hexadecimal digits, tells one token from another. */
const IDENTITY_DIGITS = 32;

/** How many tokens are digested at a time. */
const DIGEST_BATCH = 100;

/** The digest of what was brought as a token. */
export async function digestOf(token: string): Promise<Digest> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

/**
 * Finds the token that a request for a WebSocket brings.
 *
 * @param headers of the request
 * @returns the token; `""`, which is no good one, for something that is not in the form of one; `undefined` if none was brought
 */
export function extractToken(headers: Headers): string | undefined {
  const authorization = headers.get("authorization")?.trim() ?? "";
  if (BEARER.test(authorization)) {
    const token = VALID_BEARER.exec(authorization)?.[1];
    return isToken(token) ? token : "";
  }
  const [offered, ...more] = offeredProtocols(headers).filter((name) =>
    name.startsWith(TOKEN_SUBPROTOCOL)
  );
  if (offered === undefined) return undefined;
  return (more.length > 0 ? undefined : tokenOfSubprotocol(offered)) ?? "";
}

interface KnownToken {
  readonly digest: Digest;
  readonly permissions: Permissions;
}

/** The tokens that are good, and what each gives leave for. */
export class Tokens {
  readonly #byIdentity = new NameMap<KnownToken>();

  private constructor(knownTokens: readonly KnownToken[]) {
    for (const knownToken of knownTokens) {
      this.#byIdentity.set(knownToken.permissions.identity, knownToken);
    }
  }

  /**
   * Takes tokens down.
   *
   * @param grants the tokens; of two that are the same the later counts
   * @returns what is remembered of them
   */
  static async create(grants: readonly TokenGrant[]): Promise<Tokens> {
    const knownTokens: KnownToken[] = [];
    for (let i = 0; i < grants.length; i += DIGEST_BATCH) {
      // A few at a time: others are served meanwhile.
      knownTokens.push(...await Promise.all(grants.slice(i, i + DIGEST_BATCH).map(digestGrant)));
    }
    return new Tokens(knownTokens);
  }

  /** The leave that the token with this digest gives, if there is one. */
  find(digest: Digest): Permissions | undefined {
    const found = this.#byIdentity.get(identityOf(digest));
    if (!found) return undefined;
    let difference = 0;
    for (let i = 0; i < digest.length; i++) difference |= found.digest[i]! ^ digest[i]!;
    return difference === 0 ? found.permissions : undefined;
  }

  /** What the leave of an identity is now. */
  findByIdentity(identity: string): Permissions | undefined {
    return this.#byIdentity.get(identity)?.permissions;
  }
}

async function digestGrant({ token, ...grant }: TokenGrant): Promise<KnownToken> {
  const digest = await digestOf(token);
  return { digest, permissions: new Permissions(identityOf(digest), grant) };
}

function identityOf(digest: Digest): string {
  return digest.toHex().slice(0, IDENTITY_DIGITS);
}
