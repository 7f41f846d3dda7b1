/**
 * Refuses connections whose token does not admit them, and requests that the permissions of a connection do not allow.
 *
 * @module
 */

import {
  administrationDenied,
  permissionDenied,
  type Permissions,
  TOKEN_INVALID,
  TOKEN_NEEDED,
  TOKEN_UNCHECKED,
} from "../auth/permissions.ts";
import type { WireError } from "../protocol/errors.ts";
import type { TopicFilter, WireRequest } from "../protocol/requests.ts";
import { quoted } from "../protocol/text.ts";
import { awaitsReply } from "./server_context.ts";
import type { TokenCheck } from "../auth/auth.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";

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
    // Of `finish` its verb decides: what a worker was given it may finish.
    case "work":
    case "extend":
    case "dead":
    case "redrive":
    case "create_group":
      return workRefusal(permissions, request);
    case "topics":
      return permissions.readable?.length === 0 ? permissionDenied("list topics") : undefined;
  }
  return undefined;
}

/**
 * Why a client may not administer a topic, or all topics that begin with a prefix, or without one the whole server; `undefined` if
 * it may.
 *
 * @param client what it may do, and whether its request seems to come through a proxy
 * @param what what it asks for, such as "purge"
 * @param filter the topic or the prefix, if it is about one
 */
export function administrationRefusal(
  { permissions, isForwarded }: {
    readonly permissions: Permissions | undefined;
    readonly isForwarded: boolean;
  },
  what: string,
  filter?: TopicFilter,
): WireError | undefined {
  if (!permissions) return TOKEN_NEEDED;
  const isAllowed = filter?.prefix === undefined
    ? permissions.mayAdministrate(filter?.topic, isForwarded)
    : permissions.mayAdministrateAll(filter.prefix, isForwarded);
  if (isAllowed) return undefined;
  const denied = filter?.prefix === undefined
    ? permissionDenied(what, filter?.topic)
    : permissionDenied(`${what} ${allTopics(filter.prefix)}`);
  // Where auth says what clients without a token may do, it does not matter where they are.
  if (!permissions.isOpen) return filter ? denied : administrationDenied(what, permissions);
  const who = "a client without a token may do that only on the machine of the server, which " +
    "listens there alone, and not through a proxy; or if auth grants admin to anonymous clients";
  return { ...denied, message: `${denied.message}: ${who}` };
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

/** Why nobody may work on a topic, or on all topics that begin with a prefix; `undefined` if the client may. */
export function workRefusal(
  permissions: Permissions | undefined,
  filter: TopicFilter,
): WireError | undefined {
  if (!permissions) return TOKEN_NEEDED;
  const { topic, prefix } = filter;
  const isAllowed = permissions.full ||
    (prefix === undefined ? permissions.mayWork(topic) : permissions.mayWorkOnAll(prefix));
  return isAllowed ? undefined : workDenied(filter);
}

/** The error if they may not be worked on. */
export function workDenied({ topic, prefix }: TopicFilter): WireError {
  return prefix === undefined
    ? permissionDenied("work on", topic)
    : permissionDenied(`work on ${allTopics(prefix)}`);
}

/** Why a client may list no groups; `undefined` if it may list those that {@linkcode mayListGroup} permits. */
export function groupListRefusal(permissions: Permissions | undefined): WireError | undefined {
  if (!permissions) return TOKEN_NEEDED;
  const { names } = permissions;
  return names.includes("work") || names.includes("admin")
    ? undefined
    : permissionDenied("list groups");
}

/** Whether a client may see a group of a topic or a prefix in a list: it may work on that, or administer it. */
export function mayListGroup(
  { permissions, isForwarded }: {
    readonly permissions: Permissions | undefined;
    readonly isForwarded: boolean;
  },
  filter: TopicFilter,
): boolean {
  if (!permissions || !workRefusal(permissions, filter)) return permissions !== undefined;
  const { topic, prefix } = filter;
  return prefix === undefined
    ? permissions.mayAdministrate(topic, isForwarded)
    : permissions.mayAdministrateAll(prefix, isForwarded);
}

/** All topics that begin with a prefix, in words. */
function allTopics(prefix: string): string {
  return prefix === "" ? "all topics" : `all topics that begin with ${quoted(prefix)}`;
}

/** The error if they may not be read. */
export function readDenied({ topic, prefix }: TopicFilter): WireError {
  return prefix === undefined
    ? permissionDenied("read", topic)
    : permissionDenied(`read ${allTopics(prefix)}`);
}

/**
 * Replaces requests that are not permitted by refused ones.
 *
 * @param run requests of one kind
 * @param permissions of the connection; `undefined` if it has yet to send a token
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

/** How a client is refused. */
export interface TokenRefusal {
  /** For the client: it does not tell what is wrong with a token. */
  readonly error: WireError;
  /** For the log: it does, without the token. */
  readonly logged: WireError;
  /** Close code and reason; `undefined` if it may try again on the same connection. */
  readonly close: readonly [code: number, reason: string] | undefined;
}

/**
 * Says how a client is refused.
 *
 * @param check what came of checking its token; `undefined` if it gave none
 */
export function tokenRefusal(check: TokenCheck | undefined): TokenRefusal {
  if (!check) return { error: TOKEN_NEEDED, logged: TOKEN_NEEDED, close: undefined };
  const isUnchecked = check.kind === "unchecked";
  const error = isUnchecked ? TOKEN_UNCHECKED : TOKEN_INVALID;
  const reason = check.kind === "granted" ? undefined : check.reason;
  const logged = reason === undefined
    ? error
    : { ...error, message: `${error.message}: ${reason}` };
  const close = isUnchecked
    ? [CLOSE_CODE.tryAgainLater, "the token cannot be checked now"] as const
    : [CLOSE_CODE.unauthorized, "the token is not valid"] as const;
  return { error, logged, close };
}

/** How a connection ends that may do nothing any more. */
export interface Revocation {
  /** For its waits. */
  readonly error: WireError;
  /** Of the close frame. */
  readonly reason: string;
  /** For the log. */
  readonly logged: string;
}

/**
 * Says how a connection ends that may do nothing any more.
 *
 * @param identity of its client; `""` if that has no token
 */
export function revocation(identity: string): Revocation {
  return identity === ""
    ? {
      error: TOKEN_NEEDED,
      reason: "a token is needed",
      logged: "it has no token, and now needs one",
    }
    : {
      error: TOKEN_INVALID,
      reason: "the token is not valid",
      logged: "its token is no longer valid",
    };
}
