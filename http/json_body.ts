/**
 * Bodies of JSON, of requests and of responses, and requests without one.
 *
 * @module
 */

import { maxRequestFrameBytes } from "../protocol/frame_sizes.ts";
import { kindOf, quoted } from "../protocol/text.ts";
import { preferredType } from "./accept.ts";
import type { HttpCall } from "./http_call.ts";
import { badRequest, HttpProblem } from "./problem.ts";
import { decodeBody, readBody } from "./request_body.ts";

/** The media type of JSON. */
export const JSON_TYPE = "application/json";

/**
 * Reads a body of JSON, whatever its type says.
 *
 * @param call the request
 * @returns the value; `undefined` if the body is empty
 * @throws {HttpProblem} `bad_request` if it is no JSON, `too_large`, or as for any body
 */
export async function readJson(call: HttpCall): Promise<unknown> {
  const limit = maxRequestFrameBytes(call.context.shared.welcome.limits);
  const bytes = await readBody(call, limit, (length) =>
    new HttpProblem({
      code: "too_large",
      message: `The body has ${length} bytes, the limit is ${limit}: send it in parts`,
      limit,
    }));
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(decodeBody(bytes) ?? "");
  } catch {
    // Without a part of it, which would get into the log.
    throw badRequest("The body must be JSON in UTF-8");
  }
}

/**
 * Refuses a body where there is none: somebody believes that it says something.
 *
 * @throws {HttpProblem} `bad_request`
 */
export function requireNoBody({ request: { headers } }: HttpCall): void {
  const length = headers.get("content-length") ?? "0";
  if (length === "0" && headers.get("transfer-encoding") === null) return;
  throw badRequest("There must be no body here: the parameters are in the address");
}

/**
 * The members of an object.
 *
 * @param value a value of JSON
 * @param what what it is, for the error, such as "The body"
 * @param names those that there may be
 * @throws {HttpProblem} `bad_request` if it is no object, or has others
 */
export function membersOf<Name extends string>(
  value: unknown,
  what: string,
  names: readonly Name[],
): { readonly [N in Name]?: unknown } {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw badRequest(`${what} must be a JSON object, got ${kindOf(value)}`);
  }
  const other = Object.keys(value).find((name) => !names.some((one) => one === name));
  if (other === undefined) return value;
  throw badRequest(
    `${what} must have no members but ${names.join(", ")}, got ${quoted(other)}`,
  );
}

/**
 * Refuses who does not take JSON.
 *
 * @throws {HttpProblem} 406
 */
export function acceptJson({ request: { headers } }: HttpCall): void {
  if (preferredType(headers.get("accept"), [JSON_TYPE]) !== undefined) return;
  throw badRequest(`Accept must include ${JSON_TYPE}`, { status: 406 });
}

/** A short response of JSON, on one line. */
export function jsonResponse(value: object, status = 200): Response {
  const headers = { "content-type": JSON_TYPE, "cache-control": "no-store" };
  return new Response(`${JSON.stringify(value)}\n`, { status, headers });
}
