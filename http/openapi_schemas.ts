/**
 * The schemas of the OpenAPI document: what is in bodies, headers and parameters.
 *
 * @module
 */

import { ATTRIBUTE_LIMITS } from "../protocol/attributes.ts";
import { ERRORS } from "../protocol/error_codes.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import type { Limits } from "../protocol/client_limits.ts";
import { STATUS_OF } from "./problem.ts";

/** A part of the document. */
export type JsonObject = { readonly [member: string]: unknown };

/** Refers to a part under `components`. */
export function componentRef(
  kind: "schemas" | "parameters" | "responses" | "headers",
  name: string,
): { readonly $ref: string } {
  return { $ref: `#/components/${kind}/${name}` };
}

/** A position for examples. */
export const EXAMPLE_POSITION = "0f5e2b7c-8a3d-4c61-9b7e-2d1f6a90c3e4:42";

const schemaRef = (name: string) => componentRef("schemas", name);

const EXAMPLE_TIME = 1767225600000;

/** An object all of whose members are there, but for some. */
export function objectSchema(
  properties: JsonObject,
  { optional = [], ...more }: { readonly optional?: readonly string[] } & JsonObject = {},
): JsonObject {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, ...more };
}

/** JSON as the data of an event. */
function eventData(content: JsonObject): JsonObject {
  return { type: "string", contentMediaType: "application/json", contentSchema: content };
}

/** A list in Markdown of what each code means. */
function codeList(codes: readonly ErrorCode[]): string {
  return codes.map((code) => `- \`${code}\`: ${ERRORS[code].description}`).join("\n");
}

const ATTRIBUTES = {
  key: {
    type: "string",
    minLength: 1,
    description:
      `Which messages belong together, for groups of workers: up to ${ATTRIBUTE_LIMITS.key} bytes of UTF-8.`,
  },
  headers: {
    type: "object",
    additionalProperties: { type: "string" },
    maxProperties: ATTRIBUTE_LIMITS.headers,
    description: "What programs agree on, such as `traceparent`.",
  },
  messageId: {
    type: "string",
    minLength: 1,
    description:
      `Names the message: up to ${ATTRIBUTE_LIMITS.messageId} bytes of UTF-8. While one with this id is kept in the topic, another one is not stored.`,
  },
  delay: {
    type: "number",
    minimum: 0,
    maximum: ATTRIBUTE_LIMITS.delay / 1000,
    description: "After how many seconds groups of workers get it. Readers get it at once.",
  },
} as const;

/** The schemas by their names. Those of numbers, positions and topics also say what headers and parameters are. */
export function openApiSchemas({ topicBytes }: Pick<Limits, "topicBytes">): JsonObject {
  const codes = Object.keys(STATUS_OF) as ErrorCode[];
  const gapNumbers = {
    after: {
      ...schemaRef("Seq"),
      description: "The sequence number after which messages were asked for.",
    },
    floor: {
      ...schemaRef("Seq"),
      description: "Everything up to this sequence number is gone.",
    },
    last: { ...schemaRef("Seq"), description: "The last sequence number of the store." },
    position: { ...schemaRef("Position"), description: "From where reading goes on." },
  };
  return {
    Seq: {
      type: "integer",
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        "The number of a message in the order of the whole store. 0 comes before the first.",
      examples: [42],
    },
    Time: {
      type: "integer",
      description: "When a message was stored, in milliseconds since 1970.",
      examples: [EXAMPLE_TIME],
    },
    Position: {
      type: "string",
      pattern: "^[A-Za-z0-9_-]{16,128}:(0|[1-9][0-9]*)$",
      description:
        "Epoch and sequence number, one opaque text: from where to go on. An epoch is one opening of the store, so a position tells when a history is lost.",
      examples: [EXAMPLE_POSITION],
    },
    Topic: {
      type: "string",
      minLength: 1,
      description:
        `The name of a topic: up to ${topicBytes} bytes of UTF-8, without control characters.`,
      examples: ["orders.eu"],
    },
    Message: objectSchema({
      seq: schemaRef("Seq"),
      position: schemaRef("Position"),
      time: schemaRef("Time"),
      topic: { ...schemaRef("Topic"), description: "The topic, where several are read." },
      body: { type: "string", description: "The text, exactly as it was put." },
      ...ATTRIBUTES,
    }, { optional: ["topic", ...Object.keys(ATTRIBUTES)] }),
    MessagePage: objectSchema({
      messages: { type: "array", items: schemaRef("Message") },
      next: { ...schemaRef("Position"), description: "The `after` of the next page." },
    }),
    TopicPage: objectSchema({
      topics: {
        type: "array",
        description: "Topics in the order of their code points.",
        items: objectSchema({
          topic: schemaRef("Topic"),
          messages: { type: "integer", minimum: 1, description: "How many messages it holds." },
          bytes: {
            type: "integer",
            minimum: 1,
            description: "What these count of the limit `storedBytes`, in bytes.",
          },
          stored: {
            type: "integer",
            minimum: 0,
            description:
              "How many messages were stored in it since the server has opened its store: a counter that begins again with the first message after all others were gone, and when a file is opened again because of an error.",
          },
          seq: { ...schemaRef("Seq"), description: "That of its newest message." },
          time: { ...schemaRef("Time"), description: "That of its newest message." },
          readers: {
            type: "integer",
            minimum: 0,
            description: "How many streams and waits follow it now, those of prefixes included.",
          },
        }),
      },
      next: {
        type: ["string", "null"],
        description: "The `after` of the next page; `null` on the last one.",
      },
    }),
    PutAck: objectSchema({
      seq: schemaRef("Seq"),
      position: schemaRef("Position"),
      time: { ...schemaRef("Time"), description: "Absent if the message is gone by now." },
      dup: {
        const: true,
        description: "A message with this `messageId` was there already: this is where.",
      },
    }, { optional: ["time", "dup"] }),
    PutLine: {
      oneOf: [
        { type: "string" },
        objectSchema({ body: { type: "string" }, ...ATTRIBUTES }, {
          optional: Object.keys(ATTRIBUTES),
          additionalProperties: false,
        }),
      ],
      description: "A message to be put: its text, or an object.",
    },
    PutLineResult: {
      oneOf: [schemaRef("PutAck"), schemaRef("Problem")],
      description: "Where the message of a line is stored, or why it is not.",
    },
    StreamLine: {
      oneOf: [
        schemaRef("Message"),
        objectSchema({ gap: schemaRef("Gap") }),
        objectSchema({ end: schemaRef("StreamEnd") }),
      ],
      description: "An empty line is a heartbeat.",
    },
    StreamEvent: {
      anyOf: [
        objectSchema({ id: schemaRef("Position") }, {
          description: "The first one: from where the stream goes on if it breaks.",
        }),
        objectSchema({ id: schemaRef("Position"), data: eventData(schemaRef("Message")) }),
        objectSchema({
          event: { const: "gap" },
          id: schemaRef("Position"),
          data: eventData(schemaRef("Gap")),
        }),
        objectSchema({ event: { const: "end" }, data: eventData(schemaRef("StreamEnd")) }),
      ],
      description: "A comment is a heartbeat.",
    },
    Gap: objectSchema({
      code: { enum: codes.filter((code) => STATUS_OF[code] === 410) },
      message: { type: "string", description: "What is missing, for people." },
      ...gapNumbers,
    }, { description: "Messages are missing. The stream goes on behind them." }),
    StreamEnd: objectSchema({
      code: { enum: codes },
      message: { type: "string", description: "Why the stream ends, for people." },
      limit: { type: "integer" },
    }, { optional: ["limit"] }),
    Problem: objectSchema({
      type: { const: "about:blank" },
      title: { type: "string", description: "The reason phrase of the status." },
      status: { type: "integer", minimum: 400, maximum: 599 },
      code: { enum: codes, description: `What went wrong, for programs.\n\n${codeList(codes)}` },
      detail: { type: "string", description: "One sentence about this occurrence." },
      limit: { type: "integer", description: "The limit that is reached." },
      ...gapNumbers,
    }, {
      optional: ["limit", ...Object.keys(gapNumbers)],
      description: "Why a request failed: RFC 9457, with a `code` for programs.",
    }),
  };
}
