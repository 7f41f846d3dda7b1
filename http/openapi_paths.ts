/**
 * The paths of the OpenAPI document: their methods, parameters and responses.
 *
 * @module
 */

import { ATTRIBUTE_LIMITS } from "../protocol/attributes.ts";
import { maxRequestFrameBytes } from "../protocol/frame_sizes.ts";
import { type Limits, MAX_WAIT } from "../protocol/client_limits.ts";
import { TOPICS_PAGE } from "../protocol/limits.ts";
import { MESSAGE_PAGE } from "./get_messages.ts";
import { groupParameters, groupPaths } from "./openapi_groups.ts";
import {
  ADDRESS_STATUSES,
  BODY_STATUSES,
  CALL_STATUSES,
  getAndHead,
  jsonContent,
  optionsOf,
  parameterRefs,
  queryParameter,
} from "./openapi_operations.ts";
import { openApiResponse, problemRefs, readResponse } from "./openapi_responses.ts";
import { componentRef, EXAMPLE_POSITION, type JsonObject } from "./openapi_schemas.ts";
import { STATUS_RESPONSE } from "./openapi_status.ts";
import { NDJSON } from "./put_lines.ts";

const schemaRef = (name: string) => componentRef("schemas", name);

const PUT_STATUSES = [...CALL_STATUSES, ...BODY_STATUSES, 429, 500, 507];

const header = (name: string, description: string, more: JsonObject = {}) => ({
  name,
  in: "header",
  description,
  schema: { type: "string", ...more },
});

const AFTER = {
  anyOf: [
    { enum: ["start", "now"] },
    schemaRef("Position"),
    { type: "string", pattern: "^[0-9]{1,16}$" },
  ],
};

/** The parameters by their names. */
export const openApiParameters: JsonObject = {
  ...groupParameters,
  Topic: {
    name: "topic",
    in: "path",
    required: true,
    description:
      "The topic, percent-encoded; a slash may stand for itself. Names that a path cannot carry, such as `..`, go into the parameter `topic` of `/topics`.",
    schema: schemaRef("Topic"),
    example: "orders.eu",
  },
  TopicQuery: queryParameter("topic", schemaRef("Topic"), "A topic, whatever its name is."),
  Key: queryParameter(
    "key",
    { type: "string", minLength: 1 },
    `The \`key\` of the message, or of the lines that have none of their own: up to ${ATTRIBUTE_LIMITS.key} bytes of UTF-8.`,
  ),
  Delay: queryParameter(
    "delay",
    { type: "number", minimum: 0, maximum: ATTRIBUTE_LIMITS.delay / 1000 },
    "After how many seconds groups of workers get the message, or the lines that have no `delay` of their own. Readers get it at once.",
  ),
  After: queryParameter(
    "after",
    AFTER,
    "From where to read: `start`, `now`, a position, or a sequence number of the present epoch. By default a message or a page is read from the start, and a stream begins now.",
  ),
  ListAfter: queryParameter(
    "after",
    { type: "string" },
    "To read a topic: see `/topics/{topic}`. To list topics: the last one of the page before.",
  ),
  Wait: queryParameter(
    "wait",
    { type: "number", minimum: 0, maximum: Math.floor(MAX_WAIT / 1000), default: 0 },
    "For how many seconds to wait until there is a message. Not for streams.",
  ),
  Count: queryParameter(
    "count",
    { type: "integer", minimum: 1, maximum: MESSAGE_PAGE.max, default: MESSAGE_PAGE.default },
    "How many messages a page has at most. With it the answer is a page.",
  ),
  ListCount: queryParameter(
    "count",
    { type: "integer", minimum: 1, maximum: Math.max(MESSAGE_PAGE.max, TOPICS_PAGE) },
    `How many topics, or messages, a page has at most. Default: ${TOPICS_PAGE} topics, or ${MESSAGE_PAGE.default} messages.`,
  ),
  Prefix: queryParameter(
    "prefix",
    { type: "string", default: "" },
    "What the names of the topics begin with. Default: all topics.",
  ),
  LastEventId: header(
    "Last-Event-ID",
    "The id of the last event of a stream that broke: it goes on behind it, whatever `after` is. `EventSource` sends it.",
    { examples: [EXAMPLE_POSITION] },
  ),
  IdempotencyKey: header(
    "Idempotency-Key",
    "The `messageId` of the message: a repetition is not stored again. It may be in quotes.",
    { minLength: 1 },
  ),
  MessageHeader: header(
    "Dsmq-Header-NAME",
    "A header of the message, as many as there are, in place of NAME its name. In name and value everything may be percent-encoded UTF-8; names are in lower case otherwise.",
  ),
};

function reading(page: JsonObject, from: "topic" | "prefix" | "list"): JsonObject {
  return {
    "200": readResponse(page, from),
    "204": openApiResponse("There is no message.", ["Cache-Control", "Dsmq-Position"], []),
    ...problemRefs(...CALL_STATUSES, 406, 410, 429),
  };
}

const FORMS =
  "`Accept` chooses the form: the text of the next message (`text/plain`, the default), a page (`application/json`), or a stream of all messages from now on (`text/event-stream` as `EventSource` reads it, `application/x-ndjson` as lines). HEAD neither waits nor follows.";

/** `POST` to a topic. */
function putting(name: string, parameters: readonly JsonObject[], limits: Limits): JsonObject {
  const ack = { seq: 42, position: EXAMPLE_POSITION, time: 1767225600000 };
  const size = `up to ${limits.messageBytes} bytes as JSON, attributes included`;
  const lines = `up to ${limits.frameRequests} lines and ${maxRequestFrameBytes(limits)} bytes`;
  const attributes = parameterRefs("Key", "Delay", "IdempotencyKey", "MessageHeader");
  return {
    operationId: `put${name}`,
    tags: ["messages"],
    summary: "Puts a message, or many",
    description:
      `The body is the message, ${size}, whatever its type; but in \`${NDJSON}\` each line is one, ${lines}. Lines are answered one by one, in their order; empty ones are skipped, and a bad one fails alone.`,
    parameters: [...parameters, ...attributes],
    requestBody: {
      required: true,
      content: {
        "*/*": { schema: { type: "string", description: "UTF-8." }, example: "hello" },
        [NDJSON]: { schema: { type: "array", items: schemaRef("PutLine") } },
      },
    },
    responses: {
      "200": openApiResponse("What came of each line.", [], [], {
        [NDJSON]: { schema: { type: "array", items: schemaRef("PutLineResult") } },
      }),
      "201": openApiResponse("The message is stored, or was.", [], [], {
        "application/json": { schema: schemaRef("PutAck"), example: ack },
      }),
      ...problemRefs(...PUT_STATUSES),
    },
  };
}

/** A page for everybody: one line of text. */
function page(name: string, summary: string, readiness?: { readonly unready: string }): JsonObject {
  const line = { "text/plain": { schema: { type: "string" } } };
  const responses = {
    "200": openApiResponse("One line of text.", [], [], line),
    ...(readiness && { "503": openApiResponse(readiness.unready, [], [], line) }),
    ...problemRefs(...ADDRESS_STATUSES),
  };
  const setup = { tag: "server", responses, isPublic: true } as const;
  return { ...getAndHead(name, summary, setup), ...optionsOf(name) };
}

/** The paths of a server with these limits. */
export function openApiPaths(limits: Limits): JsonObject {
  const reads = parameterRefs("After", "Wait", "Count", "LastEventId");
  const messages = schemaRef("MessagePage");
  const named = {
    allOf: [messages],
    properties: {
      messages: {
        type: "array",
        items: { properties: { topic: schemaRef("Topic") }, required: ["topic"] },
      },
    },
  };
  const either = { oneOf: [messages, schemaRef("TopicPage")] };
  const unready = { unready: "The server stops, or nothing can be stored." };
  const metrics = {
    "200": openApiResponse("Metrics in Prometheus' text format.", ["Cache-Control"], [], {
      "text/plain": { schema: { type: "string" } },
    }),
    ...problemRefs(...CALL_STATUSES, 404),
  };
  const document = {
    "200": openApiResponse("This document.", [], [], jsonContent({ type: "object" })),
    ...problemRefs(...ADDRESS_STATUSES),
  };
  return {
    "/topics/{topic}": {
      parameters: parameterRefs("Topic"),
      ...getAndHead("Topic", "Reads a topic", {
        tag: "messages",
        description: FORMS,
        parameters: reads,
        responses: reading(messages, "topic"),
      }),
      post: putting("IntoTopic", [], limits),
      ...optionsOf("Topic"),
    },
    "/topics": {
      ...getAndHead("Topics", "Lists topics, or reads one whose name a path cannot carry", {
        tag: "topics",
        description: `Without \`topic\` it lists those that hold messages. With it: ${FORMS}`,
        parameters: parameterRefs(
          "Prefix",
          "TopicQuery",
          "ListAfter",
          "ListCount",
          "Wait",
          "LastEventId",
        ),
        responses: reading(either, "list"),
      }),
      post: putting("IntoNamedTopic", [{
        ...openApiParameters.TopicQuery as JsonObject,
        required: true,
      }], limits),
      ...optionsOf("Topics"),
    },
    "/messages": {
      ...getAndHead("Messages", "Reads all topics, or those with a prefix, in one order", {
        tag: "messages",
        description: FORMS,
        parameters: [...parameterRefs("Prefix"), ...reads],
        responses: reading(named, "prefix"),
      }),
      ...optionsOf("Messages"),
    },
    ...groupPaths(limits),
    "/health": page("Health", "Whether the server can work", unready),
    "/health/live": page("Liveness", "Whether the process answers"),
    "/health/ready": page("Readiness", "Whether the server can work", unready),
    "/metrics": {
      ...getAndHead("Metrics", "What the server counts and measures, for administrators", {
        tag: "server",
        responses: metrics,
      }),
      ...optionsOf("Metrics"),
    },
    "/status": {
      ...getAndHead("Status", "What the server is, what you may do, and how it does", {
        tag: "server",
        responses: { "200": STATUS_RESPONSE, ...problemRefs(...CALL_STATUSES, 429) },
      }),
      ...optionsOf("Status"),
    },
    "/openapi.json": {
      ...getAndHead("Document", "This document", {
        tag: "server",
        responses: document,
        isPublic: true,
      }),
      ...optionsOf("Document"),
    },
    "/": page("Root", "What this is"),
  };
}
