/**
 * Plain HTTP without sockets: over any store, and with the clock of the test.
 *
 * @module
 */

import { AccessControl } from "../../auth/access_control.ts";
import type { SharedBudgets } from "../../budgets/shared_budgets.ts";
import { HttpApi } from "../../http/http_api.ts";
import type { Clock } from "../../queue/clock.ts";
import type { Queue } from "../../queue/queue.ts";
import type { Store } from "../../stores/store.ts";
import type { ServerLimits } from "../../protocol/limits.ts";
import { ALL_PERMISSIONS, openContext } from "./memory_peer.ts";

/** Answers requests; its queue and its store end with it. */
export interface MemoryHttp extends AsyncDisposable {
  readonly queue: Queue;
  /** What all requests hold together. */
  readonly budgets: SharedBudgets;
  /** What answers, and counts. */
  readonly api: HttpApi;
  /** Why readers were cut off. */
  readonly cut: readonly string[];
  /** Sends a request to a path, from an address. Default: that of this machine. */
  get(path: string, init?: RequestInit, from?: string): Promise<Response>;
  /** Puts a text. */
  post(path: string, body: string, headers?: Record<string, string>): Promise<Response>;
}

/** Answers requests over a store. */
export async function openMemoryHttp(
  store: Store,
  clock: Clock,
  limits: Partial<ServerLimits> = {},
): Promise<MemoryHttp> {
  const context = await openContext(store, clock, limits);
  const access = await AccessControl.create({
    host: "127.0.0.1",
    allowedHosts: [],
    allowedOrigins: [],
    secure: false,
    auth: {},
  });
  const cut: string[] = [];
  const api = new HttpApi({
    shared: context,
    access,
    path: "",
    banner: "",
    metrics: undefined,
    operation: () => Promise.reject(new Error("nobody asks for it")),
    isStopping: false,
    behind: undefined,
    checkToken: () => Promise.resolve({ kind: "granted", permissions: ALL_PERMISSIONS }),
    acquire: () => () => {},
    onRefused() {},
    onReaderCut: (reason) => void cut.push(reason),
  });
  const get = (
    path: string,
    { headers, ...init }: RequestInit = {},
    from = "127.0.0.1",
  ) => {
    const all = new Headers(headers);
    all.set("host", "127.0.0.1");
    const request = new Request(`http://127.0.0.1${path}`, { ...init, headers: all });
    return Promise.resolve(api.handle(request, from, () => () => {}));
  };
  return {
    queue: context.queue,
    budgets: context.budgets,
    api,
    cut,
    get,
    post(path, body, headers = {}) {
      const length = `${new TextEncoder().encode(body).length}`;
      return get(path, { method: "POST", body, headers: { ...headers, "content-length": length } });
    },
    async [Symbol.asyncDispose]() {
      await api.stop({ code: "shutting_down", message: "The test is over" }, 1000);
      await context[Symbol.asyncDispose]();
    },
  };
}
