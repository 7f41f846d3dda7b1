/**
 * `POST /topics/{topic}`: the body is a message, or each of its lines is.
 *
 * @module
 */

import { ATTRIBUTE_LIMITS, type MessageAttributes } from "../protocol/attributes.ts";
import { messageTooLarge } from "../protocol/body.ts";
import { storeErrorToWire } from "../queue/store_failure.ts";
import { StoreError } from "../stores/store.ts";
import type { HttpCall } from "./http_call.ts";
import { requestAttributes } from "./message_headers.ts";
import { HttpProblem } from "./problem.ts";
import { NDJSON, putLines } from "./put_lines.ts";
import { parseQuery, parseSeconds, type Query, type SecondsParameter } from "./query.ts";
import { decodeBody, hasType, readBody } from "./request_body.ts";
import { ackLine, applyPuts, requireWritable, toPut } from "./store_puts.ts";
import { topicOf } from "./topic_of.ts";

/** What a body has at least besides its UTF-8 as JSON: two quotes. */
const QUOTES = 2;

/** After how long groups get a message. */
const DELAY: SecondsParameter = { name: "delay", min: 0, max: ATTRIBUTE_LIMITS.delay, default: 0 };

/**
 * Stores the message, or the messages, of a request.
 *
 * @param call the request
 * @returns 201 with its number, position and time; for lines 200 with one line for each
 * @throws {HttpProblem} if it is not stored
 */
export async function putMessages(call: HttpCall): Promise<Response> {
  const { request, search, context: { shared: { welcome } } } = call;
  const query = parseQuery(search, ["topic", "key", "delay"]);
  const topic = topicOf(call, query.topic);
  requireWritable(call, topic);
  const named = queryAttributes(query);
  if (hasType(request, NDJSON)) return await putLines(call, topic, named);
  const { limits } = welcome;
  const bytes = await readBody(call, limits.messageBytes - QUOTES, (length) => {
    const [code, message, details] = messageTooLarge(length + QUOTES, limits, true);
    return new HttpProblem({ code, message, ...details });
  });
  const text = decodeBody(bytes);
  if (text === undefined) {
    throw new HttpProblem({
      code: "bad_message",
      message: "Cannot put message: its body must be UTF-8, and some bytes are not",
    });
  }
  const own = requestAttributes(request.headers);
  const put = toPut(call, topic, text, named || own ? { ...own, ...named } : undefined);
  if ("code" in put) throw new HttpProblem(put);
  const [result] = await applyPuts(call, topic, [put]);
  if (result instanceof StoreError) throw new HttpProblem(storeErrorToWire(result));
  const headers = { "content-type": "application/json" };
  return new Response(await ackLine(call, topic, result!), { status: 201, headers });
}

/** The attributes that are parameters; `undefined` if there are none. */
function queryAttributes({ key, delay }: Query<"key" | "delay">): MessageAttributes | undefined {
  if (key === undefined && delay === undefined) return undefined;
  return {
    ...(key !== undefined && { key }),
    ...(delay !== undefined && { delay: parseSeconds(delay, DELAY) }),
  };
}
