/**
 * Plain HTTP: the queue for programs without a WebSocket.
 *
 * A request passes, in this order: its address, its Host, its origin, its method, its token, a slot among the connections, and
 * then the handler of its route.
 *
 * @module
 */

import { isFromElsewhere } from "../auth/forwarded.ts";
import { extractToken } from "../auth/tokens.ts";
import type { TokenCheck } from "../auth/auth.ts";
import type { Permissions } from "../auth/permissions.ts";
import { afterNetworkPoll } from "../budgets/after_network_poll.ts";
import { Budget } from "../budgets/budget.ts";
import { tokenRefusal } from "../connection/authorize.ts";
import type { WireError } from "../protocol/errors.ts";
import { MAX_HOST_LENGTH, MAX_URL_LENGTH } from "../protocol/websocket.ts";
import { toWireError } from "../queue/store_failure.ts";
import { allowResponse, exposeTo, optionsResponse, requireOwnOrigin } from "./cors.ts";
import { fileResponse, wantsFile } from "./files.ts";
import { HttpCall } from "./http_call.ts";
import type { HttpContext } from "./http_context.ts";
import { HttpReaders } from "./http_readers.ts";
import { findPage, mayLackHost, PAGE_METHODS } from "./pages.ts";
import { presentAnswer } from "./present_answer.ts";
import { badRequest, HttpProblem, SEND_TOKEN, stoppingProblem } from "./problem.ts";
import { PUBLIC_UNREAD_BYTES, PublicRequest } from "./public_request.ts";
import { requireNoToken } from "./query.ts";
import type { RouteHandler } from "./resource.ts";
import { findRoute, isForOperators, needsSlot, type Route } from "./routes.ts";
import { tracedResponse } from "./traced_response.ts";

/** What `OPTIONS *` asks about. (`hardened` makes it `/`.) */
const WHOLE_SERVER = "/*";

/** How a request without a token is asked for one: RFC 6750, section 3. */
const NO_TOKEN = { "www-authenticate": "Bearer" };

/** Statuses and codes that the log leaves out. */
const ORDINARY: readonly unknown[] = [404, 405, 409, 410, "shutting_down", "behind"];

/** Tells whether a client leaves before it has its response. */
export type WatchClient = (request: Request, onLeft: () => void) => () => void;

/** Answers the requests of a server that are not for a WebSocket. */
export class HttpApi {
  readonly readers: HttpReaders;
  /** What clients have not read of what everybody may get. */
  readonly publicUnread: Budget = new Budget({ own: 0, shared: PUBLIC_UNREAD_BYTES });
  readonly #context: HttpContext;
  /** How many requests have no response yet, or one that is still being sent. */
  #active = 0;
  #onIdle: (() => void) | undefined;

  /** Starts without requests. */
  constructor(context: HttpContext) {
    this.#context = context;
    this.readers = new HttpReaders(context);
  }

  /**
   * Answers a request.
   *
   * @param request the request
   * @param from the address of the client
   * @param watch tells whether the client leaves
   * @returns the response; never rejects
   */
  handle(request: Request, from: string, watch: WatchClient): Response | Promise<Response> {
    const { path, shared: { queue: { tracing } } } = this.#context;
    return tracing
      ? tracedResponse(tracing, request, path, () => this.#respond(request, from, watch))
      : this.#respond(request, from, watch);
  }

  #respond(request: Request, from: string, watch: WatchClient): Response | Promise<Response> {
    try {
      if (!mayLackHost(request, this.#context.path)) this.#requireHost(request);
      const address = this.#addressOf(request);
      const route = findRoute(address.path);
      if (!route) return this.#publicResponse(request, address.path, from);
      // Which methods there are everybody may know.
      if (request.method === "OPTIONS" && request.headers.get("origin") === null) {
        return optionsResponse(request, route.allow);
      }
      return this.#routed(request, from, watch, address, route);
    } catch (error) {
      return this.#failed(error, from);
    }
  }

  /** How many requests are being handled, by their kind. */
  get counts(): Readonly<Record<"http_request" | "http_wait" | "http_stream", number>> {
    const { streams, waits } = this.readers.counts;
    return { http_request: this.#active - streams - waits, http_wait: waits, http_stream: streams };
  }

  /** Applies a changed `auth` to requests that last. */
  authChanged(): Promise<void> | void {
    return this.readers.authChanged();
  }

  /** Ends the requests that last, and waits for the others, but not for longer than this, in milliseconds. */
  async stop(error: WireError, timeout: number): Promise<void> {
    this.readers.stop(error);
    if (this.#active > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onIdle = resolve;
      const timer = setTimeout(() => {
        this.readers.abandonRest();
        resolve();
      }, timeout);
      await promise;
      clearTimeout(timer);
    }
    // What was answered just now has yet to be written.
    await new Promise<void>((resolve) => afterNetworkPoll(resolve));
  }

  #addressOf({ url }: Request): Address {
    if (url.length > MAX_URL_LENGTH + MAX_HOST_LENGTH) {
      throw badRequest("The address is too long", { status: 414 });
    }
    const { path: base } = this.#context;
    // The Host may make it an invalid one.
    const { pathname, search } = URL.parse(url) ?? {};
    if (pathname === undefined) throw badRequest("The address or its Host is invalid");
    if (base !== "" && pathname !== base && !pathname.startsWith(`${base}/`)) {
      throw notFound(pathname, base);
    }
    return { path: pathname.slice(base.length) || "/", search: search! };
  }

  /** What everybody may get; pages of the origins that are allowed may read it, too. */
  #publicResponse(request: Request, path: string, from: string): Response | Promise<Response> {
    const { method } = request;
    const page = wantsFile(request, path) ? fileResponse : findPage(path);
    const isReadable = this.#context.access.checkOrigin(request) === undefined;
    if (method === "OPTIONS" && (page || path === WHOLE_SERVER)) {
      return isReadable ? optionsResponse(request, PAGE_METHODS) : allowResponse(PAGE_METHODS);
    }
    const expose = (response: Response) => isReadable ? this.#exposed(request, response) : response;
    if (!page) return expose(this.#failed(notFound(path, this.#context.path), from));
    if (method !== "GET" && method !== "HEAD") {
      return expose(this.#failed(methodNotAllowed(method, PAGE_METHODS), from));
    }
    return this.#answerPublic(request, path, from, page).then(expose);
  }

  async #answerPublic(
    request: Request,
    path: string,
    from: string,
    page: typeof fileResponse | NonNullable<ReturnType<typeof findPage>>,
  ): Promise<Response> {
    const { readers, publicUnread: unreadBudget } = this;
    const context = this.#context;
    const end = () => this.#onEnd();
    const call = new PublicRequest({ context, readers, request, from, unreadBudget }, end);
    this.#active++;
    try {
      if (context.isStopping && page === fileResponse) throw stoppingProblem();
      return await page(call, path) ?? this.#failed(notFound(path, context.path), from);
    } catch (error) {
      return this.#failed(error, from);
    } finally {
      if (!call.isOngoing) end();
    }
  }

  /** A response has ended. */
  #onEnd(): void {
    if (--this.#active === 0) this.#onIdle?.();
  }

  #requireHost(request: Request): void {
    const reason = this.#context.access.checkHost(request);
    if (reason !== undefined) {
      throw new HttpProblem({ code: "permission_denied", message: `Cannot connect: ${reason}` });
    }
  }

  #routed(
    request: Request,
    from: string,
    watch: WatchClient,
    address: Address,
    { allow, handlers, rest, group }: Route,
  ): Response | Promise<Response> {
    const { method } = request;
    requireOwnOrigin(this.#context.access, request);
    if (method === "OPTIONS") return optionsResponse(request, allow);
    const name = method === "HEAD" ? "GET" : method;
    // A method may be any word, such as "constructor".
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    if (!handler) {
      return this.#exposed(request, this.#failed(methodNotAllowed(method, allow), from));
    }
    const answered = this.#answer(request, from, watch, { ...address, rest, group }, handler);
    return request.headers.get("origin") === null
      ? answered
      : answered.then((response) => this.#exposed(request, response));
  }

  #exposed({ headers }: Request, response: Response): Response {
    const origin = headers.get("origin");
    return origin === null ? response : exposeTo(response, origin);
  }

  async #answer(
    request: Request,
    from: string,
    watch: WatchClient,
    { rest, group, search }: Address & Pick<Route, "rest" | "group">,
    handler: RouteHandler,
  ): Promise<Response> {
    const context = this.#context;
    let release: (() => void) | undefined;
    let call: HttpCall | undefined;
    this.#active++;
    const end = () => {
      release?.();
      this.#onEnd();
    };
    try {
      if (context.isStopping) throw stoppingProblem();
      if (context.behind && !isForOperators(handler)) throw new HttpProblem(context.behind);
      const token = context.access.requiresToken ? extractToken(request.headers) : undefined;
      const check = token === undefined ? undefined : await context.checkToken(token, from);
      const granted = this.#permissionsAfter(check, search);
      const isAdministrator = () => granted.mayAdministrate(undefined, isFromElsewhere(request));
      if (needsSlot(handler, isAdministrator)) release = this.#acquire(from, granted);
      const parts = { context, readers: this.readers, request, from, granted, watch, end };
      call = new HttpCall({ ...parts, rest, group, search });
      return await (isForOperators(handler) ? handler(call) : presentAnswer(call, handler));
    } catch (error) {
      return this.#failed(error, from);
    } finally {
      if (!call?.isOngoing) end();
    }
  }

  #acquire(from: string, permissions: Permissions): () => void {
    const slot = this.#context.acquire(from, permissions);
    if (typeof slot === "function") return slot;
    const { error, isPerAddress, advice } = slot;
    throw new HttpProblem(error, { advice, ...(!isPerAddress && { status: 503 }) });
  }

  /** What a client may do whose token was checked, if it has one. */
  #permissionsAfter(check: TokenCheck | undefined, search: string): Permissions {
    const permissions = this.#context.access.permissionsOf(check);
    if (permissions) return permissions;
    const { error, logged } = tokenRefusal(check);
    if (!check) {
      requireNoToken(search);
      const message = `${error.message}: ${SEND_TOKEN}`;
      throw new HttpProblem({ ...error, message }, { logged, headers: NO_TOKEN });
    }
    throw new HttpProblem(error, { logged });
  }

  /** The response to a request that failed. */
  #failed(error: unknown, from: string): Response {
    const { shared: { queue: { log } } } = this.#context;
    const problem = error instanceof HttpProblem ? error : new HttpProblem(toWireError(error, log));
    const { status, logged, advice } = problem;
    // Whoever asks for what is not there, or is gone, has done nothing wrong; nor has who comes to a server that stops, or is behind.
    const isOrdinary = ORDINARY.includes(status) || ORDINARY.includes(logged.code);
    if (!isOrdinary) this.#context.onRefused(logged, from, advice);
    return problem.response;
  }
}

/** The address of a request, without what comes before the path of the server. */
interface Address {
  readonly path: string;
  readonly search: string;
}

/** Nothing is at this path, below that of the server. */
function notFound(path: string, base: string): HttpProblem {
  return new HttpProblem({
    code: "not_found",
    message: `There is nothing at ${path.slice(0, 64)}: topics are at ${base}/topics/NAME`,
  });
}

function methodNotAllowed(method: string, allow: string): HttpProblem {
  return badRequest(`The method must be one of ${allow}, got ${method.slice(0, 32)}`, {
    status: 405,
    headers: { allow },
  });
}
