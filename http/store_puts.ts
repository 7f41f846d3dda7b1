/**
 * Puts of HTTP requests, as commands of the store, and what they have come to.
 *
 * @module
 */

import {
  AttributesError,
  encodeAttributes,
  type MessageAttributes,
} from "../protocol/attributes.ts";
import { encodeBody, messageTooLarge } from "../protocol/body.ts";
import type { WireError } from "../protocol/errors.ts";
import type { Put, PutAck, StoreError } from "../stores/store.ts";
import type { HttpCall } from "./http_call.ts";

/**
 * Makes a message a command of the store.
 *
 * @param call the request that puts it
 * @param topic where it is put
 * @param text the message
 * @param attributes what it has besides
 * @returns the command, or why the message is refused
 */
export function toPut(
  { permissions, context: { shared: { welcome: { limits } } } }: HttpCall,
  topic: string,
  text: string,
  attributes: MessageAttributes | undefined,
): Put | WireError {
  const { body, bytes: bodyBytes } = encodeBody(text);
  let [bytes, json]: [number, string | undefined] = [bodyBytes, undefined];
  if (attributes) {
    try {
      const encoded = encodeAttributes(attributes);
      bytes += encoded?.bytes ?? 0;
      json = encoded?.json;
    } catch (error) {
      if (!(error instanceof AttributesError)) throw error;
      return { code: "bad_message", message: `Cannot put message: ${error.message}` };
    }
  }
  if (bytes > limits.messageBytes) {
    const [code, message, details] = messageTooLarge(bytes, limits);
    return { code, message, ...details };
  }
  if (json === undefined) return { type: "put", topic, body, bytes };
  return { type: "put", topic, body, bytes, attributes: json, identity: permissions.identity };
}

/** Has the store apply puts, and counts them. */
export async function applyPuts(
  { context: { shared: { queue } } }: HttpCall,
  puts: readonly Put[],
): Promise<readonly (PutAck | StoreError)[]> {
  const begun = queue.counts.begin();
  const results = await queue.apply(puts);
  queue.counts.putsApplied(puts, results, begun);
  return results;
}

/** Where a message is stored, and when. Of one that had been stored before the store is asked for the time. */
export async function ackJson(
  { context: { shared: { queue: { store } } } }: HttpCall,
  topic: string,
  { seq, time: storedAt, dup }: PutAck,
): Promise<string> {
  let time = storedAt;
  if (time === undefined) {
    const [page] = await store.read([{ topic, after: seq - 1, count: 1, bytes: 1 }]);
    const [message] = page!.messages;
    // It may have gone meanwhile.
    if (message?.seq === seq) time = message.time;
  }
  const when = time === undefined ? "" : `,"time":${time}`;
  return `{"seq":${seq},"position":"${store.epoch}:${seq}"${when}${dup ? ',"dup":true' : ""}}`;
}
