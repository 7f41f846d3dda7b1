/**
 * A message as the body of a response, and what belongs to it in headers.
 *
 * @module
 */

import type { MessageAttributes } from "../protocol/attributes.ts";
import type { TopicMessage } from "../stores/store.ts";
import type { HttpCall } from "./http_call.ts";
import { attributeHeaders, encodeHeaderValue } from "./message_headers.ts";
import { badRequest } from "./problem.ts";
import { type BodyEvents, textResponseTo } from "./reader_body.ts";

/**
 * Answers with the text of a message.
 *
 * @param call the request
 * @param message the message
 * @param common more headers, also of the problem
 * @param events what becomes of a body that is too large to be sent at once
 * @throws {HttpProblem} 406 if UTF-8 cannot carry it; `limit_exceeded` if there is no room for it
 */
export function messageText(
  call: HttpCall,
  { seq, time, body, attributes }: TopicMessage,
  common: Readonly<Record<string, string>>,
  events?: BodyEvents,
): Response {
  const text: string = JSON.parse(body);
  const own: MessageAttributes = attributes === undefined ? {} : JSON.parse(attributes);
  const more = text.isWellFormed() ? attributeHeaders(own) : undefined;
  if (!more) {
    throw badRequest(
      "Half of a surrogate pair is in the message, which UTF-8 cannot carry: ask for application/json",
      { status: 406, headers: common },
    );
  }
  const headers = new Headers(common);
  for (const [name, value] of more) headers.set(name, value);
  headers.set("dsmq-seq", `${seq}`);
  headers.set("dsmq-time", `${time}`);
  headers.set("content-type", "text/plain; charset=utf-8");
  // A browser must never take a message for a page.
  headers.set("x-content-type-options", "nosniff");
  return textResponseTo(call, text, { headers }, events);
}

/** The header that names the topic of a message, where several are read. */
export function topicHeader({ topic }: TopicMessage): Record<string, string> {
  return { "dsmq-topic": encodeHeaderValue(topic) };
}
