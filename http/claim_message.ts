/**
 * `POST /topics/{topic}/groups/{group}/claim`: the next job of a group, for a worker that speaks plain HTTP.
 *
 * Each claim is a holder of its own, with its own lease. What cannot be sent to the client is given back.
 *
 * @module
 */

import { workRefusal } from "../connection/authorize.ts";
import {
  DEFAULT_ATTEMPTS,
  DEFAULT_JOB_TIMEOUT,
  DEFAULT_LEASE,
  MIN_LEASE,
} from "../protocol/group_limits.ts";
import type { Limits } from "../protocol/client_limits.ts";
import type { WireError } from "../protocol/errors.ts";
import { claimJob, type ClaimJobOptions } from "../queue/claim_job.ts";
import { locateGroupStart } from "../queue/positions.ts";
import { toWireError } from "../queue/store_failure.ts";
import type { ClaimedJob, JobOutcome } from "../stores/groups/group_commands.ts";
import { preferredType } from "./accept.ts";
import { parseGroupCall, requireWorker } from "./group_of.ts";
import type { HttpCall } from "./http_call.ts";
import { requireNoBody } from "./json_body.ts";
import { encodeJob } from "./message_json.ts";
import { messageText, topicHeader } from "./message_text.ts";
import { badRequest, HttpProblem } from "./problem.ts";
import {
  parseAfter,
  parseSeconds,
  parseWhole,
  type SecondsParameter,
  WAIT_PARAMETER,
  type WholeParameter,
} from "./query.ts";
import { textResponseTo } from "./reader_body.ts";

/** The parameters of a claim. */
export const CLAIM_PARAMETERS = ["wait", "lease", "timeout", "attempts", "since"] as const;

/** The bounds of its parameters, with these limits. */
export function claimBounds({ lease, jobTimeout, attempts }: Limits): {
  readonly lease: SecondsParameter;
  readonly timeout: SecondsParameter;
  readonly attempts: WholeParameter;
} {
  return {
    lease: {
      ...{ name: "lease", min: Math.min(MIN_LEASE, lease), max: lease },
      default: Math.min(DEFAULT_LEASE, lease),
    },
    timeout: {
      ...{ name: "timeout", min: 1, max: jobTimeout },
      default: Math.min(DEFAULT_JOB_TIMEOUT, jobTimeout),
    },
    attempts: {
      ...{ name: "attempts", min: 1, max: attempts },
      default: Math.min(DEFAULT_ATTEMPTS, attempts),
    },
  };
}

const [TEXT, JSON_TYPE] = ["text/plain", "application/json"] as const;

/**
 * Claims a job.
 *
 * @param call the request
 * @returns the message with its claim, as text or as JSON; 204 if there is none
 * @throws {HttpProblem} if the client may not work on the group, or nothing can be claimed
 */
export async function postClaim(call: HttpCall): Promise<Response> {
  const { context: { shared: { queue, welcome: { limits } } } } = call;
  const { name, query } = parseGroupCall(call, CLAIM_PARAMETERS);
  requireWorker(call, name);
  requireNoBody(call);
  const type = preferredType(call.request.headers.get("accept"), [TEXT, JSON_TYPE]);
  if (type === undefined) {
    throw badRequest(`Accept must include one of ${TEXT}, ${JSON_TYPE}`, { status: 406 });
  }
  const bounds = claimBounds(limits);
  const times = {
    wait: parseSeconds(query.wait, WAIT_PARAMETER),
    lease: parseSeconds(query.lease, bounds.lease),
    timeout: parseSeconds(query.timeout, bounds.timeout),
    attempts: parseWhole(query.attempts, bounds.attempts),
  };
  const since = query.since === undefined
    ? undefined
    : parseAfter(query.since, "The parameter since");
  try {
    const after = await locateGroupStart(queue, since);
    const job = await claimFor(call, { name, after, ...times });
    return job
      ? jobResponse(call, name, job, type === JSON_TYPE)
      : new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    throw new HttpProblem(toWireError(error, queue.log));
  }
}

/** Claims a job for a request, and waits for it. Nothing is claimed for a client that has left. */
async function claimFor(call: HttpCall, options: ClaimJobOptions): Promise<ClaimedJob | undefined> {
  const { readers, context: { shared: { queue } } } = call;
  const end = new AbortController();
  let failure: WireError | undefined;
  const reader = options.wait === 0 ? undefined : readers.open(call, options.name, "totalWaits", {
    onEnd(error) {
      failure = error;
      end.abort();
    },
    refusal: (permissions) => workRefusal(permissions, options.name),
  });
  const stopWatching = call.onLeft(() => end.abort());
  try {
    const job = await claimJob(queue, options, end.signal);
    if (!job && failure) throw new HttpProblem(failure);
    return job;
  } finally {
    stopWatching();
    reader?.release();
  }
}

/** Answers with a job, and gives it back if that fails. */
function jobResponse(
  call: HttpCall,
  name: ClaimJobOptions["name"],
  { message, claim, attempt }: ClaimedJob,
  isJson: boolean,
): Response {
  const { queue } = call.context.shared;
  const giveUp = (outcome: Omit<JobOutcome, "claim">) => {
    const outcomes = [{ claim, ...outcome }];
    void queue.groups.finish({ type: "finish", name, done: [], outcomes });
  };
  const isNamed = name.prefix !== undefined;
  const common = {
    "cache-control": "no-store",
    "dsmq-position": `${queue.store.epoch}:${message.seq}`,
    "dsmq-claim": `${claim}`,
    "dsmq-attempt": `${attempt}`,
    ...(isNamed && topicHeader(message)),
  };
  // Only a large one is sent in parts, so that it shows whether its client has taken it.
  const onOver = (isComplete: boolean) => void (isComplete || giveUp({ outcome: "release" }));
  try {
    // The permissions can have changed meanwhile.
    requireWorker(call, name);
    const response = isJson
      ? textResponseTo(
        call,
        `${encodeJob({ message, claim, attempt }, queue.store.epoch, isNamed)}\n`,
        { headers: { ...common, "content-type": JSON_TYPE } },
        { onOver },
      )
      : messageText(call, message, common, { onOver });
    queue.counts.deliver(1, message.bytes);
    queue.tracing?.deliver([message], call.request);
    return response;
  } catch (error) {
    if ((error as Partial<HttpProblem>).status !== 406) {
      giveUp({ outcome: "release" });
      throw error;
    }
    const reason = "UTF-8 cannot carry the text of this job: ask for application/json";
    // It counts as an attempt: otherwise the next claim, and each after it, would get this job again.
    giveUp({ outcome: "retry", reason });
    throw badRequest(reason, { status: 406 });
  }
}
