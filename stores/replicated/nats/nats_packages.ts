/**
 * The packages `npm:@nats-io/*`: loaded only when a log in NATS is opened.
 *
 * @module
 */

import deno from "../../../deno.json" with { type: "json" };
import { loadNpmPackage } from "../../../server/npm_package.ts";
import { guardSockets, type NodeTransport } from "./nats_socket_guard.ts";

/** Headers of a message. */
export interface NatsHeaders {
  /** The status of a message that a server made, such as 100 or 503; else 0. */
  readonly code: number;
  get(name: string): string;
}

/** A message that has arrived. */
export interface NatsMessage {
  readonly subject: string;
  /** Where to answer; empty, if nowhere. */
  readonly reply?: string;
  readonly data: Uint8Array;
  /** They are parsed at each access. */
  readonly headers?: NatsHeaders;
}

/** Gets messages, or the error that ended the subscription. */
export type NatsCallback = (error: Error | null, message: NatsMessage) => void;

/** A subscription. */
export interface NatsSubscription {
  unsubscribe(): void;
}

/** What happens to a connection, such as `disconnect` or `error`. */
export interface NatsStatus {
  readonly type: string;
  readonly error?: Error & { readonly operation?: string; readonly subject?: string };
}

/** What a server tells of itself. */
export interface NatsServerInfo {
  readonly version: string;
  readonly max_payload: number;
  readonly server_id: string;
  readonly server_name?: string;
  readonly connect_urls?: readonly string[];
  readonly jetstream?: boolean;
}

/** A server that a connection can be made to. */
export interface NatsPoolServer {
  /** As it was given. */
  readonly src: string;
}

/** A connection: by itself it connects again. */
export interface NatsClient {
  /** Of the server; `undefined` while there is no connection. */
  readonly info?: NatsServerInfo;
  publish(
    subject: string,
    data?: Uint8Array,
    options?: { readonly reply?: string; readonly headers?: { encode(): Uint8Array } },
  ): void;
  request(
    subject: string,
    data: string,
    options: { readonly timeout: number },
  ): Promise<NatsMessage>;
  subscribe(subject: string, options: { readonly callback: NatsCallback }): NatsSubscription;
  status(): AsyncIterable<NatsStatus>;
  /** The one that it is connected to, or was last, as `HOST:PORT`. */
  getServer(): string;
  /** Breaks the connection, and connects again. */
  reconnect(): Promise<void>;
  isClosed(): boolean;
  close(): Promise<void>;
}

/** How to connect. */
export interface NatsConnectOptions {
  readonly servers: readonly string[];
  readonly name: string;
  /** How long one attempt at one server may take, in milliseconds. */
  readonly timeout: number;
  readonly [option: string]: unknown;
}

/** A value in the object store. */
export interface NatsObject {
  readonly name: string;
  readonly nuid: string;
  /** In bytes. */
  readonly size: number;
  readonly chunks: number;
  /** `SHA-256=` and base64url. */
  readonly digest: string;
  readonly deleted: boolean;
}

/** An object store. */
export interface NatsObjectStore {
  put(
    meta: { readonly name: string; readonly options: { readonly max_chunk_size: number } },
    data: ReadableStream<Uint8Array>,
    options: { readonly timeout: number },
  ): Promise<NatsObject>;
  info(name: string): Promise<NatsObject | null>;
  delete(name: string): Promise<unknown>;
}

/** The part of the packages that is used. */
export interface NatsPackages {
  connect(options: NatsConnectOptions): Promise<NatsClient>;
  /** Signs what a server asks for, with what a file of credentials has. */
  credsAuthenticator(read: () => Uint8Array): unknown;
  createInbox(): string;
  /** Opens an object store that is there. */
  openObjectStore(client: NatsClient, bucket: string, timeout: number): Promise<NatsObjectStore>;
}

interface Transport {
  connect: NatsPackages["connect"];
  credsAuthenticator: NatsPackages["credsAuthenticator"];
  createInbox: NatsPackages["createInbox"];
}

interface JetStreamPackage {
  jetstream(client: NatsClient, options: { readonly timeout: number }): unknown;
}

interface ObjectPackage {
  readonly Objm: new (jetstream: unknown) => {
    open(bucket: string, check: boolean): Promise<NatsObjectStore>;
  };
  setSha256Backend(backend: "native"): void;
}

let loaded: NatsPackages | undefined;

/**
 * Loads the packages.
 *
 * @param stop ends waiting for them
 * @throws {DsmqError} `module_unavailable`; `unavailable`, if no file descriptor is left to load them
 */
export async function loadNats(stop?: AbortSignal): Promise<NatsPackages> {
  if (loaded) return loaded;
  const scope = deno.scopes["./"];
  const load = <Exports>(name: string, specifier: string) =>
    loadNpmPackage<Exports>({ name: `npm:${name}`, specifier, action: "use NATS" }, stop);
  const transport = scope["@nats-io/transport-node"];
  const { connect, credsAuthenticator, createInbox } = await load<Transport>(
    "@nats-io/transport-node",
    transport,
  );
  const sockets = `${transport}/lib/node_transport.js`;
  guardSockets(
    (await load<{ NodeTransport: NodeTransport }>("@nats-io/transport-node", sockets))
      .NodeTransport,
  );
  const { jetstream } = await load<JetStreamPackage>(
    "@nats-io/jetstream",
    scope["@nats-io/jetstream"],
  );
  const { Objm, setSha256Backend } = await load<ObjectPackage>(
    "@nats-io/obj",
    scope["@nats-io/obj"],
  );
  // The one in JavaScript takes half of a core for 100 MB/s.
  setSha256Backend("native");
  return loaded = {
    connect,
    credsAuthenticator,
    createInbox,
    openObjectStore: (client, bucket, timeout) =>
      new Objm(jetstream(client, { timeout })).open(bucket, false),
  };
}
