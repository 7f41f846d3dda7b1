/**
 * Decodes puts.
 *
 * @module
 */

import { AttributesError, encodeAttributes, type EncodedAttributes } from "./attributes.ts";
import { type EncodeBody, NULL_BODY } from "./body.ts";
import type { Limits } from "./client_limits.ts";
import {
  isCount,
  refuseField,
  refuseRequest,
  type RequestFields,
  topicRefusal,
} from "./request_fields.ts";
import type { PutRequest, WireRequest } from "./requests.ts";
import { kindOf } from "./text.ts";

/** The largest number of a put: even the numbers of a list that begins with it are exact. */
const MAX_PUT_NUMBER = 2 ** 52;

/**
 * Decodes a put.
 *
 * @param fields the request
 * @param id its id
 * @param limits the limits that apply
 * @param encode encodes its messages
 * @returns the request; an invalid one is returned as rejected
 */
export function decodePut(
  fields: RequestFields,
  id: number | undefined,
  limits: Limits,
  encode: EncodeBody,
): WireRequest {
  const { topic, message, body, bodies, attributes, n } = fields;
  const refusal = topicRefusal(fields, limits);
  if (refusal) return refusal;
  if (id === undefined && (message !== undefined || bodies === undefined)) {
    return decodeLegacyPut(fields, encode);
  }
  if (body !== undefined && bodies !== undefined) {
    return badMessage(fields, 'it must have "body" or "bodies", got both');
  }
  if (bodies !== undefined && !Array.isArray(bodies)) {
    return badMessage(fields, `"bodies" must be an array, got ${kindOf(bodies)}`);
  }
  if (n !== undefined && !(isCount(n) && n <= MAX_PUT_NUMBER)) {
    return refuseField(fields, "n", `a whole number from 0 to ${MAX_PUT_NUMBER}`);
  }
  const many = bodies !== undefined;
  const texts: readonly unknown[] = many ? bodies : [body];
  const invalid = texts.findIndex((text) => typeof text !== "string");
  if (invalid >= 0) {
    const name = many ? `each of "bodies"` : `"body"`;
    return badMessage(fields, `${name} must be a string, got ${kindOf(texts[invalid])}`);
  }
  let encoded: PutRequest["attributes"];
  if (attributes !== undefined) {
    const decoded = decodeAttributes(fields, attributes, texts.length, many);
    if (decoded !== undefined && "action" in decoded) return decoded;
    encoded = decoded;
  }
  return {
    action: "put",
    id,
    n,
    topic: topic as string,
    bodies: texts as readonly string[],
    attributes: encoded,
    many,
    encode,
  };
}

/** Checks the attributes of a put: those of its message, or a list with those of each. */
function decodeAttributes(
  fields: RequestFields,
  attributes: unknown,
  count: number,
  many: boolean,
): PutRequest["attributes"] | WireRequest {
  const items: unknown = many ? attributes : [attributes];
  if (!Array.isArray(items) || items.length !== count) {
    const got = Array.isArray(items) ? `one of ${items.length}` : kindOf(attributes);
    return badMessage(
      fields,
      `"attributes" must be an array as long as "bodies" (${count}), got ${got}`,
    );
  }
  let encoded: (EncodedAttributes | undefined)[] | undefined;
  for (let i = 0; i < count; i++) {
    const item: unknown = items[i];
    if (item === null) continue;
    if (typeof item !== "object" || Array.isArray(item)) {
      return badMessage(
        fields,
        `"attributes" must be an object${many ? " or null for each message" : ""}, got ${
          kindOf(item)
        }`,
      );
    }
    try {
      const one = encodeAttributes(item);
      if (one) {
        (encoded ??= new Array<EncodedAttributes | undefined>(count).fill(undefined))[i] = one;
      }
    } catch (error) {
      if (!(error instanceof AttributesError)) throw error;
      return badMessage(fields, `in "attributes", ${error.message}`);
    }
  }
  return encoded;
}

/** dsmq 1.x calls a body `message`, and knows no other fields: they may hold anything. */
function decodeLegacyPut(fields: RequestFields, encode: EncodeBody): WireRequest {
  const { topic, message } = fields;
  const isNull = message === null;
  if (!isNull && typeof message !== "string") {
    return badMessage(fields, `"message" must be a string, got ${kindOf(message)}`);
  }
  return {
    action: "put",
    id: undefined,
    n: undefined,
    topic: topic as string,
    bodies: [isNull ? "" : message],
    attributes: undefined,
    many: false,
    encode: isNull ? encodeNullBody : encode,
  };
}

const encodeNullBody: EncodeBody = () => NULL_BODY;

function badMessage(fields: RequestFields, reason: string): WireRequest {
  return refuseRequest(fields, "bad_message", `Invalid put request: ${reason}`);
}
