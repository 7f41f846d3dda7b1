/**
 * Plain HTTP of a server, and what it gets of the connections.
 *
 * @module
 */

import type { Permissions } from "../auth/permissions.ts";
import type { HttpApi, WatchClient } from "../http/http_api.ts";
import type { HttpContext } from "../http/http_context.ts";
import { DsmqError, type WireError } from "../protocol/errors.ts";
import { PROBLEM_TYPE, problemJson } from "../protocol/problem.ts";
import { toWireError } from "../queue/store_failure.ts";
import { requireDescriptor } from "./runtime.ts";
import { ADVICE, limitAdvice } from "./advice.ts";
import type { ConnectionsOptions } from "./connections_options.ts";
import type { AdmissionContext } from "./pending_admission.ts";
import type { UpgradeChecks } from "./upgrade.ts";

/** Tells whether a client leaves, where its transport does not tell in another way. */
export function watchSignal({ signal }: Request, onLeft: () => void): () => void {
  if (signal.aborted) onLeft();
  signal.addEventListener("abort", onLeft, { once: true });
  return () => signal.removeEventListener("abort", onLeft);
}

/** Nothing is under way. */
const NO_REQUESTS = { http_request: 0, http_wait: 0, http_stream: 0 } as const;

/**
 * Answers plain HTTP. What that takes is loaded once the server has started, or for the first request: so that a start takes no
 * longer for those who connect with a WebSocket.
 */
export class HttpService {
  readonly #context: HttpContext;
  #api: HttpApi | undefined;
  #loading: Promise<HttpApi> | undefined;

  /**
   * Begins without requests.
   *
   * @param connections share their slots and limits with it
   * @param checks checks tokens
   * @param options what it tells
   */
  constructor(
    connections: Pick<AdmissionContext, "shared" | "access" | "acquireConnection"> & {
      readonly isStopping: boolean;
    },
    checks: Pick<UpgradeChecks, "checkToken">,
    options: ConnectionsOptions,
  ) {
    this.#context = httpContext(connections, checks, options);
  }

  /** Answers a request. */
  handle(request: Request, from: string, watch: WatchClient): Response | Promise<Response> {
    return this.#api
      ? this.#api.handle(request, from, watch)
      : this.#handleFirst(request, from, watch);
  }

  /** Loads what it needs. If that is not possible now, the first request tries again. */
  preload(): void {
    this.#load().catch(() => {});
  }

  /** How many requests are being handled, by their kind. */
  get counts(): HttpApi["counts"] {
    return this.#api?.counts ?? NO_REQUESTS;
  }

  /** Applies a changed `auth` to requests that last. */
  authChanged(): Promise<void> | void {
    return this.#api?.authChanged();
  }

  /** Ends the requests that last, and waits for the others, but not for longer than this, in milliseconds. */
  async stop(error: WireError, timeout: number): Promise<void> {
    await this.#api?.stop(error, timeout);
  }

  async #handleFirst(request: Request, from: string, watch: WatchClient): Promise<Response> {
    try {
      const api = await this.#load();
      return await api.handle(request, from, watch);
    } catch (error) {
      // What the system says names files, and is for the log alone.
      const { message } = error instanceof DsmqError
        ? error
        : toWireError(error, this.#context.shared.queue.log);
      const problem = problemJson(503, "unavailable", message);
      return new Response(problem, { status: 503, headers: { "content-type": PROBLEM_TYPE } });
    }
  }

  #load(): Promise<HttpApi> {
    return this.#loading ??= this.#loadOnce().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
  }

  async #loadOnce(): Promise<HttpApi> {
    requireDescriptor("answer plain HTTP");
    const { HttpApi } = await import("../http/http_api.ts");
    return this.#api = new HttpApi(this.#context);
  }
}

/** What it gets of the connections. */
function httpContext(
  connections: Pick<AdmissionContext, "shared" | "access" | "acquireConnection"> & {
    readonly isStopping: boolean;
  },
  checks: Pick<UpgradeChecks, "checkToken">,
  { path, banner, peerDropped, metrics, operation }: ConnectionsOptions,
): HttpContext {
  const { shared, access } = connections;
  return {
    shared,
    access,
    path,
    banner,
    operation,
    get metrics() {
      return metrics();
    },
    get isStopping() {
      return connections.isStopping;
    },
    checkToken: (token, from) => checks.checkToken(token, from),
    acquire(from: string, permissions: Permissions) {
      const slot = connections.acquireConnection(from, permissions);
      return typeof slot === "function" ? slot : { ...slot, advice: limitAdvice(slot) };
    },
    onRefused(error, from, advice) {
      const isUnauthorized = error.code === "unauthorized";
      shared.onRefused(error, from, isUnauthorized ? ADVICE.token : advice);
    },
    requireDescriptor,
    onReaderCut: (reason, address) => peerDropped({ reason, address, isSlowReader: true }),
  };
}
