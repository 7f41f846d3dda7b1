/**
 * The error that a client gets when the store fails.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { StoreError } from "../stores/store.ts";
import type { EventLog } from "./log_event.ts";

/** The error of a store, as its client sees it. */
export function storeErrorToWire({ code, message, limit }: StoreError): WireError {
  return { code, message, ...(limit !== undefined && { limit }) };
}

/**
 * Any error, as the client sees it. Only the text of a {@linkcode StoreError} is for clients. Anything else is a defect, and
 * goes to the log.
 */
export function toWireError(error: unknown, log: EventLog): WireError {
  if (error instanceof StoreError) return storeErrorToWire(error);
  log.write({
    event: "request_failed",
    message: "a request failed unexpectedly",
    reason: error,
  });
  const message = "Cannot use the store: it failed unexpectedly, the server's log says more";
  return { code: "unavailable", message };
}
