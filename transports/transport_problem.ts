/**
 * What a transport answers by itself, as problems: the server has not seen the request, or has failed.
 *
 * @module
 */

import { PROBLEM_TYPE, problemJson } from "../protocol/problem.ts";

/** The codes, by status. */
const CODES = {
  400: "bad_request",
  405: "bad_request",
  408: "bad_request",
  414: "bad_request",
  431: "bad_request",
  500: "unavailable",
  503: "shutting_down",
} as const;

/**
 * A response that says what went wrong.
 *
 * @param status the status
 * @param detail one sentence
 * @returns the response
 */
export function transportProblem(status: keyof typeof CODES, detail: string): Response {
  return new Response(problemJson(status, CODES[status], detail), {
    status,
    headers: { "content-type": PROBLEM_TYPE, "cache-control": "no-store" },
  });
}
