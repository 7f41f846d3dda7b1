/**
 * Decodes the requests of an administrator.
 *
 * @module
 */

import type { AdminRequest, PurgeRequest } from "./admin_requests.ts";
import { CONNECTIONS_PAGE, LIMITS } from "./limits.ts";
import {
  isBoundedText,
  isCount,
  refuseField,
  refuseRequest,
  type RequestFields,
  topicRefusal,
} from "./request_fields.ts";
import type { RefusedRequest } from "./requests.ts";

const LONGEST_NAMES = { topicBytes: LIMITS.topicBytes.max };

/**
 * Decodes a request of an administrator.
 *
 * @param action what it asks for
 * @param fields its fields
 * @param id its id
 * @returns the request; refused, if a field is not of its form
 */
export function decodeAdminRequest(
  action: AdminRequest["action"],
  fields: RequestFields,
  id: number,
): AdminRequest | RefusedRequest {
  switch (action) {
    case "connections": {
      const { after = "", count = CONNECTIONS_PAGE } = fields;
      if (typeof after !== "string" || !isBoundedText(after)) {
        return refuseField(fields, "after", "the id of a connection");
      }
      if (!isCount(count) || count < 1) return refuseField(fields, "count", "at least 1");
      return { action, id, after, count: Math.min(count, CONNECTIONS_PAGE) };
    }
    case "purge": {
      const { topic, before } = fields;
      // It may be stored from when longer names were permitted, and must not stay for that.
      const refusal = topicRefusal(fields, LONGEST_NAMES);
      if (refusal) return refusal;
      return isBefore(before) ? { action, id, topic: topic as string, before } : refuseField(
        fields,
        "before",
        '{"seq": a number}, {"time": milliseconds} or {"ago": milliseconds}',
      );
    }
    case "backup": {
      const { after, last, epoch, topicsAfter } = fields;
      if (topicsAfter !== undefined && typeof topicsAfter !== "string") {
        return refuseField(fields, "topicsAfter", "a topic");
      }
      if (after !== undefined && topicsAfter !== undefined) {
        const reason = 'it must have "after" or "topicsAfter", got both';
        return refuseRequest(fields, "bad_request", `Invalid backup request: ${reason}`);
      }
      const isPage = [after, last, epoch].some((field) => field !== undefined);
      if (!isPage) return { action, id, page: undefined, topicsAfter };
      const from = topicsAfter === undefined ? after : 0;
      if (!isCount(from)) return refuseField(fields, "after", "a sequence number");
      if (!isCount(last)) return refuseField(fields, "last", "a sequence number");
      if (typeof epoch !== "string" || !isBoundedText(epoch)) {
        return refuseField(fields, "epoch", "the epoch of these numbers");
      }
      return { action, id, page: { after: from, last, epoch }, topicsAfter };
    }
    case "disconnect": {
      const { connection } = fields;
      return typeof connection === "string" && isBoundedText(connection)
        ? { action, id, connection }
        : refuseField(fields, "connection", "the id of a connection");
    }
  }
}

function isBefore(value: unknown): value is PurgeRequest["before"] {
  if (value === undefined) return true;
  const { seq, epoch, time, ago } = Object(value);
  const given = [seq, time, ago].filter((number) => number !== undefined);
  return given.length === 1 && isCount(given[0]) && isBoundedText(epoch) &&
    (epoch === undefined || seq !== undefined);
}
