/**
 * The forms in which messages are streamed: server-sent events (the HTML standard, section 9.2), and lines of JSON.
 *
 * ```text
 * id: EPOCH:41
 *
 * id: EPOCH:42
 * data: {"seq":42,"position":"EPOCH:42","time":1767225600000,"body":"one"}
 *
 * event: gap
 * id: EPOCH:44
 * data: {"code":"trimmed","message":"…","after":42,"floor":44,"last":45,"position":"EPOCH:44"}
 *
 * event: end
 * data: {"code":"shutting_down","message":"…"}
 * ```
 *
 * ```text
 * {"seq":42,"position":"EPOCH:42","time":1767225600000,"body":"one"}
 * {"gap":{"code":"trimmed","message":"…","after":42,"floor":44,"last":45,"position":"EPOCH:44"}}
 * {"end":{"code":"shutting_down","message":"…"}}
 * ```
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { TopicBatch } from "../queue/topic_batch.ts";
import { encodeMessage } from "./message_json.ts";
import { NDJSON } from "./put_lines.ts";

/** One of the forms. */
export interface StreamFormat {
  readonly contentType: string;
  /** What comes first: from where it goes on if it breaks before the first message; empty if the form has nothing for that. */
  begin(position: string): string;
  /** The bytes of messages, the same for all readers. */
  messages(batch: TopicBatch, epoch: string): Uint8Array;
  /** Messages are missing; the stream goes on from the position. */
  gap(error: WireError, position: string): string;
  /** The stream ends, and why. */
  end(error: WireError): string;
  /** It is still there. */
  readonly heartbeat: string;
}

const ENCODER = new TextEncoder();

/** Encodes each batch once, however many readers it has. */
function sharedBytes(
  encode: (batch: TopicBatch, epoch: string) => string,
): StreamFormat["messages"] {
  const encoded = new WeakMap<TopicBatch, Uint8Array>();
  return (batch, epoch) => {
    const known = encoded.get(batch);
    if (known) return known;
    const bytes = ENCODER.encode(encode(batch, epoch));
    encoded.set(batch, bytes);
    return bytes;
  };
}

/** Server-sent events. Their ids are positions, which `EventSource` sends back as `Last-Event-ID`. */
export const EVENTS: StreamFormat = {
  contentType: "text/event-stream",
  // An event without data only sets the id.
  begin: (position) => `id: ${position}\n\n`,
  messages: sharedBytes(({ messages, isNamed }, epoch) => {
    let text = "";
    for (const message of messages) {
      text += `id: ${epoch}:${message.seq}\ndata: ${encodeMessage(message, epoch, isNamed)}\n\n`;
    }
    return text;
  }),
  gap: (error, position) =>
    `event: gap\nid: ${position}\ndata: ${JSON.stringify({ ...error, position })}\n\n`,
  end: (error) => `event: end\ndata: ${JSON.stringify(error)}\n\n`,
  heartbeat: ":\n\n",
};

/** Lines of JSON. */
export const LINES: StreamFormat = {
  contentType: NDJSON,
  begin: () => "",
  messages: sharedBytes(({ messages, isNamed }, epoch) => {
    let text = "";
    for (const message of messages) text += `${encodeMessage(message, epoch, isNamed)}\n`;
    return text;
  }),
  gap: (error, position) => `${JSON.stringify({ gap: { ...error, position } })}\n`,
  end: (error) => `${JSON.stringify({ end: error })}\n`,
  heartbeat: "\n",
};

/** Encodes a text of a stream. */
export function encodeText(text: string): Uint8Array {
  return ENCODER.encode(text);
}
