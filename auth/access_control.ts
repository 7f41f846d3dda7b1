/**
 * Access control: who may connect, and with what permissions.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { isToken } from "../protocol/token.ts";
import { offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";
import { AllowedHosts, isLoopback } from "./allowed_hosts.ts";
import { type PreparedAuth, requiresToken, type TokenCheck, type TokenVerifier } from "./auth.ts";
import { Permissions } from "./permissions.ts";
import { AllowedOrigins } from "./allowed_origins.ts";
import { digestOf, extractToken, Tokens } from "./tokens.ts";

/** Who may connect. */
export interface AccessControlOptions {
  /** The host that the server was started with; `undefined` if somebody else listens. */
  readonly host: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** The server has TLS; `undefined` if each request tells by its URL. */
  readonly secure: boolean | undefined;
  /** Who may do what. */
  readonly auth: PreparedAuth;
}

/** The result of checking a request for a WebSocket. */
export type Verdict =
  /** It is refused before the upgrade. */
  | {
    readonly kind: "refused";
    readonly status: 401 | 403 | 503;
    /** For the client, and for the log, which may learn more. */
    readonly reason: string;
    readonly detail?: string | undefined;
  }
  /**
   * It is admitted; {@linkcode AccessControl.permissionsOf} says what it may do. `undefined`: it brought no token. If its token
   * is not valid, it is closed at once.
   */
  | { readonly kind: "admitted"; readonly check: TokenCheck | undefined };

/** What depends on whether a request came through TLS. */
interface NamesAndOrigins {
  readonly secure: boolean;
  readonly hosts: AllowedHosts;
  readonly origins: AllowedOrigins;
}

/** So often a token is checked if who may do what changes each time meanwhile. */
const MAX_TRIES = 3;

/** Checks requests. It logs nothing and keeps digests of tokens, never tokens. */
export class AccessControl {
  readonly #plain: NamesAndOrigins;
  readonly #secure: NamesAndOrigins;
  readonly #host: string | undefined;
  /** If there is neither this nor a verifier, no token is required, and a token in a request is ignored. */
  #tokens: Tokens | undefined;
  #verifier: TokenVerifier | undefined;
  #anonymous: Permissions | undefined;
  #updating: Promise<void> = Promise.resolve();
  /** How often that was replaced. */
  #changes = 0;

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
    this.#verifier = auth.verifier;
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
    return this.#tokens !== undefined || this.#verifier !== undefined;
  }

  /** Whether checking a token may take long. */
  get asksVerifier(): boolean {
    return this.#verifier !== undefined;
  }

  /**
   * Replaces who may do what.
   *
   * @param auth nothing of what was given before counts any more
   */
  setAuth(auth: PreparedAuth | Promise<PreparedAuth>): Promise<void> {
    const digesting = digested(auth);
    // In the order of the calls, however long each takes.
    const updated = this.#updating.then(async () => {
      const { prepared, tokens } = await digesting;
      this.#tokens = tokens;
      this.#verifier = prepared.verifier;
      this.#anonymous = anonymousPermissions(prepared, this.#host);
      this.#changes++;
    });
    // One that cannot be prepared changes nothing, and keeps no later one from counting.
    this.#updating = updated.catch(() => {});
    digesting.catch(() => {});
    return updated;
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
   * @param holder to whom the check of the token is charged
   * @returns the result
   */
  async checkUpgrade(
    request: Pick<Request, "headers" | "url">,
    holder: string,
  ): Promise<Verdict> {
    const { headers } = request;
    const hostFault = this.checkHost(request);
    if (hostFault !== undefined) return { kind: "refused", status: 403, reason: hostFault };
    const originFault = this.#checkOriginHeader(request);
    if (originFault !== undefined) return { kind: "refused", status: 403, reason: originFault };
    const isOwnProtocol = offeredProtocols(headers).includes(SUBPROTOCOL);
    const token = this.requiresToken ? extractToken(headers) : undefined;
    if (token === undefined) {
      if (isOwnProtocol || this.#anonymous) return { kind: "admitted", check: undefined };
      return { kind: "refused", status: 401, reason: "a token is needed" };
    }
    const check = await this.check(token, holder);
    // Pages cannot see a status, and other clients hardly can: a client with our subprotocol gets a close code, or an error.
    if (isOwnProtocol || check.kind === "granted") return { kind: "admitted", check };
    const { kind, reason: detail } = check;
    return kind === "refused"
      ? { kind: "refused", status: 401, reason: "the token is not valid", detail }
      : { kind: "refused", status: 503, reason: "the token cannot be checked now", detail };
  }

  /**
   * Checks that a request is not made by a page of another site, which may be one without an `Origin`: browsers send none with
   * a GET for an image, a script, or a link.
   *
   * @param request any request
   * @returns why it is refused, or `undefined`
   */
  checkOrigin(request: Pick<Request, "headers" | "url">): string | undefined {
    const { headers, url } = request;
    const fault = this.#checkOriginHeader(request);
    if (fault !== undefined) return fault;
    const site = headers.get("sec-fetch-site");
    if (site !== "cross-site" && site !== "same-site") return undefined;
    if (this.#allowedBy(url).origins.includes(headers.get("origin"))) return undefined;
    return `a page of another site has made it (Sec-Fetch-Site: ${site}); --allow-origin (allowedOrigins) allows its origin`;
  }

  #checkOriginHeader({ headers, url }: Pick<Request, "headers" | "url">): string | undefined {
    const origin = headers.get("origin");
    // Then the client is no browser.
    if (origin === null) return undefined;
    if (this.#allowedBy(url).origins.allows(origin, headers.get("host") ?? "")) return undefined;
    return `the Origin ${quoted(origin)} is not allowed; --allow-origin (allowedOrigins) allows it`;
  }

  #allowedBy(url: string): NamesAndOrigins {
    return url.startsWith("https:") ? this.#secure : this.#plain;
  }

  /**
   * Checks a token. Never rejects.
   *
   * @param token what a client gave
   * @param holder to whom the work is charged
   * @returns the result, for {@linkcode AccessControl.permissionsOf}
   */
  async check(token: string, holder: string): Promise<TokenCheck> {
    for (let tries = 1;; tries++) {
      const changes = this.#changes;
      const check = await this.#check(token, holder);
      // If that was replaced meanwhile, what was found may not count any more, and what counts now was not asked.
      if (changes === this.#changes || this.permissionsOf(check) || tries === MAX_TRIES) {
        return check;
      }
    }
  }

  async #check(token: string, holder: string): Promise<TokenCheck> {
    // Where no token is required, one that is sent counts as none.
    if (!this.requiresToken) return grantedOrRefused(this.#anonymous);
    if (!isToken(token)) return { kind: "refused", reason: "it has not the form of a token" };
    const listed = this.#tokens?.find(await digestOf(token));
    if (listed) return { kind: "granted", permissions: listed };
    return await this.#verifier?.check(token, holder) ?? { kind: "refused" };
  }

  /** What came of a check, now; `undefined` if it may do nothing. Without a token: the permissions of clients without one. */
  permissionsOf(check: TokenCheck | undefined): Permissions | undefined {
    if (check === undefined) return this.#anonymous;
    return check.kind === "granted" ? this.currentPermissions(check.permissions) : undefined;
  }

  /** The present permissions of a client that got these, perhaps other ones, before. */
  currentPermissions(permissions: Permissions | undefined): Permissions | undefined {
    if (!permissions || permissions.identity === "" || !this.requiresToken) return this.#anonymous;
    if (permissions.source === undefined) return this.#tokens?.findByIdentity(permissions.identity);
    return this.#verifier?.vouchesFor(permissions) ? permissions : undefined;
  }
}

function grantedOrRefused(permissions: Permissions | undefined): TokenCheck {
  return permissions ? { kind: "granted", permissions } : { kind: "refused" };
}

/**
 * The permissions of clients without a token; `undefined` if they may do nothing. They may administer the server only if
 * `auth` says so explicitly, or if the server is open and nobody else can reach it: without a host, an open server admits
 * nobody else.
 */
function anonymousPermissions(
  auth: PreparedAuth,
  host: string | undefined,
): Permissions | undefined {
  const { anonymous } = auth;
  if (anonymous) {
    const { permissions = ["read", "write", "work"] } = anonymous;
    return permissions.length > 0 ? new Permissions("", { ...anonymous, permissions }) : undefined;
  }
  if (requiresToken(auth)) return undefined;
  const isOwnMachine = host === undefined || isLoopback(host);
  return new Permissions("", {}, { administration: isOwnMachine ? "local" : "denied" });
}

/** Prepares what counts from then on. */
async function digested(auth: PreparedAuth | Promise<PreparedAuth>) {
  const prepared = await auth;
  return { prepared, tokens: await knownTokens(prepared) };
}

/** The digests of the tokens in the list; `undefined` if there is no list. */
async function knownTokens({ tokens }: PreparedAuth): Promise<Tokens | undefined> {
  return tokens && await Tokens.create(tokens);
}
