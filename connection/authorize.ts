/**
 * Refuses the requests that the permissions of a connection do not allow.
 *
 * @module
 */

import { permissionDenied, type Permissions, TOKEN_NEEDED } from "../auth/permissions.ts";
import type { WireError } from "../protocol/errors.ts";
import type { TopicFilter, WireRequest } from "../protocol/requests.ts";
import { quoted } from "../protocol/text.ts";
import { awaitsReply } from "./server_context.ts";

/** Why a request is not permitted; `undefined` if it is, or if its verb decides. */
function refusalOf(
  request: WireRequest,
  permissions: Permissions | undefined,
): WireError | undefined {
  const { action } = request;
  if (action === "hello") return undefined;
  if (!permissions) return TOKEN_NEEDED;
  switch (action) {
    case "put":
      return permissions.mayWrite(request.topic)
        ? undefined
        : permissionDenied("put into", request.topic);
    case "get":
    case "get_latest":
    case "get_wait":
      return readRefusal(permissions, request.topic);
    case "subscribe":
      return streamRefusal(permissions, request);
    case "topics":
      return permissions.readable?.length === 0 ? permissionDenied("list topics") : undefined;
  }
  return undefined;
}

/** Why a topic may not be read; `undefined` if it may be. */
export function readRefusal(
  permissions: Permissions | undefined,
  topic: string,
): WireError | undefined {
  if (!permissions) return TOKEN_NEEDED;
  return permissions.full || permissions.mayRead(topic)
    ? undefined
    : permissionDenied("read", topic);
}

/** Why a topic, or all topics that begin with a prefix, may not be read; `undefined` if they may be. */
export function streamRefusal(
  permissions: Permissions | undefined,
  { topic, prefix }: TopicFilter,
): WireError | undefined {
  if (prefix === undefined) return readRefusal(permissions, topic);
  if (!permissions) return TOKEN_NEEDED;
  return permissions.full || permissions.mayReadAll(prefix) ? undefined : readDenied({ prefix });
}

/** The error if they may not be read. */
export function readDenied({ topic, prefix }: TopicFilter): WireError {
  return prefix === undefined
    ? permissionDenied("read", topic)
    : permissionDenied(`read all topics that begin with ${quoted(prefix)}`);
}

/**
 * Replaces requests that are not permitted by refused ones.
 *
 * @param run requests of one kind
 * @param permissions of the connection; `undefined` if it owes a token
 * @returns the same requests, in order, in runs of one kind
 */
export function authorize(
  run: readonly WireRequest[],
  permissions: Permissions | undefined,
): readonly (readonly WireRequest[])[] {
  const runs: WireRequest[][] = [];
  for (const request of run) {
    const error = refusalOf(request, permissions);
    const checked = error ? refuseRequest(request, error) : request;
    // Refused requests go together with puts, but not with gets.
    const last = runs.at(-1);
    if (last && (last[0]!.action === "get") === (checked.action === "get")) last.push(checked);
    else runs.push([checked]);
  }
  return runs;
}

function refuseRequest(request: WireRequest, error: WireError): WireRequest {
  return { action: "refused", id: request.id, needsReply: awaitsReply(request), error };
}
