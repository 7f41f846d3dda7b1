/**
 * What a running server offers to its owner.
 *
 * @module
 */

import type { Grant, TokenGrant } from "../auth/permissions.ts";
import type { TransportChoice } from "./options.ts";

/** What a server has done so far. */
export interface Stats {
  /** Connections open now. */
  readonly connections: number;
  /** Connections that wait to be admitted: they owe a token, or there is no place for them. */
  readonly pending: number;
  /** Messages stored since the start. */
  readonly stored: number;
  /** Messages delivered since the start, once for each reader. */
  readonly delivered: number;
  /** Requests refused or failed since the start. */
  readonly refused: number;
  /** Connections given up since the start: their peers read nothing, or did not answer, for too long. */
  readonly dropped: number;
}

/** A running server. */
export interface Server extends AsyncDisposable {
  /** The address it listens on. */
  readonly host: string;
  /** The port it listens on. */
  readonly port: number;
  /** Where clients of this machine find it, such as `ws://127.0.0.1:30008`; with TLS it begins with `wss:`. */
  readonly url: string;
  /** How peers arrive. */
  readonly transport: TransportChoice;
  /** How messages are kept, such as `memory on node:sqlite`. */
  readonly storeDescription: string;
  /** Resolves once the server has stopped, however it came to it. */
  readonly finished: Promise<void>;
  /** Tells what it has done so far. */
  stats(): Stats;
  /**
   * Has other tokens count from now on. Who is connected by one that is none of them any more is told
   * (`unauthorized`) and closed with code 4401 at once; others go on, with the rights that they have now.
   *
   * @param tokens all that are good
   * @param anonymous what those may do who bring none. Default: as `serve` was told; nothing, if it was not
   * @throws {TypeError | RangeError} if one of these is wrong; then nothing changes
   *
   * @example Take a token back
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0, tokens: [{ token: "reader-1", permissions: ["read"] }] });
   * await using reader = await connect({ url: server.url, token: "reader-1" });
   * await server.setTokens([{ token: "reader-2", permissions: ["read"] }]);
   * await reader.get("t").catch(({ code }) => console.log(code)); // unauthorized
   * ```
   */
  setTokens(tokens: readonly TokenGrant[], anonymous?: Grant): Promise<void>;
  /**
   * Has those who come from now on get another certificate. Connections go on; those of the transport `builtin` are
   * closed for it with code 1001, and clients that reconnect are back at once.
   *
   * @param cert the certificate, in PEM, with those above it
   * @param key its private key, in PEM
   * @throws {TypeError} if the server was started without TLS
   * @throws {RangeError} if the two cannot be used; then the old one counts on
   */
  setCertificate(cert: string, key: string): Promise<void>;
  /**
   * Stops: takes nothing new, finishes what was accepted, and closes every connection with code 1012. A
   * peer that does not answer the goodbye within 2 s is given up. May be called twice.
   */
  shutdown(): Promise<void>;
}
