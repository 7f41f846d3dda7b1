/**
 * `POST …/finish` and `POST …/extend`: what became of claims, or that they are still worked on.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import {
  MAX_CLAIMS,
  MAX_OUTCOMES,
  MAX_RETRY_DELAY,
  shortReason,
} from "../protocol/group_limits.ts";
import { areCounts, isCount } from "../protocol/request_fields.ts";
import { formatValue } from "../protocol/text.ts";
import { storeErrorToWire } from "../queue/store_failure.ts";
import type { FinishedJobs, FinishJobs, JobOutcome } from "../stores/groups/group_commands.ts";
import { StoreError } from "../stores/store.ts";
import { applyToGroup, parseGroupCall, requireWorker } from "./group_of.ts";
import type { HttpCall } from "./http_call.ts";
import { jsonResponse, membersOf, readJson } from "./json_body.ts";
import { badRequest, HttpProblem } from "./problem.ts";
import { toMilliseconds } from "./query.ts";

const OUTCOMES = ["done", "retry", "dead", "release"] as const;

/** The members of an outcome. */
export const OUTCOME_MEMBERS = ["claim", "outcome", "delay", "reason"] as const;

const LEASE_LOST: WireError = {
  code: "lease_lost",
  message:
    "Cannot do that: the lease of the job has ended, or it is finished; somebody else may have it",
};

/**
 * Finishes claims. It counts once, however often it is repeated.
 *
 * @param call the request, whose body is an outcome or a list of them
 * @returns which were lost, and which jobs are dead now
 * @throws {HttpProblem} 409 if it is one outcome, and its claim is lost
 */
export async function postFinish(call: HttpCall): Promise<Response> {
  const { name } = parseGroupCall(call);
  requireWorker(call, name);
  const body = await readJson(call);
  const items = Array.isArray(body) ? body : [body];
  if (items.length > MAX_OUTCOMES) {
    throw badRequest(`The list must have at most ${MAX_OUTCOMES} outcomes, got ${items.length}`);
  }
  const parsed = items.map(parseOutcome);
  const done = parsed.filter((one) => one.outcome === "done").map(({ claim }) => claim);
  const outcomes = parsed.filter((one): one is JobOutcome => one.outcome !== "done");
  requireWorker(call, name);
  const finished = await finish(call, { type: "finish", name, done, outcomes });
  if (finished.lost.length > 0 && !Array.isArray(body)) throw new HttpProblem(LEASE_LOST);
  return jsonResponse({ lost: finished.lost, dead: finished.dead });
}

/**
 * Renews the leases of claims.
 *
 * @param call the request, whose body is `{"claim": …}` or `{"claims": […]}`
 * @returns which were lost
 * @throws {HttpProblem} 409 if it is one claim, and it is lost
 */
export async function postExtend(call: HttpCall): Promise<Response> {
  const { name } = parseGroupCall(call);
  requireWorker(call, name);
  const { claim, claims } = membersOf(await readJson(call), "The body", ["claim", "claims"]);
  const all = claim === undefined ? claims : claims === undefined ? [claim] : undefined;
  if (!areCounts(all) || all.length > MAX_CLAIMS) {
    throw badRequest(`The body must have a claim, or a list of at most ${MAX_CLAIMS} claims`);
  }
  requireWorker(call, name);
  const { lost } = await applyToGroup(call, { type: "extend", name, claims: all });
  if (lost.length > 0 && claim !== undefined) throw new HttpProblem(LEASE_LOST);
  return jsonResponse({ lost });
}

/** Finishes jobs, so that those who wait get others at once. */
async function finish(call: HttpCall, command: FinishJobs): Promise<FinishedJobs> {
  const { promise, resolve } = Promise.withResolvers<FinishedJobs | StoreError>();
  void call.context.shared.queue.groups.finish(command, undefined, resolve);
  const result = await promise;
  if (result instanceof StoreError) throw new HttpProblem(storeErrorToWire(result));
  return result;
}

function parseOutcome(
  item: unknown,
): JobOutcome | { readonly claim: number; readonly outcome: "done" } {
  const what = "An outcome";
  const { claim, outcome = "done", delay, reason } = membersOf(item, what, OUTCOME_MEMBERS);
  if (!isCount(claim)) {
    throw badRequest(`${what} must have the number of a claim, got ${formatValue(claim)}`);
  }
  const known = OUTCOMES.find((one) => one === outcome);
  if (!known) {
    throw badRequest(`${what} must be one of ${OUTCOMES.join(", ")}, got ${formatValue(outcome)}`);
  }
  // Otherwise a job would be taken for done whose worker meant something else.
  if (delay !== undefined && known !== "retry") throw badRequest("A delay is for retry alone");
  if (reason !== undefined && (known === "done" || typeof reason !== "string")) {
    throw badRequest("A reason is a text, and for retry, dead and release alone");
  }
  if (known === "done") return { claim, outcome: known };
  return {
    ...{ claim, outcome: known, delay: parseDelay(delay) },
    reason: reason === undefined ? undefined : shortReason(reason),
  };
}

/** Seconds, as milliseconds. */
function parseDelay(delay: unknown): number | undefined {
  if (delay === undefined) return undefined;
  const ms = typeof delay === "number" ? toMilliseconds(delay) : NaN;
  if (ms >= 0 && ms <= MAX_RETRY_DELAY) return ms;
  const max = MAX_RETRY_DELAY / 1000;
  throw badRequest(`A delay must be seconds from 0 to ${max}, got ${formatValue(delay)}`);
}
