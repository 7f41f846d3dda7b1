/**
 * The attributes of a message as headers of HTTP: `Dsmq-Key`, `Dsmq-Message-Id`, `Dsmq-Delay` in seconds, and
 * `Dsmq-Header-NAME` for each of its own.
 *
 * Names of HTTP headers have no case, and no other characters than those of a token (RFC 9110, section 5.6.2), of which `%` is
 * one. So in a name everything else is percent-encoded, capitals included; in a value all but visible ASCII is, and `%`.
 *
 * @module
 */

import type { MessageAttributes } from "../protocol/attributes.ts";
import { quoted } from "../protocol/text.ts";
import { badRequest } from "./problem.ts";
import { decodePercent } from "./query.ts";

/** What the headers of a message begin with. */
const PREFIX = "dsmq-header-";

/** What may stand in a name as it is: the characters of a token in lower case, but for `%`. */
const OTHER_IN_NAME = /[^a-z0-9!#$&'*+.^_`|~-]+/g;

/** What may stand in a value as it is. */
const OTHER_IN_VALUE = /[^\x21-\x24\x26-\x7e]+/g;

const ENCODER = new TextEncoder();

/** Encodes each byte of the UTF-8 of a text, letters included. */
function encodeAll(text: string): string {
  return Array.from(ENCODER.encode(text), (byte) => `%${byte.toString(16).padStart(2, "0")}`)
    .join("");
}

/**
 * Encodes a text as the value of a header.
 *
 * @param text well-formed text
 */
export function encodeHeaderValue(text: string): string {
  return text.replaceAll(OTHER_IN_VALUE, encodeAll);
}

/**
 * The headers of a response that carries a message.
 *
 * @param attributes of the message
 * @returns names and values; `undefined` if some text is not well-formed, which UTF-8 cannot carry
 */
export function attributeHeaders(
  { messageId, key, headers = {}, delay }: MessageAttributes,
): [name: string, value: string][] | undefined {
  const found: [string, string][] = [];
  if (messageId !== undefined) found.push(["dsmq-message-id", messageId]);
  if (key !== undefined) found.push(["dsmq-key", key]);
  if (delay !== undefined) found.push(["dsmq-delay", `${delay / 1000}`]);
  for (const [name, value] of Object.entries(headers)) {
    if (!name.isWellFormed()) return undefined;
    found.push([PREFIX + name.replaceAll(OTHER_IN_NAME, encodeAll), value]);
  }
  if (!found.every(([, value]) => value.isWellFormed())) return undefined;
  return found.map(([name, value]) => [name, encodeHeaderValue(value)]);
}

/**
 * The attributes in the headers of a request that puts a message.
 *
 * @param headers of the request
 * @returns the `messageId` of `Idempotency-Key`, and the headers of the message
 * @throws {HttpProblem} if one of them is malformed
 */
export function requestAttributes(headers: Headers): MessageAttributes | undefined {
  const messageId = idempotencyKey(headers.get("idempotency-key"));
  const own: [string, string][] = [];
  // Not for...of, which takes six times as long.
  headers.forEach((value, name) => {
    if (name.startsWith(PREFIX)) own.push(ownHeader(name, value));
  });
  if (messageId === undefined && own.length === 0) return undefined;
  const named = own.length > 0 ? Object.fromEntries(own) : undefined;
  // Two ways to write one name, such as `a` and `%61`: one of the values would be lost.
  if (named && Object.keys(named).length < own.length) {
    throw badRequest("A header of the message is there twice, in two spellings of its name");
  }
  return { ...(messageId !== undefined && { messageId }), ...(named && { headers: named }) };
}

/** A header of the message, decoded. */
function ownHeader(name: string, value: string): [name: string, value: string] {
  const decodedName = decodePercent(name.slice(PREFIX.length));
  const decodedValue = decodePercent(value);
  if (!decodedName) {
    throw badRequest(`The header ${quoted(name)} must name a header of the message`);
  }
  if (decodedValue === undefined || OTHER_THAN_ASCII.test(value)) {
    throw badRequest(`The value of the header ${quoted(name)} must be percent-encoded UTF-8`);
  }
  return [decodedName, decodedValue];
}

const OTHER_THAN_ASCII = /[^\t\x20-\x7e]/;

/** A string as RFC 8941, section 3.3.3, writes it, in quotes. */
const QUOTED_STRING = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;

/** The header of draft-ietf-httpapi-idempotency-key-header: a string in quotes, or, as most clients send it, without. */
function idempotencyKey(header: string | null): string | undefined {
  if (header === null) return undefined;
  if (!header.startsWith('"')) {
    if (OTHER_THAN_ASCII.test(header)) throw badRequest("Idempotency-Key must be ASCII");
    return header;
  }
  const [, text] = QUOTED_STRING.exec(header) ?? [];
  if (text === undefined) {
    throw badRequest("Idempotency-Key begins with a quote, so it must be a string in quotes");
  }
  return text.replaceAll(/\\(["\\])/g, "$1");
}
