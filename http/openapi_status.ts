/**
 * What the OpenAPI document says of `/status`.
 *
 * @module
 */

import { KNOWN_DURABILITIES } from "../protocol/decode_welcome.ts";
import { LIMITS } from "../protocol/limits.ts";
import { openApiResponse } from "./openapi_responses.ts";
import { componentRef, type JsonObject, objectSchema } from "./openapi_schemas.ts";

const COUNT = { type: "integer", minimum: 0 };
const count = (description: string) => ({ ...COUNT, description });
const oneOf = (values: readonly string[], description: string) => ({ enum: values, description });

const PERMITTED = {
  type: "array",
  items: {
    oneOf: [
      objectSchema({ topic: { type: "string", description: "The topic with this name." } }),
      objectSchema({
        prefix: { type: "string", description: "All topics that begin with this; if empty, all." },
      }),
    ],
  },
};

/** The answer. */
export const STATUS_RESPONSE: JsonObject = openApiResponse(
  "What the server is, and how it does.",
  ["Cache-Control"],
  [],
  { "application/json": { schema: componentRef("schemas", "ServerStatus") } },
);

/** The schemas by their names. */
export const statusSchemas: JsonObject = {
  ServerStatus: objectSchema({
    server: { type: "string", description: "Such as `dsmq/1.0.0`: what it is, and its version." },
    time: {
      ...componentRef("schemas", "Time"),
      description: "Now, by the clock that messages are stored by, in milliseconds since 1970.",
    },
    epoch: { type: "string", description: "The name of the present opening of the store." },
    durability: oneOf(
      Object.keys(KNOWN_DURABILITIES),
      "What a stored message survives.",
    ),
    retention: count("How long a message is kept, in milliseconds."),
    tokens: {
      type: "boolean",
      description: "Whether the server knows tokens. Where it knows none, a token changes nothing.",
    },
    permissions: objectSchema({
      read: PERMITTED,
      write: PERMITTED,
      work: PERMITTED,
      admin: PERMITTED,
    }, {
      description: "What this request may do, and for which topics.",
    }),
    operation: componentRef("schemas", "ServerOperation"),
  }, { optional: ["operation"] }),
  ServerOperation: objectSchema({
    store: oneOf(["memory", "sqlite", "nats"], "Where messages are stored."),
    engine: { type: "string", description: "The SQLite engine." },
    transport: oneOf(["builtin", "hardened", "handler"], "How clients connect."),
    startedAt: count("When the server started, in milliseconds since 1970."),
    uptime: count("For how many milliseconds it has run."),
    stored: {
      ...objectSchema({ messages: COUNT, bytes: COUNT, topics: COUNT }),
      type: ["object", "null"],
      description: "What is stored; `null` if that cannot be read.",
    },
    replication: {
      ...objectSchema({
        position: count("The position of the last record that was applied here."),
        behindBy: count("How many records the log has beyond that, as far as is known."),
        underWay: count("Records of this server that the log has not brought back yet."),
        waitingBytes: count("Bytes of what waits for the log."),
        idleFor: {
          type: "number",
          minimum: 0,
          description: "For how many milliseconds nothing has come from the log.",
        },
      }),
      type: ["object", "null"],
      description: "How far it is with a log that servers share; `null` if it has none.",
    },
    groups: {
      ...objectSchema({
        groups: count("How many groups of workers there are."),
        stalled: count("How many of them take no new messages."),
        workers: count("Workers that are connected, and claims that wait for a job."),
        oldest: {
          type: ["integer", "null"],
          description:
            "When the oldest message was stored that is not finished, in milliseconds since 1970.",
        },
        jobs: objectSchema(
          {
            waiting: COUNT,
            ready: COUNT,
            delayed: COUNT,
            blocked: COUNT,
            held: COUNT,
            dead: COUNT,
          },
          { description: "Jobs of all groups; `waiting`: nobody has begun them." },
        ),
        counts: objectSchema(
          { claimed: COUNT, done: COUNT, retried: COUNT, died: COUNT, givenUp: COUNT },
          { description: "How often that has happened to a job." },
        ),
      }),
      type: ["object", "null"],
      description: "What there is of groups; `null` if that cannot be read.",
    },
    fault: {
      type: ["string", "null"],
      description: "Why nothing can be stored, or read, as far as that is known.",
    },
    counts: objectSchema({
      stored: count("Messages that were put and stored."),
      duplicates: count("Messages that were put again, and had been stored before."),
      storedBytes: count("Bytes of the messages that were stored."),
      delivered: count("Messages that were streamed or returned by reads, once for each reader."),
      deliveredBytes: count("Bytes of these messages."),
      refused: count("Requests and connections that were refused, or failed."),
      dropped: count("Connections that were dropped."),
      slowReaders: count("Those of them that did not read what waited for them."),
    }, { description: "Since the server started." }),
    connections: objectSchema(
      { websocket: COUNT, http_request: COUNT, http_wait: COUNT, http_stream: COUNT },
      { description: "Open connections and requests of plain HTTP, by their kind." },
    ),
    pendingConnections: count(
      "Connections that have not sent a token yet, or wait for a free place.",
    ),
    memory: objectSchema({
      rss: count("The resident memory of the process."),
      heapUsed: count("What V8 uses for objects."),
    }, { description: "In bytes." }),
    limits: {
      type: "array",
      description: "Each limit of which the server counts the use.",
      items: objectSchema({
        name: { enum: Object.keys(LIMITS) },
        used: { ...COUNT, type: ["integer", "null"], description: "`null`: unknown." },
        limit: COUNT,
        unit: { enum: ["count", "bytes"] },
      }),
    },
  }, { description: "How the server does: for those who may administer all topics." }),
};
