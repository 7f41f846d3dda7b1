/**
 * Tokens: where they are looked for, and how they are compared.
 *
 * A token is never kept: only its digest is. To compare takes the same time whatever was brought, and all entries
 * are gone through, so that time tells nothing about them.
 *
 * @module
 */

import { TOKEN_SUBPROTOCOL } from "../protocol/websocket.ts";
import { Leave, type TokenGrant } from "./leave.ts";

/** The SHA-256 of a token. */
export type Digest = Uint8Array<ArrayBuffer>;

/** Visible ASCII: it fits into a header, into a line of a file, and into a shell. */
const TOKEN = /^[\x21-\x7e]{1,1024}$/;

/** So much of a digest, in hexadecimal digits, tells one token from another. */
const IDENTITY = 32;

/** Whether this can be a token. */
export function isToken(token: unknown): token is string {
  return typeof token === "string" && TOKEN.test(token);
}

/** The digest of what was brought as a token. */
export async function digestOf(token: string): Promise<Digest> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

/**
 * Finds the token that a request for a WebSocket brings.
 *
 * @param headers of the request
 * @returns the token; `""`, which is none, for something that is not in the form of one; `undefined` if nothing was brought
 */
export function broughtToken(headers: Headers): string | undefined {
  // Another scheme than Bearer is for a proxy in front of the server.
  const bearer = /^bearer(?: +|$)(.*)$/i.exec(headers.get("authorization") ?? "");
  if (bearer) return bearer[1]!.trim();
  const [offered, ...more] = offeredProtocols(headers).filter((name) =>
    name.startsWith(TOKEN_SUBPROTOCOL)
  );
  if (offered === undefined) return undefined;
  return more.length > 0 ? "" : decoded(offered.slice(TOKEN_SUBPROTOCOL.length)) ?? "";
}

/** The subprotocols that a request for a WebSocket offers. */
export function offeredProtocols(headers: Headers): readonly string[] {
  return (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
}

function decoded(base64url: string): string | undefined {
  try {
    const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (unit) => unit.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The tokens that are good, and what each gives leave for. */
export class Tokens {
  readonly #entries: readonly { readonly digest: Digest; readonly leave: Leave }[];

  private constructor(entries: readonly { readonly digest: Digest; readonly leave: Leave }[]) {
    this.#entries = entries;
  }

  /**
   * Takes tokens down.
   *
   * @param grants the tokens; of two that are the same the later counts
   * @returns what is remembered of them
   */
  static async of(grants: readonly TokenGrant[]): Promise<Tokens> {
    const entries = await Promise.all(grants.map(async ({ token, ...grant }) => {
      const digest = await digestOf(token);
      return { digest, leave: new Leave(identityOf(digest), grant) };
    }));
    return new Tokens(entries);
  }

  /** The leave that the token with this digest gives, if there is one. */
  find(digest: Digest): Leave | undefined {
    let found: Leave | undefined;
    for (const { digest: known, leave } of this.#entries) {
      let difference = 0;
      for (let i = 0; i < known.length; i++) difference |= known[i]! ^ digest[i]!;
      if (difference === 0) found = leave;
    }
    return found;
  }

  /** What the leave of an identity is now. */
  ofIdentity(identity: string): Leave | undefined {
    return this.#entries.findLast(({ leave }) => leave.identity === identity)?.leave;
  }
}

function identityOf(digest: Digest): string {
  return digest.toHex().slice(0, IDENTITY);
}
