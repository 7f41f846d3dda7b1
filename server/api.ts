/**
 * The interface of a running server.
 *
 * @module
 */

import type { Auth } from "../auth/auth.ts";
import type { TransportChoice } from "./options.ts";

/** Counts of a server. */
export interface Stats {
  /** Connections open now. */
  readonly connections: number;
  /** Connections that wait to be admitted: they have yet to send a token, or there is no slot for them. */
  readonly pendingConnections: number;
  /** Messages stored since the start. */
  readonly stored: number;
  /** Messages delivered since the start, once for each reader. */
  readonly delivered: number;
  /** Requests refused or failed since the start. */
  readonly refused: number;
  /** Connections dropped since the start: their peers read nothing, or did not answer, for too long. */
  readonly dropped: number;
  /** Workers of groups that are connected now, and claims that wait for a job. */
  readonly workers: number;
  /** Jobs of groups since the start. */
  readonly jobs: {
    /** How often one was given to a worker. */
    readonly claimed: number;
    /** How often one has died. */
    readonly died: number;
    /** Messages that groups had to give up, to make room. */
    readonly givenUp: number;
  };
}

/** What a {@linkcode Server} and a {@linkcode Handler} have in common. */
export interface MessageServer extends AsyncDisposable {
  /** Where messages are stored, such as `memory on node:sqlite`. */
  readonly storeDescription: string;
  /** Resolves once the server has stopped, for any reason. */
  readonly finished: Promise<void>;
  /** Counts since the start. */
  stats(): Stats;
  /**
   * Replaces who may do what: nothing of what was given before counts any more. Connections whose token is no longer valid,
   * or that need one now, get `unauthorized` and are closed with code 4401 at once; the others continue, with their present
   * permissions.
   *
   * @param auth as the option of `serve`
   * @throws {TypeError | RangeError} if something in it is invalid; then nothing changes
   * @throws {DsmqError} `module_unavailable`, if `npm:jose`, which `jwt` needs, does not load; `unavailable`, if the process has
   *   too many open files to load what `jwt` or `verify` need for the first time; then nothing changes either
   *
   * @example Revoke a token
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0, auth: "token-1" });
   * await using mq = await connect(server.url, { token: "token-1" });
   * await server.setAuth({ tokens: [{ token: "token-2", permissions: ["read"] }] });
   * await mq.get("t").catch(({ code }) => console.log(code)); // unauthorized
   * ```
   */
  setAuth(auth: string | Auth): Promise<void>;
  /**
   * Stops: accepts nothing new, finishes what was accepted, and closes every connection with code 1012. A peer that does not
   * answer the close frame within 2 s is dropped. May be called twice.
   */
  shutdown(): Promise<void>;
}

/** A running server with a port of its own. */
export interface Server extends MessageServer {
  /** The address it listens on. */
  readonly host: string;
  /** The port it listens on. */
  readonly port: number;
  /** The address for clients on this machine, such as `ws://127.0.0.1:30008`; with TLS it begins with `wss:`. */
  readonly url: string;
  /** The transport in use. */
  readonly transport: TransportChoice;
  /**
   * Uses another certificate for new connections. Connections continue, except with the transport `builtin`: it closes them with
   * code 1001, and clients that reconnect are back at once.
   *
   * @param cert the certificate, in PEM, followed by those above it
   * @param key its private key, in PEM
   * @throws {TypeError} if the server was started without TLS
   * @throws {RangeError} if the two cannot be used; then the old certificate remains
   */
  setCertificate(cert: string, key: string): Promise<void>;
}

/** What a handler has to know of a request besides the request itself: what `Deno.serve` passes as the second argument. */
export interface RequestInfo {
  /** The address of the client. Those that have no `hostname`, such as the ones of Unix sockets, count as one address. */
  readonly remoteAddr: { readonly transport: string; readonly hostname?: string };
}

/** A server without a port: it answers the requests of a `Deno.serve` that belongs to somebody else. */
export interface Handler extends MessageServer {
  /**
   * Where messages are stored, such as `memory on node:sqlite`; before {@linkcode Handler.ready} as the option says it.
   */
  readonly storeDescription: string;
  /**
   * Resolves once the store is open. Requests that come earlier wait for it, so there is no need to.
   *
   * @throws {unknown} the reason of the option `signal`, if that aborts before
   * @throws {DsmqError} if the store cannot be opened, with the codes of `serve`. Then an error goes to the log, and every
   *   request gets status 503
   */
  readonly ready: Promise<void>;
  /**
   * Answers a request. One for a WebSocket becomes a connection; others get what a server sends to browsers: what this is,
   * and `/health`. After {@linkcode MessageServer.shutdown} every request gets status 503. It can be passed on without its
   * handler.
   *
   * @param request the very object that `Deno.serve` gave: a copy of it cannot become a WebSocket
   * @param info what `Deno.serve` gave beside it. In Hono it is `c.env`
   * @returns the response, for `Deno.serve`
   * @throws {TypeError} if the request is a copy or was upgraded before, or if `info` is missing: faults of the program
   */
  readonly fetch: (request: Request, info: RequestInfo) => Promise<Response>;
}
