/**
 * Whether a response of the fuzzed server is as it must be.
 *
 * @module
 */

import type { FuzzRequest } from "./fuzz_http_requests.ts";
import type { Ledger } from "./fuzz_http_ledger.ts";
import type { RawResponse } from "./http_response_reader.ts";

/** The statuses of what cannot be done; 500 is not one, nor are those of a server that has no room. */
const REFUSALS: ReadonlySet<number> = new Set([
  ...[400, 401, 403, 404, 405, 406, 408, 410, 411, 413, 414, 415, 426, 431, 501],
]);

/** What the responses were. */
export class AnswerChecker {
  readonly #ledger: Ledger;
  /** How many had each status. */
  readonly statuses = new Map<number, number>();
  /** How many have no code, because the platform made them before the server saw the request. */
  bare = 0;
  readonly wrong: string[] = [];

  /** Writes into a ledger what was stored. */
  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Checks the response to a request. */
  check(request: FuzzRequest, response: RawResponse): void {
    const { status, isCut } = response;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (isCut) this.#fault(request, response, "is cut");
    if (status >= 300) {
      this.#checkRefusal(request, response);
      // A request of which servers think differently may be two, of which the second is refused.
      if (request.kind !== "broken") this.#ledger.onRefused(request.marks);
    } else this.#checkResult(request, response);
  }

  #checkRefusal(request: FuzzRequest, response: RawResponse): void {
    const { status, headers, body } = response;
    if (!REFUSALS.has(status)) this.#fault(request, response, "has an unexpected status");
    if (request.expected) this.#fault(request, response, "refuses a valid request");
    if (request.method === "HEAD") return;
    const type = headers.get("content-type");
    if (type === "application/problem+json") {
      const problem = JSON.parse(body);
      const isComplete = problem.status === status && typeof problem.code === "string" &&
        typeof problem.detail === "string";
      if (!isComplete) this.#fault(request, response, "is an incomplete problem");
    } else if (body === "" && headers.get("connection") === "close") this.bare++;
    // Handshakes have no code: their clients see it nowhere.
    else if (!/WebSocket/.test(body)) this.#fault(request, response, "has no code");
  }

  #checkResult(request: FuzzRequest, response: RawResponse): void {
    const { status, headers, body } = response;
    const { expected, puts = [], marks, text } = request;
    if (expected === "read") {
      if (status !== 200 && status !== 204) this.#fault(request, response, "is no page");
      if (headers.get("content-type") === "application/json" && body !== "") JSON.parse(body);
    } else if (expected === "lines" || (status === 200 && headers.get("content-type") === NDJSON)) {
      const acks = body.split("\n").filter(Boolean).map((line) => JSON.parse(line));
      const stored = acks.filter(({ seq }) => seq !== undefined);
      const isCoded = acks.every(({ seq, code }) => seq !== undefined || typeof code === "string");
      if (!isCoded || (expected && stored.length !== puts.length)) {
        this.#fault(request, response, "has wrong lines");
      }
      for (const [i, { seq }] of stored.entries()) this.#ledger.onStored(seq, puts[i] ?? {});
    } else if (status === 201) {
      const { seq, dup } = JSON.parse(body);
      if (dup && !expected) this.#ledger.onRefused(marks);
      else if (dup) this.#fault(request, response, "says that a new message is not new");
      else if (!expected && request.kind === "whole" && text === undefined) {
        this.#fault(request, response, "has stored what is no text");
      } else this.#ledger.onStored(seq, puts[0] ?? (text === undefined ? {} : { body: text }));
    } else if (expected) this.#fault(request, response, "has not stored a valid message");
  }

  #fault({ bytes }: FuzzRequest, { status, body }: RawResponse, what: string): void {
    const shown = new TextDecoder("latin1").decode(bytes.subarray(0, 300));
    this.wrong.push(
      `the response ${what}: ${status} ${body.slice(0, 200)} to ${JSON.stringify(shown)}`,
    );
  }
}

const NDJSON = "application/x-ndjson";
