/**
 * The door of a server: who may come in, and with what leave.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";
import { Hosts } from "./hosts.ts";
import { type Grant, Leave, type TokenGrant } from "./leave.ts";
import { Origins } from "./origins.ts";
import { broughtToken, type Digest, digestOf, Tokens } from "./tokens.ts";

/** Whom a door lets in. */
export interface DoorOptions {
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
  | { readonly kind: "refused"; readonly status: 401 | 403; readonly why: string }
  /** It is let in, to learn there that its token is not good. */
  | { readonly kind: "expelled" }
  /** It is let in; what it may do is what {@linkcode Door.leaveOf} says then. `undefined`: it brought no token. */
  | { readonly kind: "admitted"; readonly digest: Digest | undefined };

/** Judges who comes. It says nothing and keeps no token, only digests. */
export class Door {
  readonly #hosts: Hosts;
  readonly #origins: Origins;
  readonly #secure: boolean;
  /** `undefined`: no token is asked for, and one that is brought is not looked at. */
  #tokens: Tokens | undefined;
  #anonymous: Leave | undefined;
  /** What strangers may do was said, and does not follow from whether a token is asked for. */
  #told: boolean;
  #changing: Promise<void> = Promise.resolve();

  private constructor(options: DoorOptions, tokens: Tokens | undefined) {
    const { host, allowedHosts, allowedOrigins, secure, anonymous } = options;
    this.#secure = secure;
    this.#hosts = new Hosts([host, ...allowedHosts], secure);
    this.#origins = new Origins(allowedOrigins, secure);
    this.#tokens = tokens;
    this.#told = anonymous !== undefined;
    this.#anonymous = strangers(anonymous ?? (tokens ? { rights: [] } : {}));
  }

  /**
   * Makes a door.
   *
   * @param options whom it lets in
   * @returns the door
   */
  static async of(options: DoorOptions): Promise<Door> {
    const { tokens } = options;
    return new Door(options, tokens && await Tokens.of(tokens));
  }

  /** A token is asked for, of everybody or of those who want to do more than others. */
  get asksForToken(): boolean {
    return this.#tokens !== undefined;
  }

  /**
   * Has other tokens count from now on.
   *
   * @param tokens all that are good
   * @param anonymous what those may do who have none. Default: what was said of them before; nothing, if nothing was
   */
  change(tokens: readonly TokenGrant[], anonymous?: Grant): Promise<void> {
    const digested = Tokens.of(tokens);
    // In the order of the calls, however long each takes.
    return this.#changing = this.#changing.then(async () => {
      const known = await digested;
      if (anonymous) this.#anonymous = strangers(anonymous);
      else if (!this.#told) this.#anonymous = undefined;
      this.#told ||= anonymous !== undefined;
      this.#tokens = known;
    });
  }

  /**
   * Judges under which name the server was called.
   *
   * @param request any request
   * @returns why it is refused, or `undefined`
   */
  judgeHost({ headers, url }: Pick<Request, "headers" | "url">): string | undefined {
    // HTTP/2, which comes with TLS alone, has no such header: the name is in the address.
    const host = headers.get("host") ?? (this.#secure ? URL.parse(url)?.host ?? null : null);
    if (this.#hosts.welcomes(host)) return undefined;
    return host === null
      ? "the Host is missing"
      : `the Host ${
        quoted(host)
      } is none that this server answers to; --allow-host (allowedHosts) allows it`;
  }

  /**
   * Judges a request for a WebSocket: its Host, then its Origin, then its token.
   *
   * @param request the request
   * @returns the verdict
   */
  async judge(request: Pick<Request, "headers" | "url">): Promise<Verdict> {
    const { headers } = request;
    const called = this.judgeHost(request);
    if (called !== undefined) return { kind: "refused", status: 403, why: called };
    const origin = headers.get("origin");
    if (!this.#origins.welcomes(origin, headers.get("host") ?? "")) {
      const why = `the Origin ${
        quoted(origin!)
      } is none that may come in; --allow-origin (allowedOrigins) allows it`;
      return { kind: "refused", status: 403, why };
    }
    const ours = offeredProtocols(headers).includes(SUBPROTOCOL);
    const token = this.#tokens && broughtToken(headers);
    if (token === undefined) {
      if (ours || this.#anonymous) return { kind: "admitted", digest: undefined };
      return { kind: "refused", status: 401, why: "a token is needed" };
    }
    const digest = await digestOf(token);
    if (this.leaveOf(digest)) return { kind: "admitted", digest };
    // A status is not shown to pages, and to others hardly: who understands us is told by a close code.
    return ours
      ? { kind: "expelled" }
      : { kind: "refused", status: 401, why: "the token is not good" };
  }

  /** The digest of a token, for {@linkcode Door.leaveOf}: the one has to be waited for, the other is true when it is asked. */
  digestOf(token: string): Promise<Digest> {
    return digestOf(token);
  }

  /** The leave of those who bring this token, or none; `undefined` if they have no leave. */
  leaveOf(digest: Digest | undefined): Leave | undefined {
    return this.#tokens && digest ? this.#tokens.find(digest) : this.#anonymous;
  }

  /** What a leave has become, after a change. */
  renewed(leave: Pick<Leave, "identity"> | undefined): Leave | undefined {
    return leave && leave.identity !== ""
      ? this.#tokens?.ofIdentity(leave.identity)
      : this.#anonymous;
  }
}

/** The leave of those without a token; who has no right at all has none. */
function strangers(grant: Grant): Leave | undefined {
  return grant.rights?.length === 0 ? undefined : new Leave("", grant);
}
