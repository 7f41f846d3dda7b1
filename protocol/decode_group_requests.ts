/**
 * Decodes the requests of groups of workers.
 *
 * @module
 */

import {
  DEAD_PAGE,
  DEFAULT_ATTEMPTS,
  DEFAULT_GROUP,
  DEFAULT_JOB_TIMEOUT,
  DEFAULT_LEASE,
  GROUPS_PAGE,
  MAX_CLAIMS,
  MAX_GROUP_BYTES,
  MAX_OUTCOMES,
  MAX_RETRY_DELAY,
  MIN_LEASE,
  shortReason,
} from "./group_limits.ts";
import type { GroupRequest, GroupTarget, WireOutcome } from "./group_requests.ts";
import type { Limits } from "./client_limits.ts";
import { LIMITS } from "./limits.ts";
import {
  areCounts,
  filterRefusal,
  isCount,
  isCountIfGiven,
  isSessionName,
  limitExceeded,
  refuseField,
  refuseRequest,
  type RequestFields,
  SESSION_FORM,
  sinceRefusal,
} from "./request_fields.ts";
import type { RefusedRequest, TopicFilter, WireSince } from "./requests.ts";
import { groupProblem, prefixProblem, topicProblem } from "./text.ts";

/** A group may be from when longer topics were permitted. */
const MAX_TOPIC_BYTES = LIMITS.topicBytes.max;

/**
 * Decodes a request of groups.
 *
 * @param action what it asks for
 * @param fields its fields
 * @param id its id
 * @param limits the limits that apply
 * @returns the request; refused, if a field is not of its form, or beyond a limit
 */
export function decodeGroupRequest(
  action: GroupRequest["action"],
  fields: RequestFields,
  id: number,
  limits: Limits,
): GroupRequest | RefusedRequest {
  if (action === "groups") return decodeGroups(fields, id);
  const isMaker = action === "work" || action === "create_group";
  const refusal = targetRefusal(fields, isMaker ? limits.topicBytes : MAX_TOPIC_BYTES);
  if (refusal) return refusal;
  const { topic, prefix, group = DEFAULT_GROUP } = fields;
  const target = { topic, prefix, group } as GroupTarget;
  switch (action) {
    case "work":
      return decodeWork(fields, id, target, limits);
    case "finish":
      return decodeFinish(fields, id, target);
    case "extend": {
      const { worker, claims = [] } = fields;
      if (worker !== undefined && !isSessionName(worker)) return refuseWorker(fields);
      return claimsRefusal(fields, "claims") ??
        { action, id, ...target, worker, claims: claims as readonly number[] };
    }
    case "dead": {
      const { after = 0, count = DEAD_PAGE } = fields;
      if (!isCount(after)) return refuseField(fields, "after", "a sequence number");
      if (!isCount(count) || count < 1) {
        return refuseField(fields, "count", "a whole number from 1");
      }
      return { action, id, ...target, after, count: Math.min(count, DEAD_PAGE) };
    }
    case "redrive":
      return isCountIfGiven(fields.seq)
        ? { action, id, ...target, seq: fields.seq }
        : refuseField(fields, "seq", "a sequence number");
    case "create_group":
      return sinceRefusal(fields, "since") ??
        { action, id, ...target, since: fields.since as WireSince | undefined };
    case "delete_group":
      return { action, id, ...target };
  }
}

function decodeWork(
  fields: RequestFields,
  id: number,
  target: GroupTarget,
  limits: Limits,
): GroupRequest | RefusedRequest {
  const { worker, credit, since, holding = [] } = fields;
  const { lease = DEFAULT_LEASE, timeout = DEFAULT_JOB_TIMEOUT, attempts = DEFAULT_ATTEMPTS } =
    fields;
  if (!isSessionName(worker)) return refuseWorker(fields);
  if (!isCount(credit) || credit < 1) return refuseField(fields, "credit", "a whole number from 1");
  if (!isCount(lease) || lease < MIN_LEASE) {
    return refuseField(fields, "lease", `milliseconds from ${MIN_LEASE}`);
  }
  if (!isCount(timeout) || timeout < 1) {
    return refuseField(fields, "timeout", "milliseconds from 1");
  }
  if (!isCount(attempts) || attempts < 1) {
    return refuseField(fields, "attempts", "a whole number from 1");
  }
  const beyond = (limit: number, reason: string) => {
    const { code, message } = limitExceeded("work", limit, reason);
    return refuseRequest(fields, code, message, { limit });
  };
  if (credit > limits.heldJobs) {
    return beyond(limits.heldJobs, `${credit} jobs would be held`);
  }
  if (lease > limits.lease) return beyond(limits.lease, `a lease of ${lease} ms was asked for`);
  if (timeout > limits.jobTimeout) {
    return beyond(limits.jobTimeout, `a timeout of ${timeout} ms was asked for`);
  }
  if (attempts > limits.attempts) {
    return beyond(limits.attempts, `${attempts} attempts were asked for`);
  }
  return sinceRefusal(fields, "since") ?? claimsRefusal(fields, "holding") ?? {
    action: "work",
    id,
    ...target,
    ...{ worker, credit, lease, timeout, attempts },
    since: since as WireSince | undefined,
    holding: holding as readonly number[],
  };
}

function decodeFinish(
  fields: RequestFields,
  id: number,
  target: GroupTarget,
): GroupRequest | RefusedRequest {
  const { done = [], outcomes = [] } = fields;
  const refusal = claimsRefusal(fields, "done");
  if (refusal) return refusal;
  if (!Array.isArray(outcomes) || outcomes.length > MAX_OUTCOMES) {
    return refuseField(fields, "outcomes", `a list of at most ${MAX_OUTCOMES} outcomes`);
  }
  const decoded: WireOutcome[] = [];
  for (const item of outcomes) {
    const outcome = decodeOutcome(item);
    if (!outcome) {
      const form =
        '{"claim": a number, "outcome": "retry", "dead" or "release", "delay": milliseconds up to ' +
        `${MAX_RETRY_DELAY}, "reason": a text}`;
      const { action } = fields;
      return refuseField({ action, id, "outcomes[]": item }, "outcomes[]", form);
    }
    decoded.push(outcome);
  }
  return { action: "finish", id, ...target, done: done as readonly number[], outcomes: decoded };
}

function decodeOutcome(item: unknown): WireOutcome | undefined {
  const { claim, outcome, delay, reason } = Object(item) as {
    readonly [field in keyof WireOutcome]?: unknown;
  };
  const isValid = isCount(claim) && isOutcome(outcome) && isCountIfGiven(delay) &&
    (delay ?? 0) <= MAX_RETRY_DELAY && (reason === undefined || typeof reason === "string");
  if (!isValid) return undefined;
  return { claim, outcome, delay, reason: reason === undefined ? undefined : shortReason(reason) };
}

function isOutcome(value: unknown): value is WireOutcome["outcome"] {
  return value === "retry" || value === "dead" || value === "release";
}

function decodeGroups(fields: RequestFields, id: number): GroupRequest | RefusedRequest {
  const { topic, prefix, after, count = GROUPS_PAGE } = fields;
  const isFiltered = topic !== undefined || prefix !== undefined;
  const refusal = isFiltered ? filterRefusal(fields, { topicBytes: MAX_TOPIC_BYTES }) : undefined;
  if (refusal) return refusal;
  if (after !== undefined && !isTarget(after)) {
    return refuseField(fields, "after", '{"topic": a topic, "group": a name} or one with "prefix"');
  }
  if (!isCount(count) || count < 1) return refuseField(fields, "count", "a whole number from 1");
  return {
    action: "groups",
    id,
    filter: isFiltered ? { topic, prefix } as TopicFilter : undefined,
    after: after && targetOf(after),
    count: Math.min(count, GROUPS_PAGE),
  };
}

function isTarget(value: unknown): value is GroupTarget {
  const { topic, prefix, group } = Object(value) as Partial<Record<keyof GroupTarget, unknown>>;
  const isNamed = prefix === undefined
    ? topicProblem(topic, MAX_TOPIC_BYTES) === undefined
    : topic === undefined && prefixProblem(prefix, MAX_TOPIC_BYTES) === undefined;
  return isNamed && groupProblem(group, MAX_GROUP_BYTES) === undefined;
}

/** Without other fields. */
function targetOf({ topic, prefix, group }: GroupTarget): GroupTarget {
  return { topic, prefix, group } as GroupTarget;
}

/** Rejects a request that does not name a topic or a prefix, or whose group is no name. */
function targetRefusal(fields: RequestFields, topicBytes: number): RefusedRequest | undefined {
  const { action, group = DEFAULT_GROUP } = fields;
  const refusal = filterRefusal(fields, { topicBytes });
  if (refusal) return refusal;
  const problem = groupProblem(group, MAX_GROUP_BYTES);
  if (problem === undefined) return undefined;
  return refuseRequest(fields, "bad_request", `Cannot ${action}: ${problem}`);
}

/** Rejects a request whose claims are no claims, or too many. */
function claimsRefusal(
  fields: RequestFields,
  name: "claims" | "done" | "holding",
): RefusedRequest | undefined {
  const { action, id, [name]: claims = [] } = fields;
  if (areCounts(claims) && claims.length <= MAX_CLAIMS) return undefined;
  const refuse = (path: string, got: unknown, expected: string) =>
    refuseField({ action, id, [path]: got }, path, expected);
  if (!Array.isArray(claims)) return refuse(name, claims, "a list of claims");
  if (claims.length > MAX_CLAIMS) {
    return refuse(name, claims.length, `at most ${MAX_CLAIMS} claims`);
  }
  const wrong = claims.find((claim) => !isCount(claim));
  return refuse(`${name}[]`, wrong, "a claim, which is a whole number");
}

/** The name may be one with a typo, so the error does not show it. */
function refuseWorker(fields: RequestFields): RefusedRequest {
  const reason = `"worker" must be ${SESSION_FORM}`;
  return refuseRequest(fields, "bad_request", `Invalid ${fields.action} request: ${reason}`);
}
