/**
 * What is behind a handler: put together from a store, access control, and WebSockets of Deno.
 *
 * @module
 */

import { isLoopback } from "../../auth/allowed_hosts.ts";
import { type Auth, OPEN_TO_ALL } from "../../auth/auth.ts";
import { type Clock, systemClock } from "../../queue/clock.ts";
import { Queue } from "../../queue/queue.ts";
import { type FetchHandler, openFetch } from "../../transports/deno_fetch.ts";
import { isUnspecified } from "../../transports/deno_upgrade.ts";
import type { ConnectionHandler } from "../../transports/transport.ts";
import { isBelow, isPage } from "../../http/page_paths.ts";
import { HttpProblem } from "../../http/problem.ts";
import type { WireError } from "../../protocol/errors.ts";
import type { HandlerSettings } from "../handler_options.ts";
import { transportProblem } from "../../transports/transport_problem.ts";
import { textResponse } from "../text_response.ts";
import { openAccess } from "../prepare_auth.ts";
import { RunningServer } from "../running_server.ts";
import { isUpgradeRequest } from "../upgrade.ts";
import { loadTracing } from "./load_tracing.ts";
import {
  createGroups,
  describeServer,
  loadWarmUp,
  openStore,
  unlessAborted,
  withCode,
} from "./open_store.ts";
import type { ClientAddress } from "./requests.ts";

/** An open handler. */
export interface OpenHandler {
  readonly server: RunningServer;
  /** Replaces who may do what. */
  setAuth(auth: string | Auth): Promise<void>;
  /** Answers a request. */
  fetch(request: Request, client: ClientAddress): Promise<Response>;
}

/**
 * Opens what is behind a handler.
 *
 * @param settings the checked options
 * @returns what answers requests
 * @throws {DsmqError} if the store cannot be opened; the reason of the option `signal` if that aborts before, whatever else fails
 */
export function openHandler(settings: HandlerSettings): Promise<OpenHandler> {
  return unlessAborted(settings.signal, open(settings), ({ server }) => server.finished);
}

async function open(
  { auth, clock: given, ...others }: HandlerSettings,
): Promise<OpenHandler> {
  const clock = given === systemClock ? backgroundClock : given;
  const settings = { ...others, clock };
  const { log, path } = settings;
  const tracing = await loadTracing(log, settings.signal);
  const createMetrics = settings.metrics ? await loadMetrics(settings.signal) : undefined;
  const opened = await withCode("store_unusable", openStore(settings));
  const { store, engine } = opened;
  const described = describeServer(settings, "handler", opened);
  const queue = await Queue.open(store, clock, log, tracing, settings.freshness);
  try {
    await withCode("store_unusable", createGroups(queue, settings.groups));
    const place = { host: undefined, secure: undefined };
    const { access, preparation } = await openAccess(auth, place, settings);
    const server = new RunningServer(queue, access, {
      ...settings,
      ...{ preparation, floodWarning, createMetrics },
      ...described,
    });
    const scheduleWarmUp = await loadWarmUp();
    const requests = await server.open(async (connections, limits) =>
      new MountedRequests(connections, await openFetch(connections, limits), { path, auth })
    );
    scheduleWarmUp(engine, server.finished);
    const setAuth = async (auth: string | Auth) => {
      await server.setAuth(auth);
      requests.admitsOthers = true;
    };
    return { server, setAuth, fetch: (request, client) => requests.fetch(request, client) };
  } catch (error) {
    await queue[Symbol.asyncDispose]();
    throw error;
  }
}

/** Loaded here and not above: most handlers are not asked for them. */
async function loadMetrics(signal: AbortSignal | undefined) {
  const { prepareMetrics } = await import("./prepare_metrics.ts");
  return prepareMetrics(signal);
}

/** The clock of the machine, whose timers keep no program alive: one that has stopped its own server may end. */
const backgroundClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic!(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    Deno.unrefTimer(timer);
    return () => clearTimeout(timer);
  },
};

/** The requests of a handler. */
class MountedRequests {
  /** Whether clients of other machines may connect: somebody has said who may do what. */
  admitsOthers: boolean;
  readonly #connections: ConnectionHandler;
  readonly #requests: FetchHandler;
  readonly #path: string;

  constructor(
    connections: ConnectionHandler,
    requests: FetchHandler,
    { path, auth }: Pick<HandlerSettings, "path" | "auth">,
  ) {
    this.#connections = connections;
    this.#requests = requests;
    this.#path = path;
    this.admitsOthers = auth.auth !== OPEN_TO_ALL;
  }

  async fetch(request: Request, { from, hasAddress }: ClientAddress): Promise<Response> {
    try {
      // An address that its Host makes invalid is refused as such, unless it is for a WebSocket.
      const isAnswered = isBelow(request, this.#path) ||
        (!URL.canParse(request.url) && !isUpgradeRequest(request));
      if (!isAnswered) return new HttpProblem(NOT_HERE).response;
      // One without an address any more has left, and is answered as such.
      const isLocal = !hasAddress || isLoopback(from) || isUnspecified(from);
      if (!isLocal && !this.admitsOthers && !isPage(request, this.#path)) {
        this.#connections.onRefused(NOT_LOCAL, from);
        if (isUpgradeRequest(request)) return textResponse(403, NOT_LOCAL);
        return new HttpProblem({ code: "permission_denied", message: NOT_LOCAL }).response;
      }
      return await this.#requests.fetch(request, from);
    } catch (error) {
      this.#connections.onError(error);
      return transportProblem(500, "The server failed: its log says more");
    }
  }

  stop(): Promise<void> {
    return this.#requests.stop();
  }
}

const NOT_HERE: WireError = {
  code: "not_found",
  message: "Cannot answer: the path is not below that of the message queue",
};

const NOT_LOCAL =
  "Cannot connect: without the option auth only clients of the same machine may (auth: { anonymous: {} } admits everybody)";

function floodWarning(sign: string): string {
  return `a request seems to come from another machine (${sign}): untrusted clients can block this process with a flood of frames, which the WebSockets of Deno.serve cannot limit: for them use serve with the transport hardened`;
}
