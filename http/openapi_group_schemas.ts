/**
 * The schemas of the OpenAPI document that are about groups.
 *
 * @module
 */

import { MAX_CLAIMS, MAX_GROUP_BYTES, MAX_RETRY_DELAY } from "../protocol/group_limits.ts";
import { componentRef, type JsonObject, objectSchema } from "./openapi_schemas.ts";

const schemaRef = (name: string) => componentRef("schemas", name);
const count = (description: string) => ({ type: "integer", minimum: 0, description });
const claims = (description: string) => ({
  type: "array",
  items: schemaRef("Claim"),
  description,
});

const ATTEMPT = {
  type: "integer",
  minimum: 1,
  description: "How often the job was given to a worker, this time included.",
};

const DELAY = {
  type: "number",
  minimum: 0,
  maximum: MAX_RETRY_DELAY / 1000,
  default: 0,
  description: "With `retry`: after how many seconds.",
};

/** A message with more members. */
function messageWith(members: JsonObject, description: string): JsonObject {
  return {
    allOf: [schemaRef("Message")],
    properties: members,
    required: Object.keys(members),
    description,
  };
}

/** The schemas by their names. */
export const groupSchemas: JsonObject = {
  Claim: {
    type: "integer",
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description:
      "Names one delivery of a message to a worker: a number that grows, and is never used again.",
    examples: [1767225600000001],
  },
  GroupName: {
    type: "string",
    minLength: 1,
    description:
      `The name of a group: up to ${MAX_GROUP_BYTES} bytes of UTF-8, without control characters.`,
    examples: ["default"],
  },
  Group: objectSchema({
    topic: { ...schemaRef("Topic"), description: "The topic that it works on." },
    prefix: {
      type: "string",
      description: "Or what the topics begin with that it works on; if empty, it is all.",
    },
    group: schemaRef("GroupName"),
    frontier: { ...schemaRef("Seq"), description: "All messages after this number wait." },
    depth: count(
      "How many jobs wait: those after the frontier, and `ready`, `delayed`, `blocked`.",
    ),
    ready: count("How many were given back, and can be claimed at once."),
    delayed: count("How many have a time to come: put with a `delay`, or to be retried."),
    blocked: count("How many are behind another one with their key."),
    held: count("How many are held by a worker."),
    dead: count("How many are dead."),
    oldest: {
      ...schemaRef("Time"),
      description: "When the oldest message that waits or is held was stored, if there is one.",
    },
    stalled: {
      type: "boolean",
      description: "It takes no new messages: it has as many unfinished jobs as it may have.",
    },
    claimed: count("How often a job was given to a worker."),
    done: count("How many were done."),
    retried: count("How often one was to be tried again: it had failed, or its lease had ended."),
    died: count("How often one died."),
    givenUp: count("How many messages were given up, because there was no more room for them."),
    workers: count("How many workers are connected to this server, waiting claims included."),
  }, {
    optional: ["topic", "prefix", "oldest"],
    description:
      "A group. Numbers of jobs are as of now, counts (`claimed` to `givenUp`) since it was made, or the server has opened its store.",
  }),
  GroupPage: objectSchema({
    groups: { type: "array", items: schemaRef("Group") },
    next: {
      type: ["string", "null"],
      description: "The `after` of the next page; `null` on the last one.",
    },
  }),
  Job: messageWith(
    { claim: schemaRef("Claim"), attempt: ATTEMPT },
    "A message that the client holds now.",
  ),
  DeadJob: messageWith({
    attempt: ATTEMPT,
    at: { ...schemaRef("Time"), description: "When it died, in milliseconds since 1970." },
    reason: { type: "string", description: "Why, for people; empty if nobody has said it." },
  }, "A message that nobody works on any more, unless it is put back."),
  DeadPage: objectSchema({
    dead: { type: "array", items: schemaRef("DeadJob") },
    next: {
      type: ["integer", "null"],
      description: "The `after` of the next page; `null` on the last one.",
    },
  }),
  Outcome: objectSchema({
    claim: schemaRef("Claim"),
    outcome: {
      enum: ["done", "retry", "dead", "release"],
      default: "done",
      description:
        "`done`; `retry`: somebody gets it again, unless it was claimed often enough, then it is dead; `dead`; `release`: as if it had not been claimed.",
    },
    delay: DELAY,
    reason: { type: "string", description: "Why it is not done, for people." },
  }, { optional: ["outcome", "delay", "reason"], additionalProperties: false }),
  Finished: objectSchema({
    lost: claims("Those whose lease had ended: what became of them counts for nothing."),
    dead: claims("Those whose jobs are dead now."),
  }),
  Extension: {
    oneOf: [
      objectSchema({ claim: schemaRef("Claim") }, { additionalProperties: false }),
      objectSchema({
        claims: { type: "array", items: schemaRef("Claim"), maxItems: MAX_CLAIMS },
      }, { additionalProperties: false }),
    ],
    description: "The claims that are still worked on.",
  },
};
