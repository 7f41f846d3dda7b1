/**
 * Tokens: where they are found in a request, and how they are compared.
 *
 * Tokens are never kept, only their digests. A token is looked up by its digest, in a map that V8 hashes with a seed of its
 * own, and one that is found is compared to the last byte in any case: so timing reveals nothing about the tokens, and
 * there may be many.
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
 * A header that is meant to carry a token, also as the second value of a header that came twice. The name of the scheme
 * must end there: otherwise it is another scheme, for a proxy in front of the server.
 */
const BEARER = /(?:^|,)[ \t]*bearer(?![\w!#$%&'*+.^`|~-])/i;

/** A valid one. */
const VALID_BEARER = /^bearer +(\S+)$/i;

/** How many hexadecimal digits of a digest identify a token, or the owner of one. */
const IDENTITY_DIGITS = 32;

/** How many tokens are digested at a time. */
const DIGEST_BATCH = 100;

/** The digest of a token. */
export async function digestOf(token: string): Promise<Digest> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

/**
 * Finds the token of a request for a WebSocket.
 *
 * @param headers of the request
 * @returns the token; `""`, which is never valid, if it has the wrong form; `undefined` if there is none
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

/** The valid tokens, and what each permits. */
export class Tokens {
  readonly #byIdentity = new NameMap<KnownToken>();

  private constructor(knownTokens: readonly KnownToken[]) {
    for (const knownToken of knownTokens) {
      this.#byIdentity.set(knownToken.permissions.identity, knownToken);
    }
  }

  /**
   * Digests tokens.
   *
   * @param grants the tokens; of two that are equal the later one counts
   * @returns their digests and permissions
   */
  static async create(grants: readonly TokenGrant[]): Promise<Tokens> {
    const knownTokens: KnownToken[] = [];
    for (let i = 0; i < grants.length; i += DIGEST_BATCH) {
      // A few at a time: other clients are served meanwhile.
      knownTokens.push(...await Promise.all(grants.slice(i, i + DIGEST_BATCH).map(digestGrant)));
    }
    return new Tokens(knownTokens);
  }

  /** The permissions of the token with this digest, if there is one. */
  find(digest: Digest): Permissions | undefined {
    const found = this.#byIdentity.get(identityOf(digest));
    if (!found) return undefined;
    let difference = 0;
    for (let i = 0; i < digest.length; i++) difference |= found.digest[i]! ^ digest[i]!;
    return difference === 0 ? found.permissions : undefined;
  }

  /** The present permissions of an identity. */
  findByIdentity(identity: string): Permissions | undefined {
    return this.#byIdentity.get(identity)?.permissions;
  }
}

async function digestGrant({ token, ...grant }: TokenGrant): Promise<KnownToken> {
  const digest = await digestOf(token);
  return { digest, permissions: new Permissions(identityOf(digest), grant) };
}

/** The identity of the token with a digest. */
export function identityOf(digest: Digest): string {
  return digest.toHex().slice(0, IDENTITY_DIGITS);
}
