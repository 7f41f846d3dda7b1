/**
 * Which topics a request is about.
 *
 * @module
 */

import type { TopicFilter } from "../protocol/requests.ts";
import { prefixProblem, topicProblem } from "../protocol/text.ts";
import type { HttpCall } from "./http_call.ts";
import { HttpProblem } from "./problem.ts";
import { decodePercent } from "./query.ts";

/**
 * The topic that a request names: in its path, where a slash may stand for itself, since proxies decode it; or, if paths
 * cannot carry it, as the parameter `topic`.
 *
 * @param call the request
 * @param parameter the parameter `topic`
 * @returns the topic
 * @throws {HttpProblem} `bad_topic`
 */
export function topicOf(
  { rest, context: { shared: { welcome: { limits } } } }: HttpCall,
  parameter: string | undefined,
): string {
  if (parameter !== undefined && rest !== "") {
    throw badTopic("it is named in the path, and again as a parameter");
  }
  const topic = parameter ?? decodePercent(rest);
  if (topic === undefined) throw badTopic("it must be percent-encoded UTF-8");
  const problem = topicProblem(topic, limits.topicBytes);
  if (problem !== undefined) throw badTopic(problem);
  return topic;
}

/**
 * All topics that begin with a prefix.
 *
 * @param call the request
 * @param prefix the parameter. Default: all topics
 * @throws {HttpProblem} `bad_topic`
 */
export function prefixOf(
  { context: { shared: { welcome: { limits } } } }: HttpCall,
  prefix: string | undefined = "",
): TopicFilter & { readonly prefix: string } {
  const problem = prefixProblem(prefix, limits.topicBytes);
  if (problem !== undefined) throw badTopic(problem);
  return { prefix };
}

function badTopic(reason: string): HttpProblem {
  return new HttpProblem({ code: "bad_topic", message: `Invalid topic: ${reason}` });
}
