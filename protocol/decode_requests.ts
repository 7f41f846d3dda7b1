/**
 * Decodes requests. Each field must have its type and range, or the request is rejected.
 *
 * Unknown fields are ignored, so that clients can grow.
 *
 * @module
 */

import type { EncodeBody } from "./body.ts";
import { decodeAdminRequest } from "./decode_admin_requests.ts";
import { decodeGroupRequest } from "./decode_group_requests.ts";
import { decodePut } from "./decode_put.ts";
import { HEARTBEAT_INTERVAL } from "./heartbeat.ts";
import { type Limits, MAX_WAIT } from "./client_limits.ts";
import { DEFAULT_WAIT, PROTOCOL_VERSION, TOPICS_PAGE } from "./limits.ts";
import {
  creditOf,
  creditRefusal,
  filterRefusal,
  isBoundedText,
  isCount,
  isSessionName,
  refuseField,
  refuseRequest,
  type RequestFields,
  SESSION_FORM,
  sinceRefusal,
  topicRefusal,
} from "./request_fields.ts";
import type { TopicFilter, WireRequest, WireSince } from "./requests.ts";
import { formatValue, kindOf, quoted } from "./text.ts";

/**
 * Decodes a request. Never throws: an invalid one is returned as rejected.
 *
 * @param item the parsed request
 * @param limits the limits that apply
 * @param encode encodes its messages
 * @returns the request
 */
export function decodeRequest(item: unknown, limits: Limits, encode: EncodeBody): WireRequest {
  if (item === null || typeof item !== "object" || Array.isArray(item)) {
    return refuseRequest(
      {},
      "bad_request",
      `Invalid request: it must be an object, got ${kindOf(item)}`,
    );
  }
  const fields = item as RequestFields;
  const { action, id } = fields;
  if (id !== undefined && !isCount(id)) {
    return refuseRequest(
      fields,
      "bad_request",
      `Invalid request: "id" must be a whole number from 0 to 2^53 - 1, got ${formatValue(id)}`,
    );
  }
  switch (action) {
    case "put":
      return decodePut(fields, id, limits, encode);
    case "get":
    case "get_latest":
      // In dsmq 1.x requests have no position.
      return topicRefusal(fields, limits) ??
        (id === undefined ? undefined : sinceRefusal(fields, "since")) ??
        {
          action,
          id,
          topic: fields.topic as string,
          since: id === undefined ? undefined : fields.since as WireSince | undefined,
        };
    case "cancel":
      return isCount(fields.wait)
        ? { action, id, wait: fields.wait }
        : refuseField(fields, "wait", "the id of a request");
    case "credit": {
      if (!isCount(fields.sub)) return refuseField(fields, "sub", "the id of a request");
      const refusal = creditRefusal(fields)?.error;
      return { action, id, sub: fields.sub, refusal, ...creditOf(refusal ? {} : fields) };
    }
    case "unsubscribe":
      return isCount(fields.sub)
        ? { action, id, sub: fields.sub }
        : refuseField(fields, "sub", "the id of a request");
    case "heartbeat": {
      const { ahead = 0, received } = fields;
      if (!isCount(ahead)) return refuseField(fields, "ahead", "a number of bytes");
      return received === undefined || isCount(received)
        ? { action, id, ahead, received }
        : refuseField(fields, "received", "a whole number");
    }
    case "shutdown":
    case "close":
      return { action, id };
    case "hello":
    case "get_wait":
    case "subscribe":
    case "topics":
      if (id === undefined) return refuseField(fields, "id", "a whole number");
      return decodeIdentified(action, fields, id, limits);
    case "connections":
    case "disconnect":
    case "purge":
    case "backup":
      if (id === undefined) return refuseField(fields, "id", "a whole number");
      return decodeAdminRequest(action, fields, id);
    case "work":
    case "finish":
    case "extend":
    case "groups":
    case "dead":
    case "redrive":
    case "create_group":
    case "delete_group":
      if (id === undefined) return refuseField(fields, "id", "a whole number");
      return decodeGroupRequest(action, fields, id, limits);
  }
  return typeof action === "string"
    ? refuseRequest(
      fields,
      "unknown_action",
      `Unknown action ${quoted(action)}`,
    )
    : refuseField(fields, "action", "a string");
}

function decodeIdentified(
  action: "hello" | "get_wait" | "subscribe" | "topics",
  fields: RequestFields,
  id: number,
  limits: Limits,
): WireRequest {
  const { topic, prefix, since, cursor, onGap, timeout = DEFAULT_WAIT } = fields;
  switch (action) {
    case "hello":
      return decodeHello(fields, id);
    case "get_wait":
      if (!isCount(timeout) || timeout > MAX_WAIT) {
        return refuseField(fields, "timeout", `milliseconds from 0 to ${MAX_WAIT}`);
      }
      return topicRefusal(fields, limits) ?? sinceRefusal(fields, "since") ??
        { action, id, topic: topic as string, since: since as WireSince | undefined, timeout };
    case "subscribe":
      if (onGap !== undefined && onGap !== "oldest" && onGap !== "now") {
        return refuseField(fields, "onGap", '"oldest" or "now"');
      }
      return filterRefusal(fields, limits) ?? sinceRefusal(fields, "since") ??
        sinceRefusal(fields, "cursor") ?? creditRefusal(fields) ??
        {
          action,
          id,
          ...{ topic, prefix } as TopicFilter,
          since: since as WireSince | undefined,
          cursor: cursor as WireSince | undefined,
          onGap,
          ...creditOf(fields),
        };
    case "topics": {
      const { prefix = "", after = "", count = TOPICS_PAGE } = fields;
      if (typeof prefix !== "string" || !prefix.isWellFormed()) {
        return refuseField(fields, "prefix", "well-formed text");
      }
      if (typeof after !== "string" || !after.isWellFormed()) {
        return refuseField(fields, "after", "well-formed text");
      }
      if (!isCount(count) || count < 1) return refuseField(fields, "count", "at least 1");
      return { action, id, prefix, after, count: Math.min(count, TOPICS_PAGE) };
    }
  }
}

function decodeHello(fields: RequestFields, id: number): WireRequest {
  const {
    protocol,
    since,
    session,
    try: attempt = 0,
    known,
    heartbeat,
    frameBytes,
    progress,
    token,
  } = fields;
  if (protocol !== undefined && protocol !== PROTOCOL_VERSION) {
    return refuseField(fields, "protocol", `${PROTOCOL_VERSION}, the version this server speaks`);
  }
  const refusal = sinceRefusal(fields, "since");
  if (refusal) return refusal;
  if (session !== undefined && !isSessionName(session)) {
    // It may be a secret with a typo, so the error does not show it.
    const reason = `"session" must be ${SESSION_FORM}`;
    return refuseRequest(fields, "bad_request", `Invalid hello request: ${reason}`);
  }
  if (!isCount(attempt)) return refuseField(fields, "try", "a whole number");
  if (known !== undefined && !isKnown(known)) {
    return refuseField(fields, "known", "an epoch and a sequence number");
  }
  // One that is too long is refused as a token, not as a request.
  if (token !== undefined && typeof token !== "string") {
    return refuseRequest(fields, "bad_request", 'Invalid hello request: "token" must be a string');
  }
  const { min, max } = HEARTBEAT_INTERVAL;
  if (heartbeat !== undefined && !(isCount(heartbeat) && heartbeat >= min && heartbeat <= max)) {
    return refuseField(fields, "heartbeat", `milliseconds from ${min} to ${max}`);
  }
  if (frameBytes !== undefined && !(isCount(frameBytes) && frameBytes > 0)) {
    return refuseField(fields, "frameBytes", "a whole number from 1");
  }
  if (progress !== undefined && typeof progress !== "boolean") {
    return refuseField(fields, "progress", "true or false");
  }
  return {
    action: "hello",
    id,
    since: since as WireSince | undefined,
    session,
    try: attempt,
    known,
    heartbeat,
    frameBytes,
    progress: progress === true,
    token,
  };
}

function isKnown(value: unknown): value is { epoch: string; seq: number } {
  const { epoch, seq } = Object(value);
  return typeof epoch === "string" && isBoundedText(epoch) && isCount(seq);
}
