/**
 * `GET …/dead` and `POST …/redrive`: the dead jobs of a group, and how they are worked again.
 *
 * @module
 */

import { logRedrive } from "../connection/admin_log.ts";
import { DEAD_PAGE } from "../protocol/group_limits.ts";
import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import { isCountIfGiven } from "../protocol/request_fields.ts";
import { formatValue } from "../protocol/text.ts";
import { redriveJobs } from "../queue/redrive_jobs.ts";
import { toWireError } from "../queue/store_failure.ts";
import { parseGroupCall, requireWorker } from "./group_of.ts";
import type { HttpCall } from "./http_call.ts";
import { acceptJson, JSON_TYPE, jsonResponse, membersOf, readJson } from "./json_body.ts";
import { encodeDead } from "./message_json.ts";
import { badRequest, HttpProblem } from "./problem.ts";
import { parseCount, parseWhole, type WholeParameter } from "./query.ts";
import { textResponseTo } from "./reader_body.ts";

/** The parameters of a page. */
export const DEAD_PARAMETERS = ["after", "count"] as const;

const SEQ_PARAMETER: WholeParameter = {
  ...{ name: "after", min: 0, max: Number.MAX_SAFE_INTEGER },
  default: 0,
};

/**
 * Lists dead jobs, those of the oldest messages first.
 *
 * @param call the request; its `after` is the number of the last one of the page before
 * @returns a page, whose `next` is the `after` of the next one, or `null`
 * @throws {HttpProblem} if the client may not work on the group, or it is not there
 */
export async function getDead(call: HttpCall): Promise<Response> {
  const { queue: { store, log, fence } } = call.context.shared;
  const { name, query } = parseGroupCall(call, DEAD_PARAMETERS);
  requireWorker(call, name);
  acceptJson(call);
  const after = parseWhole(query.after, SEQ_PARAMETER);
  const count = parseCount(query.count, { default: DEAD_PAGE, max: DEAD_PAGE });
  try {
    if (fence) await fence();
    // The page may also be over because no more bytes fit.
    const jobs = await store.deadJobs({ name, after, count, bytes: REPLY_FRAME_BYTES });
    const last = jobs.at(-1)?.message.seq;
    const more = last !== undefined &&
      (await store.deadJobs({ name, after: last, count: 1, bytes: 1 })).length > 0;
    requireWorker(call, name);
    const list = jobs.map((job) => encodeDead(job, store.epoch, name.prefix !== undefined));
    const text = `{"dead":[${list.join()}],"next":${more ? last : null}}\n`;
    const headers = { "content-type": JSON_TYPE, "cache-control": "no-store" };
    return textResponseTo(call, text, { headers });
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    throw new HttpProblem(toWireError(error, log));
  }
}

/**
 * Has a dead job worked again, or all of them.
 *
 * @param call the request, whose body may name the message, such as `{"seq":42}`
 * @returns how many there were
 * @throws {HttpProblem} if the client may not work on the group, or it is not there
 */
export async function postRedrive(call: HttpCall): Promise<Response> {
  const { name } = parseGroupCall(call);
  requireWorker(call, name);
  const body = await readJson(call);
  const { seq } = body === undefined ? { seq: undefined } : membersOf(body, "The body", ["seq"]);
  if (!isCountIfGiven(seq)) {
    throw badRequest(`The member seq must be a sequence number, got ${formatValue(seq)}`);
  }
  requireWorker(call, name);
  const { shared } = call.context;
  try {
    const redriven = await redriveJobs(
      shared.queue,
      { name, seq, pause: () => call.readers.yieldTurn() },
      (count) => logRedrive(shared, call.client, name, count),
    );
    return jsonResponse({ redriven });
  } catch (error) {
    throw new HttpProblem(toWireError(error, shared.queue.log));
  }
}
