/**
 * Decodes the requests of an administrator.
 *
 * @module
 */

import type { AdminRequest } from "./admin_requests.ts";
import { CONNECTIONS_PAGE } from "./limits.ts";
import { isBoundedText, isCount, refuseField, type RequestFields } from "./request_fields.ts";
import type { RefusedRequest } from "./requests.ts";

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
    case "disconnect": {
      const { connection } = fields;
      return typeof connection === "string" && isBoundedText(connection)
        ? { action, id, connection }
        : refuseField(fields, "connection", "the id of a connection");
    }
  }
}
