/**
 * `GET /topics`: the topics that hold messages.
 *
 * @module
 */

import { permissionDenied } from "../auth/permissions.ts";
import { listReadableTopics } from "../connection/server_verbs.ts";
import { TOPICS_PAGE } from "../protocol/limits.ts";
import { toWireError } from "../queue/store_failure.ts";
import type { HttpCall } from "./http_call.ts";
import { acceptJson, JSON_TYPE } from "./json_body.ts";
import { HttpProblem } from "./problem.ts";
import { parseCount, type Query } from "./query.ts";
import { textResponseTo } from "./reader_body.ts";
import { prefixOf } from "./topic_of.ts";

/**
 * Lists topics that may be read, ordered by their code points.
 *
 * @param call the request
 * @param query `prefix`, and `after`, the name of the last topic of the page before
 * @returns a page, whose `next` is the `after` of the next one, or `null`
 * @throws {HttpProblem} if no topic may be read
 */
export async function getTopics(
  call: HttpCall,
  query: Query<"prefix" | "after" | "count">,
): Promise<Response> {
  const { permissions, context: { shared: { queue } } } = call;
  acceptJson(call);
  const { prefix } = prefixOf(call, query.prefix);
  const count = parseCount(query.count, { default: TOPICS_PAGE, max: TOPICS_PAGE });
  if (permissions.readable?.length === 0) throw new HttpProblem(permissionDenied("list topics"));
  const pause = () => call.readers.yieldTurn();
  const wanted = { action: "topics", id: 0, prefix, after: query.after ?? "", count } as const;
  const found = await listReadableTopics(queue, wanted, permissions.readable, pause)
    .catch((error) => {
      throw new HttpProblem(toWireError(error, queue.log));
    });
  // The permissions can have changed meanwhile.
  const { permissions: present } = call;
  const topics = found.filter(({ topic }) => present.mayRead(topic));
  // Not that of the last one found: it may be none that may be read.
  const next = found.length === count ? topics.at(-1)?.topic ?? wanted.after : null;
  const headers = { "content-type": JSON_TYPE, "cache-control": "no-store" };
  return textResponseTo(call, `${JSON.stringify({ topics, next })}\n`, { headers });
}
