/**
 * Many messages in one request: a body of `application/x-ndjson`, whose lines are JSON strings, or objects.
 *
 * ```text
 * "one"
 * {"body":"two","key":"a","headers":{"traceparent":"…"},"messageId":"order-7","delay":60}
 * ```
 *
 * A `delay` is seconds. They are answered line by line, in their order: with where each is stored, or with the problem that it
 * alone has. Empty lines are skipped.
 *
 * @module
 */

import { ATTRIBUTE_LIMITS, type MessageAttributes } from "../protocol/attributes.ts";
import { bodyEncoderFor, encodeBody } from "../protocol/body.ts";
import type { WireError } from "../protocol/errors.ts";
import { maxRequestFrameBytes } from "../protocol/frame_sizes.ts";
import { formatValue, kindOf } from "../protocol/text.ts";
import { storeErrorToWire } from "../queue/store_failure.ts";
import { type Put, type PutAck, StoreError } from "../stores/store.ts";
import type { HttpCall } from "./http_call.ts";
import { HttpProblem } from "./problem.ts";
import { toMilliseconds } from "./query.ts";
import { decodeBody, readBody } from "./request_body.ts";
import { ackLine, applyPuts, toPut } from "./store_puts.ts";

/** The media type of lines of JSON. */
export const NDJSON = "application/x-ndjson";

/** The members that a line may have. */
const MEMBERS: ReadonlySet<string> = new Set(["body", "key", "headers", "messageId", "delay"]);

const NEWLINE = 10;

/** Nothing but what JSON takes for white space. Another line, such as one of a no-break space, has an answer of its own. */
const BLANK = /^[ \t\r]*$/;

/**
 * Stores the lines of a request.
 *
 * @param call the request
 * @param topic where they are put
 * @param common attributes of those that do not say otherwise
 * @returns 200, with one line for each
 * @throws {HttpProblem} if the request as a whole is refused; then none is stored
 */
export async function putLines(
  call: HttpCall,
  topic: string,
  common: MessageAttributes | undefined,
): Promise<Response> {
  const { limits } = call.context.shared.welcome;
  const limit = maxRequestFrameBytes(limits);
  const bytes = await readBody(
    call,
    limit,
    (length) => tooLarge(`${length} bytes`, limit, "bytes"),
  );
  const body = decodeBody(bytes);
  const lines = linesOf(bytes, body, limits.frameRequests);
  if (!lines) throw tooLarge("more lines", limits.frameRequests, "lines");
  const encode = body === undefined ? encodeBody : bodyEncoderFor(body);
  const items = lines.map((line) => {
    const parsed = parseLine(line, common);
    return "code" in parsed ? parsed : toPut(call, topic, parsed.text, parsed.attributes, encode);
  });
  const puts = items.filter((item): item is Put => "type" in item);
  const results = puts.length > 0 ? await applyPuts(call, topic, puts) : [];
  let next = 0;
  let text = "";
  for (const item of items) {
    const result = "type" in item ? results[next++]! : item;
    const error = result instanceof StoreError
      ? storeErrorToWire(result)
      : "code" in result
      ? result
      : undefined;
    if (error) call.context.shared.onRefused(error, call.from);
    const line = error ? new HttpProblem(error).json : ackLine(call, topic, result as PutAck);
    // As a rule it is known: to wait for each would take longer than to store it.
    text += typeof line === "string" ? line : await line;
  }
  return new Response(text, { headers: { "content-type": NDJSON } });
}

function tooLarge(seen: string, limit: number, unit: string): HttpProblem {
  return new HttpProblem({
    code: "too_large",
    message:
      `Cannot put messages: the body has ${seen}, the limit is ${limit} ${unit}: send it in parts`,
    limit,
  });
}

/** The lines of a body that are not empty; `undefined` if there are too many. */
function linesOf(
  bytes: Uint8Array,
  text: string | undefined,
  max: number,
): (string | undefined)[] | undefined {
  const lines: (string | undefined)[] = [];
  const { length } = text ?? bytes;
  for (let start = 0; start < length;) {
    const newline = text === undefined ? bytes.indexOf(NEWLINE, start) : text.indexOf("\n", start);
    const end = newline < 0 ? length : newline;
    // If some of the bytes are ill-formed, each line is decoded by itself.
    const line = text === undefined
      ? decodeBody(bytes.subarray(start, end))
      : text.slice(start, end);
    start = end + 1;
    if (line !== undefined && BLANK.test(line)) continue;
    if (lines.length === max) return undefined;
    lines.push(line);
  }
  return lines;
}

/** What a line says. */
interface ParsedLine {
  readonly text: string;
  readonly attributes: MessageAttributes | undefined;
}

/** The message of a line, or why it is refused. */
function parseLine(
  line: string | undefined,
  common: MessageAttributes | undefined,
): ParsedLine | WireError {
  if (line === undefined) return badLine("it must be UTF-8, and some bytes are not");
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Without a part of it, which would get into the log.
    return badLine("it must be JSON");
  }
  if (typeof value === "string") return { text: value, attributes: common };
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return badLine(`it must be a JSON string or an object, got ${kindOf(value)}`);
  }
  if (Object.keys(value).some((name) => !MEMBERS.has(name))) {
    return badLine(`it must have no members but ${[...MEMBERS].join(", ")}`);
  }
  const { body, ...attributes } = value as { body?: unknown };
  if (typeof body !== "string") return badLine(`"body" must be a string, got ${kindOf(body)}`);
  const all: MessageAttributes = { ...common, ...attributes };
  const { delay } = attributes as { delay?: unknown };
  if (delay === undefined) return { text: body, attributes: all };
  const ms = typeof delay === "number" ? toMilliseconds(delay) : NaN;
  if (ms >= 0 && ms <= ATTRIBUTE_LIMITS.delay) {
    return { text: body, attributes: { ...all, delay: ms } };
  }
  const max = ATTRIBUTE_LIMITS.delay / 1000;
  return badLine(`"delay" must be seconds from 0 to ${max}, got ${formatValue(delay)}`);
}

function badLine(reason: string): WireError {
  return { code: "bad_message", message: `Cannot put the message of a line: ${reason}` };
}
