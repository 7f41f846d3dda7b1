/**
 * A server whose plain HTTP is tested: over both transports, and mounted.
 *
 * @module
 */

import type { ServeOptions, Server } from "@dsmq/server";
import { ignoredIf } from "./ignored_if.ts";
import { openMounted } from "./mounted_server.ts";
import { openServer } from "./open_server.ts";

/** A server, and how to ask it. */
export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  /** The address, such as `http://127.0.0.1:4711`. */
  readonly origin: string;
  /** The address for clients of the WebSocket. */
  readonly url: string;
  /** Sends a request to a path. */
  get(path: string, init?: RequestInit): Promise<Response>;
  /** Puts a text. */
  post(path: string, body: BodyInit | null, headers?: Record<string, string>): Promise<Response>;
  stats(): ReturnType<Server["stats"]>;
  setAuth: Server["setAuth"];
  /** Stops it, as the end of the test does. */
  shutdown(): Promise<void>;
}

/** Opens a server of one kind. */
export type OpenHttp = (options?: Omit<ServeOptions, "transport">) => Promise<HttpServer>;

/** A server with what asks it. */
export function withRequests(
  server: Pick<HttpServer, "port" | "url" | "stats"> & AsyncDisposable,
  handler: Pick<HttpServer, "setAuth" | "shutdown">,
): HttpServer {
  const origin = `http://127.0.0.1:${server.port}`;
  const get = (path: string, init: RequestInit = {}) => fetch(`${origin}${path}`, init);
  return {
    port: server.port,
    url: server.url,
    origin,
    get,
    post: (path, body, headers = {}) => get(path, { method: "POST", body, headers }),
    stats: () => server.stats(),
    setAuth: (auth) => handler.setAuth(auth),
    shutdown: () => handler.shutdown(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const served = (server: Server) => withRequests(server, server);

const KINDS: Readonly<Record<string, OpenHttp>> = {
  builtin: async (options) => served(await openServer(options)),
  hardened: async (options) => served(await openServer({ ...options, transport: "hardened" })),
  mounted(options) {
    const server = openMounted(options);
    return Promise.resolve(withRequests(server, server.handler));
  },
};

/**
 * Registers one test for each kind of server.
 *
 * @param promise what holds
 * @param prove opens a server, and shows it
 * @param missing why it cannot be shown here, if that is so
 */
export function testHttp(
  promise: string,
  prove: (open: OpenHttp, kind: string) => Promise<void>,
  missing: string | false = false,
) {
  for (const [kind, open] of Object.entries(KINDS)) {
    Deno.test({ ...ignoredIf(missing, `${promise} (${kind})`), fn: () => prove(open, kind) });
  }
}

/** The problem of a response that failed. */
export async function problemOf(
  response: Response,
): Promise<Record<string, unknown> & { status: number; code: string; detail: string }> {
  const type = response.headers.get("content-type");
  if (type !== "application/problem+json") {
    throw new Error(`${response.status} with ${type}: ${await response.text()}`);
  }
  return await response.json();
}
