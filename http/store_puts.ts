/**
 * Puts of HTTP requests, as commands of the store, and what they have come to.
 *
 * @module
 */

import { permissionDenied } from "../auth/permissions.ts";
import {
  AttributesError,
  encodeAttributes,
  type MessageAttributes,
} from "../protocol/attributes.ts";
import { type EncodeBody, encodeBody, messageTooLarge } from "../protocol/body.ts";
import type { WireError } from "../protocol/errors.ts";
import type { Put, PutAck, Store, StoreError } from "../stores/store.ts";
import type { HttpCall } from "./http_call.ts";
import { HttpProblem } from "./problem.ts";

/**
 * Makes a message a command of the store.
 *
 * @param call the request that puts it
 * @param topic where it is put
 * @param text the message
 * @param attributes what it has besides
 * @param encode encodes the text
 * @returns the command, or why the message is refused
 */
export function toPut(
  { permissions, context: { shared: { welcome: { limits } } } }: HttpCall,
  topic: string,
  text: string,
  attributes: MessageAttributes | undefined,
  encode: EncodeBody = encodeBody,
): Put | WireError {
  const { body, bytes: bodyBytes } = encode(text);
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

/**
 * Refuses what the client may not write.
 *
 * @throws {HttpProblem} `permission_denied`
 */
export function requireWritable({ permissions }: HttpCall, topic: string): void {
  if (!permissions.mayWrite(topic)) throw new HttpProblem(permissionDenied("put into", topic));
}

/** Has the store apply puts into a topic, and counts them. */
export async function applyPuts(
  call: HttpCall,
  topic: string,
  puts: readonly Put[],
): Promise<readonly (PutAck | StoreError)[]> {
  const { request, context: { shared: { queue } } } = call;
  // A body may have taken minutes.
  requireWritable(call, topic);
  const begun = queue.counts.begin();
  const results = await queue.put(puts, request);
  queue.counts.putsApplied(puts, results, begun);
  return results;
}

/**
 * Where a message is stored, and when.
 *
 * @param call the request
 * @param topic where it was put
 * @param ack what the store has answered. Of a message that had been stored before, the store is asked for the time
 * @returns one line of JSON
 */
export function ackLine(
  { context: { shared: { queue: { store } } } }: HttpCall,
  topic: string,
  ack: PutAck,
): string | Promise<string> {
  const { epoch } = store;
  return ack.time === undefined
    ? storedTime(store, topic, ack.seq).then((time) => encodeAck(ack, epoch, time))
    : encodeAck(ack, epoch, ack.time);
}

function encodeAck({ seq, dup }: PutAck, epoch: string, time: number | undefined): string {
  const when = time === undefined ? "" : `,"time":${time}`;
  return `{"seq":${seq},"position":"${epoch}:${seq}"${when}${dup ? ',"dup":true' : ""}}\n`;
}

/** When a message was stored, if it has not gone meanwhile. */
async function storedTime(store: Store, topic: string, seq: number): Promise<number | undefined> {
  const [page] = await store.read([{ topic, after: seq - 1, count: 1, bytes: 1 }]);
  const [message] = page!.messages;
  return message?.seq === seq ? message.time : undefined;
}
