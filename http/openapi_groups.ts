/**
 * The paths of the OpenAPI document that are about groups.
 *
 * @module
 */

import { DEAD_PAGE, GROUPS_PAGE, MAX_OUTCOMES } from "../protocol/group_limits.ts";
import { type Limits, MAX_WAIT } from "../protocol/client_limits.ts";
import { claimBounds } from "./claim_message.ts";
import {
  BODY_STATUSES,
  CALL_STATUSES,
  getAndHead,
  jsonContent,
  optionsOf,
  parameterRefs,
  queryParameter,
} from "./openapi_operations.ts";
import { openApiResponse, problemRefs } from "./openapi_responses.ts";
import { componentRef, type JsonObject } from "./openapi_schemas.ts";
import type { WholeParameter } from "./query.ts";

const schemaRef = (name: string) => componentRef("schemas", name);

/** All requests about a group may find too many, or a store that cannot tell. */
const STATUSES = [...CALL_STATUSES, 429];
/** Those that change it. */
const CHANGE_STATUSES = [...STATUSES, 507];

/** The parameters by their names. */
export const groupParameters: JsonObject = {
  Group: {
    name: "group",
    in: "path",
    required: true,
    description: "The name of the group, percent-encoded, slashes included.",
    schema: schemaRef("GroupName"),
    example: "default",
  },
  WorksOnTopic: queryParameter(
    "topic",
    schemaRef("Topic"),
    "The topic that the group works on. There must be this or `prefix`.",
  ),
  WorksOnPrefix: queryParameter(
    "prefix",
    { type: "string" },
    "What the topics begin with that the group works on; if empty, it is all.",
  ),
  Since: queryParameter(
    "since",
    {
      anyOf: [
        { enum: ["start", "now"] },
        schemaRef("Position"),
        { type: "string", pattern: "^[0-9]{1,16}$" },
      ],
    },
    "If the group is not there: after which message it begins. Default: it gets all that are there.",
  ),
};

function seconds(parameter: WholeParameter, description: string): JsonObject {
  const [min, max, preset] = [parameter.min, parameter.max, parameter.default].map((ms) =>
    ms / 1000
  );
  const schema = { type: "number", minimum: min, maximum: max, default: preset };
  return queryParameter(parameter.name, schema, description);
}

function claimParameters(limits: Limits): readonly JsonObject[] {
  const { lease, timeout, attempts } = claimBounds(limits);
  const wait = { name: "wait", min: 0, max: MAX_WAIT - MAX_WAIT % 1000, default: 0 };
  return [
    seconds(wait, "For how many seconds to wait until there is a job."),
    seconds(lease, "After how many seconds somebody else gets it, unless it is extended."),
    seconds(timeout, "After how many seconds somebody else gets it, however often it is extended."),
    queryParameter(
      "attempts",
      { type: "integer", minimum: 1, maximum: attempts.max, default: attempts.default },
      "How often the job is tried before it is dead.",
    ),
    ...parameterRefs("Since"),
  ];
}

function claimResponse(isPrefix: boolean): JsonObject {
  const optional = [
    "Dsmq-Seq",
    "Dsmq-Time",
    ...(isPrefix ? ["Dsmq-Topic" as const] : []),
    "Dsmq-Message-Id",
    "Dsmq-Key",
    "Dsmq-Delay",
    "Dsmq-Header-NAME",
    "X-Content-Type-Options",
  ] as const;
  const required = ["Cache-Control", "Dsmq-Position", "Dsmq-Claim", "Dsmq-Attempt"] as const;
  return openApiResponse("A job, which the client holds now.", required, optional, {
    "text/plain": {
      schema: { type: "string", description: "The text of the message." },
      example: "hello",
    },
    ...jsonContent(schemaRef("Job")),
  });
}

const answer = (description: string, schema: JsonObject, example?: JsonObject) =>
  openApiResponse(description, ["Cache-Control"], [], jsonContent(schema, example));
const body = (schema: JsonObject, isRequired = true) => ({
  required: isRequired,
  content: { "*/*": { schema } },
});

/** The operations of a group below one of its paths, by what follows its name. */
function operationsOf(isPrefix: boolean, limits: Limits): readonly [verb: string, JsonObject][] {
  const suffix = isPrefix ? "Named" : "";
  const tags = ["groups"];
  const named = isPrefix ? parameterRefs("WorksOnTopic", "WorksOnPrefix") : [];
  const post = (verb: string, summary: string, more: JsonObject): [string, JsonObject] => [
    `/${verb}`,
    {
      post: { operationId: `${verb}${suffix}Job`, tags, summary, parameters: named, ...more },
      ...optionsOf(`${verb}${suffix}Job`),
    },
  ];
  const counted = (name: string, type: string) => ({
    type: "object",
    properties: { [name]: { type } },
    required: [name],
  });
  const withBody = [...CHANGE_STATUSES, ...BODY_STATUSES, 404];
  return [
    ["", {
      ...getAndHead(`${suffix}Group`, "Tells of a group what the list does", {
        tag: "groups",
        parameters: named,
        responses: {
          "200": answer("The group.", schemaRef("Group")),
          ...problemRefs(...STATUSES, 404, 406),
        },
      }),
      put: {
        ...{ operationId: `make${suffix}Group`, tags, summary: "Makes a group" },
        description: "A claim makes it, too: this is for what is put before the first one.",
        parameters: [...named, ...parameterRefs("Since")],
        responses: {
          "200": answer("The group was there.", counted("created", "boolean")),
          "201": answer("The group is made.", counted("created", "boolean")),
          ...problemRefs(...CHANGE_STATUSES),
        },
      },
      delete: {
        ...{ operationId: `delete${suffix}Group`, tags, parameters: named },
        summary: "Deletes a group with its jobs, for administrators of what it works on",
        responses: {
          "204": openApiResponse("The group is deleted.", [], []),
          ...problemRefs(...CHANGE_STATUSES, 404),
        },
      },
      ...optionsOf(`${suffix}Group`),
    }],
    post("claim", "Claims the next job", {
      description:
        "The message is the client's until it is finished, or the lease ends. If its client is gone before it has the answer, it is given back.",
      parameters: [...named, ...claimParameters(limits)],
      responses: {
        "200": claimResponse(isPrefix),
        "204": openApiResponse("There is no job.", ["Cache-Control"], []),
        ...problemRefs(...CHANGE_STATUSES, 404, 406),
      },
    }),
    post("finish", "Says what became of jobs", {
      description:
        `The body is an outcome, or a list of up to ${MAX_OUTCOMES}; of a list, those that are lost are named in the answer.`,
      requestBody: body({
        oneOf: [
          schemaRef("Outcome"),
          { type: "array", items: schemaRef("Outcome"), maxItems: MAX_OUTCOMES },
        ],
      }),
      responses: {
        "200": answer("What became of the claims.", schemaRef("Finished"), { lost: [], dead: [] }),
        ...problemRefs(...withBody, 409),
      },
    }),
    post("extend", "Goes on working: renews the leases of claims", {
      requestBody: body(schemaRef("Extension")),
      responses: {
        "200": answer("The claims that are lost.", {
          type: "object",
          properties: { lost: { type: "array", items: schemaRef("Claim") } },
          required: ["lost"],
        }, { lost: [] }),
        ...problemRefs(...withBody, 409),
      },
    }),
    post("redrive", "Has dead jobs worked again", {
      requestBody: body({
        type: "object",
        properties: { seq: { ...schemaRef("Seq"), description: "Which one. Default: all." } },
        additionalProperties: false,
      }, false),
      responses: {
        "200": answer("How many there were.", counted("redriven", "integer"), { redriven: 3 }),
        ...problemRefs(...withBody),
      },
    }),
    ["/dead", {
      ...getAndHead(`${suffix}DeadJobs`, "Lists dead jobs", {
        tag: "groups",
        parameters: [
          ...named,
          queryParameter("after", schemaRef("Seq"), "The number of the last one before."),
          queryParameter(
            "count",
            { type: "integer", minimum: 1, maximum: DEAD_PAGE, default: DEAD_PAGE },
            "How many jobs a page has at most.",
          ),
        ],
        responses: {
          "200": answer("Dead jobs, those of the oldest messages first.", schemaRef("DeadPage")),
          ...problemRefs(...STATUSES, 404, 406),
        },
      }),
      ...optionsOf(`${suffix}DeadJobs`),
    }],
  ];
}

/** The paths of a server with these limits. */
export function groupPaths(limits: Limits): JsonObject {
  const below = (path: string, isPrefix: boolean, ...parameters: string[]) =>
    Object.fromEntries(
      operationsOf(isPrefix, limits).map(([verb, item]) => [
        `${path}${verb}`,
        { parameters: parameterRefs(...parameters), ...item },
      ]),
    );
  return {
    "/groups": {
      ...getAndHead("Groups", "Lists the groups that the client may work on or administer", {
        tag: "groups",
        parameters: [
          queryParameter("topic", schemaRef("Topic"), "Only groups that work on this topic."),
          queryParameter("prefix", { type: "string" }, "Only groups that work on this prefix."),
          queryParameter("after", { type: "string" }, "The `next` of the page before."),
          queryParameter(
            "count",
            { type: "integer", minimum: 1, maximum: GROUPS_PAGE, default: GROUPS_PAGE },
            "How many groups a page has at most.",
          ),
        ],
        responses: {
          "200": answer("Groups.", schemaRef("GroupPage")),
          ...problemRefs(...STATUSES, 406),
        },
      }),
      ...optionsOf("Groups"),
    },
    ...below("/topics/{topic}/groups/{group}", false, "Topic", "Group"),
    ...below("/groups/{group}", true, "Group"),
  };
}
