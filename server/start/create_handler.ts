/**
 * `createHandler()`: a server without a port, for a `Deno.serve` that belongs to somebody else.
 *
 * @module
 */

import type { Auth } from "../../auth/auth.ts";
import { HttpProblem } from "../../http/problem.ts";
import { type WireError, withCurrentStack } from "../../protocol/errors.ts";
import { dropUnreadBody } from "../../transports/drop_body.ts";
import type { Handler, RequestInfo, Stats } from "../api.ts";
import {
  type HandlerOptions,
  type HandlerSettings,
  parseHandlerOptions,
} from "../handler_options.ts";
import { headResponse } from "../../transports/head_response.ts";
import { requireDeno, requireDescriptor } from "../runtime.ts";
import { isLogAddress } from "../store_address.ts";
import type { OpenHandler } from "./open_handler.ts";
import { type ClientAddress, clientAddress, requireRequest } from "./requests.ts";

const NOT_STARTED: WireError = {
  code: "unavailable",
  message: "Cannot answer: the message queue could not be started",
};

const STOPPING: WireError = {
  code: "shutting_down",
  message: "Cannot answer: the message queue is stopping",
};

const NOTHING_YET: Stats = {
  connections: 0,
  pendingConnections: 0,
  stored: 0,
  delivered: 0,
  refused: 0,
  dropped: 0,
  workers: 0,
  jobs: { claimed: 0, died: 0, givenUp: 0 },
};

/**
 * Creates a server without a port, for the `Deno.serve` of a program that serves other things, too. Each request that its
 * {@linkcode Handler.fetch} gets is answered like one to the port of `serve`: the same access control, limits and pages.
 *
 * Without `auth`, only clients of the same machine may connect, because `Deno.serve` listens on all addresses unless it is
 * told otherwise; `auth: { anonymous: {} }` admits everybody. Requests by a name, such as `mq.example.org`, need that name in
 * `allowedHosts`; those by an address or a name of loopback do not.
 *
 * @param options see {@linkcode HandlerOptions}
 * @returns the handler, at once. Its store is still being opened, and requests wait for that; see {@linkcode Handler.ready}
 * @throws {TypeError} if an option is unknown, of the wrong type, or one of `serve` alone, such as `port`
 * @throws {RangeError} if an option is out of its range
 * @throws {DsmqError} `module_unavailable`, if this is not Deno, or a Deno that is too old
 *
 * @example On the port of another server
 * ```ts
 * import { connect, createHandler } from "@dsmq/server";
 *
 * await using mq = createHandler({ path: "/mq" });
 * const server = Deno.serve({ port: 0, onListen() {} }, (request, info) => {
 *   const { pathname } = new URL(request.url);
 *   return pathname === "/mq" ? mq.fetch(request, info) : new Response("my own page");
 * });
 *
 * const client = await connect(`ws://localhost:${server.addr.port}/mq`);
 * await client.put("greetings", "hello");
 * console.log(await client.get("greetings")); // hello
 * await client.close();
 * await server.shutdown();
 * ```
 */
export function createHandler(options: HandlerOptions = {}): Handler {
  const secondArgument: unknown = arguments[1];
  if (secondArgument !== null && typeof secondArgument === "object") {
    throw new TypeError(
      "Cannot create a handler: options are given in one object, got two arguments",
    );
  }
  return mountHandler(options);
}

/**
 * The same, for `./fetch`.
 *
 * @param options see {@linkcode HandlerOptions}
 * @param onOtherThread is called with what is wrong if another thread of the process has the same handler. Default: a line in the log
 */
export function mountHandler(
  options: HandlerOptions,
  onOtherThread?: (sentence: string) => void,
): Handler {
  const settings = parseHandlerOptions(options);
  requireDeno(undefined, "create a handler", "it uses Deno.upgradeWebSocket of");
  return new MountedHandler(settings, onOtherThread);
}

class MountedHandler implements Handler {
  readonly fetch = (request: Request, info: RequestInfo): Promise<Response> =>
    this.#fetch(request, info);
  readonly ready: Promise<void>;
  readonly #finished = Promise.withResolvers<void>();
  readonly #opening: Promise<OpenHandler>;
  #open: OpenHandler | undefined;
  #storeDescription: string;
  #stopping: Promise<void> | undefined;

  constructor(
    settings: HandlerSettings,
    onOtherThread = (message: string) => settings.log.write({ event: "several_queues", message }),
  ) {
    this.#storeDescription = isLogAddress(settings.store) ? "a log" : settings.store;
    this.#opening = open(settings).catch((error) => {
      throw error === settings.signal?.reason ? error : withCurrentStack(error);
    });
    this.ready = this.#opening.then((open) => this.#onOpen(open));
    // Also if it cannot be opened: perhaps because the other thread has the file.
    void watchOtherThreads(onOtherThread, this.finished);
    // Whoever waits for it gets the error, too.
    this.ready.catch((error: Error) => {
      if (!settings.signal?.aborted) {
        settings.log.write({ event: "serve_failed", message: error.message });
      }
      this.#finished.resolve();
    });
  }

  get storeDescription(): string {
    return this.#storeDescription;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  stats(): Stats {
    return this.#open?.server.stats() ?? NOTHING_YET;
  }

  async setAuth(auth: string | Auth): Promise<void> {
    await (await this.#opening).setAuth(auth);
  }

  shutdown(): Promise<void> {
    return this.#stopping ??= this.#opening.then(({ server }) => server.shutdown(), () => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  #onOpen(open: OpenHandler): void {
    this.#open = open;
    this.#storeDescription = open.server.storeDescription;
    this.#finished.resolve(open.server.finished);
  }

  async #fetch(request: Request, info: RequestInfo): Promise<Response> {
    requireRequest(request);
    const isHead = request.method === "HEAD";
    const response = await this.#answer(request, clientAddress(info));
    // What serves the port is not ours: when it stops, it waits for the bodies that nobody reads.
    void dropUnreadBody(request);
    return isHead ? await headResponse(response) : response;
  }

  async #answer(request: Request, from: ClientAddress): Promise<Response> {
    const open = this.#open ?? await this.#opening.catch(() => undefined);
    if (!open) return new HttpProblem(NOT_STARTED).response;
    if (this.#stopping || open.server.isStopping) {
      return new HttpProblem(STOPPING).response;
    }
    return await open.fetch(request, from);
  }
}

/** Looks for other threads that do the same, until the handler has finished. Never rejects: a handler works without it. */
async function watchOtherThreads(
  onMet: (sentence: string) => void,
  finished: Promise<void>,
): Promise<void> {
  try {
    const others = await import("./other_threads.ts");
    const stop = await others.watchOtherThreads(onMet);
    await finished;
    stop();
  } catch {
    // The sentence is missing in the log, and nothing else.
  }
}

/** Loaded here and not above: most programs that load this have a port of their own, or only a client. */
async function open(settings: HandlerSettings): Promise<OpenHandler> {
  settings.signal?.throwIfAborted();
  requireDescriptor("create a handler");
  const { openHandler } = await import("./open_handler.ts");
  return await openHandler(settings);
}
