/**
 * Why a request over plain HTTP failed, as RFC 9457 has it: with the codes of all errors of dsmq.
 *
 * @module
 */

import type { ErrorCode, WireError } from "../protocol/errors.ts";
import { PROBLEM_TYPE, problemJson } from "../protocol/problem.ts";

/** The status of each code that a request over HTTP can fail with. */
export const STATUS_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  bad_request: 400,
  bad_topic: 400,
  bad_message: 400,
  unauthorized: 401,
  permission_denied: 403,
  not_found: 404,
  lease_lost: 409,
  trimmed: 410,
  ahead: 410,
  epoch_changed: 410,
  too_large: 413,
  limit_exceeded: 429,
  unknown_outcome: 500,
  shutting_down: 503,
  unavailable: 503,
  busy: 503,
  behind: 503,
  full: 507,
};

/** After how many seconds a client may try again, where time can help. */
const RETRY_AFTER: Readonly<Record<number, string>> = { 429: "1", 503: "1" };

/** What each 401 has if it does not say otherwise: there was a token. RFC 6750, section 3. */
const INVALID_TOKEN = { "www-authenticate": 'Bearer error="invalid_token"' };

/** How a token is sent. */
export const SEND_TOKEN = "send it in the header Authorization: Bearer TOKEN";

/** What a problem has besides its code and its sentence. */
export interface ProblemOptions {
  /** The HTTP status. Default: that of the code. */
  readonly status?: number;
  /** More headers of the response. */
  readonly headers?: Readonly<Record<string, string>>;
  /** More members of the JSON. */
  readonly members?: object;
  /** What the log says instead. Default: the same sentence. */
  readonly logged?: WireError;
  /** What the operator can do about it, for the log. */
  readonly advice?: string | undefined;
}

/** The codes of responses that are problems. */
const codes = new WeakMap<Response, ErrorCode>();

/**
 * The code of a response.
 *
 * @param response any response
 * @returns the code; `undefined` if it is no problem
 */
export function codeOfResponse(response: Response): ErrorCode | undefined {
  return codes.get(response);
}

/** Thrown where a request fails: becomes its response. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly error: WireError;
  readonly logged: WireError;
  readonly advice: string | undefined;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #members: object;

  /**
   * Makes a problem.
   *
   * @param error code and sentence, and what else the error carries
   * @param options status, and more of the response
   */
  constructor(error: WireError, options: ProblemOptions = {}) {
    super(error.message);
    this.error = error;
    this.status = options.status ?? STATUS_OF[error.code] ?? 500;
    this.logged = options.logged ?? error;
    this.advice = options.advice;
    this.#headers = options.headers ?? {};
    this.#members = options.members ?? {};
  }

  /** The members of the JSON besides those that each problem has. */
  get #details(): object {
    const { code: _code, message: _message, ...details } = this.error;
    return { ...details, ...this.#members };
  }

  /** The problem as one line of JSON, with its line end. */
  get json(): string {
    const { status, error: { code, message } } = this;
    return problemJson(status, code, message, this.#details);
  }

  /** The response. */
  get response(): Response {
    const { status } = this;
    const retryAfter = RETRY_AFTER[status];
    const headers = {
      "content-type": PROBLEM_TYPE,
      "cache-control": "no-store",
      ...(retryAfter !== undefined && { "retry-after": retryAfter }),
      ...(status === 401 && INVALID_TOKEN),
      ...this.#headers,
    };
    const response = new Response(this.json, { status, headers });
    codes.set(response, this.error.code);
    return response;
  }
}

/** A request that does not have the form it needs. */
export function badRequest(message: string, options?: ProblemOptions): HttpProblem {
  return new HttpProblem({ code: "bad_request", message }, options);
}

const STOPPING: WireError = {
  code: "shutting_down",
  message: "Cannot answer: the server is stopping",
};

/** The server stops, and takes no more requests on this connection. */
export function stoppingProblem(): HttpProblem {
  return new HttpProblem(STOPPING, { headers: { connection: "close" } });
}
