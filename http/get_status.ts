/**
 * `GET /status`: what a server is, what the request may do, and for administrators how the server does.
 *
 * @module
 */

import { isFromElsewhere } from "../auth/forwarded.ts";
import type { Permissions } from "../auth/permissions.ts";
import { type Permission, PERMISSIONS } from "../protocol/token.ts";
import type { HttpCall } from "./http_call.ts";
import { parseQuery } from "./query.ts";
import { textResponseTo } from "./reader_body.ts";
import type { PermittedTopics, ServerStatus } from "./server_status.ts";

/**
 * Answers whoever may connect.
 *
 * @param call the request
 * @returns a {@linkcode ServerStatus}
 * @throws {HttpProblem} 401, if the token has ended meanwhile
 */
export async function getStatus(call: HttpCall): Promise<Response> {
  const { context, request, search } = call;
  const { queue: { store }, welcome: { server, epoch, durability, retention } } = context.shared;
  parseQuery(search, []);
  const isForwarded = isFromElsewhere(request);
  const isAdministrator = () => call.permissions.mayAdministrate(undefined, isForwarded);
  const found = isAdministrator() ? await context.operation() : undefined;
  // Asked again: what the token permits may be less by now.
  const operation = isAdministrator() ? found : undefined;
  const status: ServerStatus = {
    ...{ server, time: store.now(), epoch, durability, retention },
    tokens: context.access.requiresToken,
    permissions: permittedTopics(call.permissions, isForwarded),
    ...(operation && { operation }),
  };
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return textResponseTo(call, `${JSON.stringify(status)}\n`, { headers });
}

function permittedTopics(
  permissions: Permissions,
  isForwarded: boolean,
): ServerStatus["permissions"] {
  const topics = (name: Permission): PermittedTopics[] =>
    permissions.rangesOf(name, isForwarded).map(({ text, isPrefix }) =>
      isPrefix ? { prefix: text } : { topic: text }
    );
  return Object.fromEntries(
    PERMISSIONS.map((name) => [name, topics(name)]),
  ) as Record<Permission, PermittedTopics[]>;
}
