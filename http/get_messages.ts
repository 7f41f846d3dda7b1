/**
 * `GET /topics/{topic}` and `GET /messages`: the next message, a page of them, or all from now on.
 *
 * @module
 */

import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import { sumBytes } from "../queue/topic_batch.ts";
import { preferredType } from "./accept.ts";
import { followMessages } from "./follow_messages.ts";
import type { HttpCall } from "./http_call.ts";
import { encodeMessage } from "./message_json.ts";
import { messageText, topicHeader } from "./message_text.ts";
import { badRequest } from "./problem.ts";
import { parseAfter, parseCount, parseSeconds, type Query, WAIT_PARAMETER } from "./query.ts";
import { textResponseTo } from "./reader_body.ts";
import { readMessages, requireReadable } from "./read_messages.ts";
import { EVENTS, LINES, type StreamFormat } from "./stream_format.ts";

/** The parameters of a request that reads. */
export const READ_PARAMETERS = ["after", "wait", "count"] as const;

/** How many messages a page has. */
export const MESSAGE_PAGE = { default: 100, max: 1000 };

/** The forms of a response: the message itself, a page, or a stream. */
const [TEXT, JSON_PAGE] = ["text/plain", "application/json"] as const;
const FORMATS: Readonly<Record<string, StreamFormat>> = {
  [EVENTS.contentType]: EVENTS,
  [LINES.contentType]: LINES,
};

/**
 * Answers a request that reads.
 *
 * @param call the request
 * @param filter what it reads
 * @param query its parameters
 * @returns the response
 * @throws {HttpProblem} if it may not read that, or something is missing
 */
export async function getMessages(
  call: HttpCall,
  filter: TopicFilter,
  query: Query<typeof READ_PARAMETERS[number]>,
): Promise<Response> {
  requireReadable(call, filter);
  const { headers } = call.request;
  const accepted = headers.get("accept");
  // Who asks for a number of messages means a page.
  const type = query.count === undefined
    // Who accepts anything does not mean a response without an end.
    ? preferredType(accepted, [TEXT, JSON_PAGE], Object.keys(FORMATS))
    : preferredType(accepted, [JSON_PAGE]);
  if (type === undefined) throw notAcceptable(query.count !== undefined);
  const format = FORMATS[type];
  const wait = parseSeconds(query.wait, WAIT_PARAMETER);
  if (format) {
    if (wait > 0) {
      throw badRequest("The parameter wait is for a message or a page: a stream waits by itself");
    }
    const last = headers.get("last-event-id");
    const since = last === null || last === ""
      ? parseAfter(query.after ?? "now", "The parameter after")
      : parseAfter(last, "Last-Event-ID");
    return await followMessages(call, filter, since, format);
  }
  const since = parseAfter(query.after ?? "start", "The parameter after");
  const count = type === TEXT ? 1 : parseCount(query.count, MESSAGE_PAGE);
  const { queue } = call.context.shared;
  const read = { filter, since, count, bytes: REPLY_FRAME_BYTES, wait: call.isHead ? 0 : wait };
  const { messages, through } = await readMessages(call, read);
  const { epoch } = queue.store;
  const next = `${epoch}:${messages.at(-1)?.seq ?? through}`;
  const named = filter.prefix !== undefined;
  const common = { "cache-control": "no-store", "dsmq-position": next };
  const [message] = messages;
  if (type === TEXT && !message) return new Response(null, { status: 204, headers: common });
  const response = type === TEXT
    ? messageText(call, message!, { ...common, ...(named && topicHeader(message!)) })
    : pageOf(call, messages.map((one) => encodeMessage(one, epoch, named)), next, common);
  // Not what was refused for its form, or because there is no room for it.
  if (!call.isHead) {
    queue.counts.deliver(messages.length, sumBytes(messages));
    queue.tracing?.deliver(messages, call.request);
  }
  return response;
}

/** A page of messages that are JSON already. */
function pageOf(
  call: HttpCall,
  messages: readonly string[],
  next: string,
  common: Record<string, string>,
): Response {
  const text = `{"messages":[${messages.join(",")}],"next":"${next}"}\n`;
  return textResponseTo(call, text, { headers: { ...common, "content-type": JSON_PAGE } });
}

function notAcceptable(isPage: boolean) {
  const types = [TEXT, JSON_PAGE, EVENTS.contentType, LINES.contentType].join(", ");
  const message = isPage
    ? `The parameter count is for a page: Accept must include ${JSON_PAGE}`
    : `Accept must include one of ${types}`;
  return badRequest(message, { status: 406 });
}
