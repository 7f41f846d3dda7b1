/**
 * Access control: who may connect, and with what permissions.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";
import { AllowedHosts, isLoopback } from "./allowed_hosts.ts";
import { type Auth, requiresToken } from "./auth.ts";
import { Permissions } from "./permissions.ts";
import { AllowedOrigins } from "./allowed_origins.ts";
import { type Digest, digestOf, extractToken, Tokens } from "./tokens.ts";

/** Who may connect. */
export interface AccessControlOptions {
  /** The host that the server was started with; `undefined` if somebody else listens. */
  readonly host: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** The server has TLS; `undefined` if each request tells by its URL. */
  readonly secure: boolean | undefined;
  /** Who may do what. */
  readonly auth: Auth;
}

/** The result of checking a request for a WebSocket. */
export type Verdict =
  /** It is refused before the upgrade. */
  | { readonly kind: "refused"; readonly status: 401 | 403; readonly reason: string }
  /** It is admitted, and then closed, because its token is not valid. */
  | { readonly kind: "invalid_token" }
  /** It is admitted; {@linkcode AccessControl.permissionsOf} says what it may do. `undefined`: it brought no token. */
  | { readonly kind: "admitted"; readonly digest: Digest | undefined };

/** What depends on whether a request came through TLS. */
interface NamesAndOrigins {
  readonly secure: boolean;
  readonly hosts: AllowedHosts;
  readonly origins: AllowedOrigins;
}

/** Checks requests. It logs nothing and keeps digests of tokens, never tokens. */
export class AccessControl {
  readonly #plain: NamesAndOrigins;
  readonly #secure: NamesAndOrigins;
  readonly #host: string | undefined;
  /** `undefined`: no token is required, and a token in a request is ignored. */
  #tokens: Tokens | undefined;
  #anonymous: Permissions | undefined;
  #updating: Promise<void> = Promise.resolve();

  private constructor(
    { host, allowedHosts, allowedOrigins, secure, auth }: AccessControlOptions,
    tokens: Tokens | undefined,
  ) {
    this.#host = host;
    const names = host === undefined ? allowedHosts : [host, ...allowedHosts];
    const allowed = (secure: boolean) => ({
      secure,
      hosts: new AllowedHosts(names, secure),
      origins: new AllowedOrigins(allowedOrigins, secure),
    });
    this.#plain = allowed(secure ?? false);
    this.#secure = secure === undefined ? allowed(true) : this.#plain;
    this.#tokens = tokens;
    this.#anonymous = anonymousPermissions(auth, host);
  }

  /**
   * Creates it.
   *
   * @param options who may connect
   * @returns the access control
   */
  static async create(options: AccessControlOptions): Promise<AccessControl> {
    return new AccessControl(options, await knownTokens(options.auth));
  }

  /** Whether a token is required, from all clients or from those that want to do more than others. */
  get requiresToken(): boolean {
    return this.#tokens !== undefined;
  }

  /**
   * Replaces who may do what.
   *
   * @param auth nothing of what was given before counts any more
   */
  setAuth(auth: Auth): Promise<void> {
    const digested = knownTokens(auth);
    // In the order of the calls, however long each takes.
    return this.#updating = this.#updating.then(async () => {
      this.#tokens = await digested;
      this.#anonymous = anonymousPermissions(auth, this.#host);
    });
  }

  /**
   * Checks by which name the server was called.
   *
   * @param request any request
   * @returns why it is refused, or `undefined`
   */
  checkHost({ headers, url }: Pick<Request, "headers" | "url">): string | undefined {
    // HTTP/2, which comes only with TLS, has no such header: the name is in the address.
    const { hosts, secure } = this.#allowedBy(url);
    const host = headers.get("host") ?? (secure ? URL.parse(url)?.host ?? null : null);
    if (hosts.allows(host)) return undefined;
    return host === null
      ? "the Host is missing"
      : `the Host ${
        quoted(host)
      } is not a name of this server; --allow-host (allowedHosts) allows it`;
  }

  /**
   * Checks a request for a WebSocket: its Host, then its Origin, then its token.
   *
   * @param request the request
   * @returns the result
   */
  async checkUpgrade(request: Pick<Request, "headers" | "url">): Promise<Verdict> {
    const { headers } = request;
    const hostFault = this.checkHost(request);
    if (hostFault !== undefined) return { kind: "refused", status: 403, reason: hostFault };
    const origin = headers.get("origin");
    if (!this.#allowedBy(request.url).origins.allows(origin, headers.get("host") ?? "")) {
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
    // Pages cannot see a status, and other clients hardly can: a client with our subprotocol gets a close code.
    return isOwnProtocol
      ? { kind: "invalid_token" }
      : { kind: "refused", status: 401, reason: "the token is not valid" };
  }

  #allowedBy(url: string): NamesAndOrigins {
    return url.startsWith("https:") ? this.#secure : this.#plain;
  }

  /** The digest of a token, for {@linkcode AccessControl.permissionsOf}. */
  digestOf(token: string): Promise<Digest> {
    return digestOf(token);
  }

  /** The permissions of this token, or of clients without one; `undefined` if it may do nothing. */
  permissionsOf(digest: Digest | undefined): Permissions | undefined {
    return this.#tokens && digest ? this.#tokens.find(digest) : this.#anonymous;
  }

  /** The present permissions of a client that got other ones before. */
  currentPermissions(
    permissions: Pick<Permissions, "identity"> | undefined,
  ): Permissions | undefined {
    return permissions && permissions.identity !== ""
      ? this.#tokens?.findByIdentity(permissions.identity)
      : this.#anonymous;
  }
}

/**
 * The permissions of clients without a token; `undefined` if they may do nothing. They administrate the server only if that was
 * said in so many words, or if the server is open and nobody else can reach it: without a host, an open server admits nobody else.
 */
function anonymousPermissions(auth: Auth, host: string | undefined): Permissions | undefined {
  const { anonymous = requiresToken(auth) ? { permissions: [] } : {} } = auth;
  if (anonymous.permissions?.length === 0) return undefined;
  const isOwnMachine = auth.anonymous === undefined && (host === undefined || isLoopback(host));
  return new Permissions("", anonymous, { administration: isOwnMachine ? "local" : "denied" });
}

/** The digests of the tokens; `undefined` if none is required. */
async function knownTokens({ tokens }: Auth): Promise<Tokens | undefined> {
  return tokens && await Tokens.create(tokens);
}
