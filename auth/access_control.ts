/**
 * The door of a server: who may come in, and with what leave.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";
import { AllowedHosts } from "./allowed_hosts.ts";
import { type Grant, Permissions, type TokenGrant } from "./permissions.ts";
import { AllowedOrigins } from "./allowed_origins.ts";
import { type Digest, digestOf, extractToken, Tokens } from "./tokens.ts";

/** Whom a door lets in. */
export interface AccessControlOptions {
  /** The name under which the server is called, if it is none of loopback. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** The server has TLS. */
  readonly secure: boolean;
  /** The tokens that are good; `undefined` if none is asked for. */
  readonly tokens: readonly TokenGrant[] | undefined;
  /** What those may do who have none. Default: everything if no token is asked for, else nothing. */
  readonly anonymous: Grant | undefined;
}

/** What the door says to a request for a WebSocket. */
export type Verdict =
  /** It is refused before the upgrade. */
  | { readonly kind: "refused"; readonly status: 401 | 403; readonly reason: string }
  /** It is let in, to learn there that its token is not good. */
  | { readonly kind: "invalid_token" }
  /** It is let in; what it may do is what {@linkcode Door.leaveOf} says then. `undefined`: it brought no token. */
  | { readonly kind: "admitted"; readonly digest: Digest | undefined };

/** Judges who comes. It says nothing and keeps no token, only digests. */
export class AccessControl {
  readonly #hosts: AllowedHosts;
  readonly #origins: AllowedOrigins;
  readonly #secure: boolean;
  /** `undefined`: no token is asked for, and one that is brought is not looked at. */
  #tokens: Tokens | undefined;
  #anonymous: Permissions | undefined;
  /** What strangers may do was said, and does not follow from whether a token is asked for. */
  #anonymousGiven: boolean;
  #updating: Promise<void> = Promise.resolve();

  private constructor(options: AccessControlOptions, tokens: Tokens | undefined) {
    const { host, allowedHosts, allowedOrigins, secure, anonymous } = options;
    this.#secure = secure;
    this.#hosts = new AllowedHosts([host, ...allowedHosts], secure);
    this.#origins = new AllowedOrigins(allowedOrigins, secure);
    this.#tokens = tokens;
    this.#anonymousGiven = anonymous !== undefined;
    this.#anonymous = anonymousPermissions(anonymous ?? (tokens ? { permissions: [] } : {}));
  }

  /**
   * Makes a door.
   *
   * @param options whom it lets in
   * @returns the door
   */
  static async create(options: AccessControlOptions): Promise<AccessControl> {
    const { tokens } = options;
    return new AccessControl(options, tokens && await Tokens.create(tokens));
  }

  /** A token is asked for, of everybody or of those who want to do more than others. */
  get requiresToken(): boolean {
    return this.#tokens !== undefined;
  }

  /**
   * Has other tokens count from now on.
   *
   * @param tokens all that are good
   * @param anonymous what those may do who have none. Default: what was said of them before; nothing, if nothing was
   */
  setTokens(tokens: readonly TokenGrant[], anonymous?: Grant): Promise<void> {
    const digested = Tokens.create(tokens);
    // In the order of the calls, however long each takes.
    return this.#updating = this.#updating.then(async () => {
      const updated = await digested;
      if (anonymous) this.#anonymous = anonymousPermissions(anonymous);
      else if (!this.#anonymousGiven) this.#anonymous = undefined;
      this.#anonymousGiven ||= anonymous !== undefined;
      this.#tokens = updated;
    });
  }

  /**
   * Judges under which name the server was called.
   *
   * @param request any request
   * @returns why it is refused, or `undefined`
   */
  checkHost({ headers, url }: Pick<Request, "headers" | "url">): string | undefined {
    // HTTP/2, which comes with TLS alone, has no such header: the name is in the address.
    const host = headers.get("host") ?? (this.#secure ? URL.parse(url)?.host ?? null : null);
    if (this.#hosts.allows(host)) return undefined;
    return host === null
      ? "the Host is missing"
      : `the Host ${
        quoted(host)
      } is not a name of this server; --allow-host (allowedHosts) allows it`;
  }

  /**
   * Judges a request for a WebSocket: its Host, then its Origin, then its token.
   *
   * @param request the request
   * @returns the verdict
   */
  async checkUpgrade(request: Pick<Request, "headers" | "url">): Promise<Verdict> {
    const { headers } = request;
    const hostFault = this.checkHost(request);
    if (hostFault !== undefined) return { kind: "refused", status: 403, reason: hostFault };
    const origin = headers.get("origin");
    if (!this.#origins.allows(origin, headers.get("host") ?? "")) {
      const reason = `the Origin ${
        quoted(origin!)
      } is not allowed; --allow-origin (allowedOrigins) allows it`;
      return { kind: "refused", status: 403, reason };
    }
    const isOwnProtocol = offeredProtocols(headers).includes(SUBPROTOCOL);
    const token = this.#tokens && extractToken(headers);
    if (token === undefined) {
      if (isOwnProtocol || this.#anonymous) return { kind: "admitted", digest: undefined };
      return { kind: "refused", status: 401, reason: "a token is needed" };
    }
    const digest = await digestOf(token);
    if (this.permissionsOf(digest)) return { kind: "admitted", digest };
    // A status is not shown to pages, and to others hardly: who understands us is told by a close code.
    return isOwnProtocol
      ? { kind: "invalid_token" }
      : { kind: "refused", status: 401, reason: "the token is not valid" };
  }

  /** The digest of a token, for {@linkcode AccessControl.permissionsOf}: the one has to be waited for, the other is true when it is asked. */
  digestOf(token: string): Promise<Digest> {
    return digestOf(token);
  }

  /** The leave of those who bring this token, or none; `undefined` if they have no leave. */
  permissionsOf(digest: Digest | undefined): Permissions | undefined {
    return this.#tokens && digest ? this.#tokens.find(digest) : this.#anonymous;
  }

  /** What a leave has become, after a change. */
  currentPermissions(
    permissions: Pick<Permissions, "identity"> | undefined,
  ): Permissions | undefined {
    return permissions && permissions.identity !== ""
      ? this.#tokens?.findByIdentity(permissions.identity)
      : this.#anonymous;
  }
}

/** The leave of those without a token; who has no right at all has none. */
function anonymousPermissions(grant: Grant): Permissions | undefined {
  return grant.permissions?.length === 0 ? undefined : new Permissions("", grant);
}
