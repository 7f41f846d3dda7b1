/**
 * The responses of the OpenAPI document, with their headers.
 *
 * @module
 */

import { ERRORS } from "../protocol/error_codes.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { PROBLEM_TYPE } from "../protocol/problem.ts";
import { EVENTS, LINES } from "./stream_format.ts";
import { STATUS_OF } from "./problem.ts";
import { componentRef, type JsonObject } from "./openapi_schemas.ts";

const schemaRef = (name: string) => componentRef("schemas", name);
const text = (description: string) => ({ description, schema: { type: "string" } });
const encoded = (description: string) => text(`${description} Percent-encoded.`);

/** All headers that responses have, besides those of every HTTP message. */
const HEADERS = {
  "Accept-Encoding": text("What a body may be encoded with."),
  "Allow": text("The methods that there are."),
  "Cache-Control": text("Who may keep the response."),
  "Dsmq-Attempt": {
    description: "How often the job was given to a worker, this time included.",
    schema: { type: "integer", minimum: 1 },
  },
  "Dsmq-Claim": {
    description: "Names the job as long as its client holds it.",
    schema: schemaRef("Claim"),
  },
  "Dsmq-Delay": {
    description: "After how many seconds groups of workers get the message.",
    schema: { type: "number", minimum: 0 },
  },
  "Dsmq-Header-NAME": encoded(
    "One for each header of the message, in place of NAME its name, in which capitals are percent-encoded, too.",
  ),
  "Dsmq-Key": encoded("The `key` of the message."),
  "Dsmq-Message-Id": encoded("The `messageId` of the message."),
  "Dsmq-Position": {
    description: "From where to go on: the `after` of the next request.",
    schema: schemaRef("Position"),
  },
  "Dsmq-Seq": { description: "The number of the message.", schema: schemaRef("Seq") },
  "Dsmq-Time": { description: "When the message was stored.", schema: schemaRef("Time") },
  "Dsmq-Topic": encoded("The topic of the message, where several are read."),
  "Retry-After": {
    description: "After how many seconds to try again.",
    schema: { type: "integer", minimum: 1 },
  },
  "WWW-Authenticate": text("How to send a token, and whether the one that was sent is invalid."),
  "X-Accel-Buffering": text("Proxies must not hold a stream back."),
  "X-Content-Type-Options": text("Browsers must not take a message for a page."),
} as const;

type HeaderName = keyof typeof HEADERS;

const REQUIRED = { required: true } as const;

/** What a page of an allowed origin gets besides, with each response. */
const CORS_HEADERS = {
  "Access-Control-Allow-Origin": text("The origin of the page, if it is allowed."),
  "Access-Control-Expose-Headers": text("The headers that the page may read."),
} as const;

const PREFLIGHT_HEADERS = {
  "Access-Control-Allow-Headers": text("The headers that the page may send."),
  "Access-Control-Allow-Methods": text("The methods that the page may use."),
  "Access-Control-Allow-Private-Network": text("The page may be one of another network."),
  "Access-Control-Max-Age": {
    description: "For how many seconds a browser may keep this.",
    schema: { type: "integer" },
  },
} as const;

/** The headers that many responses have. */
export const openApiHeaders: JsonObject = CORS_HEADERS;

/** The headers of a response: those that it always has, and those that it may have. */
function headersOf(required: readonly HeaderName[], optional: readonly HeaderName[]): JsonObject {
  return {
    ...Object.fromEntries(required.map((name) => [name, { ...HEADERS[name], ...REQUIRED }])),
    ...Object.fromEntries(optional.map((name) => [name, HEADERS[name]])),
    ...Object.fromEntries(
      Object.keys(CORS_HEADERS).map((name) => [name, componentRef("headers", name)]),
    ),
  };
}

/**
 * A response.
 *
 * @param description when it is given
 * @param required the headers that it always has
 * @param optional the headers that it may have
 * @param content its body by its media types. Default: it has none
 */
export function openApiResponse(
  description: string,
  required: readonly HeaderName[],
  optional: readonly HeaderName[],
  content?: JsonObject,
): JsonObject {
  return { description, headers: headersOf(required, optional), ...(content && { content }) };
}

/** The answer to `OPTIONS`. */
export const OPTIONS_RESPONSE: JsonObject = {
  description: "The methods of the address, and what a page of another origin may do.",
  headers: { ...headersOf(["Allow"], []), ...PREFLIGHT_HEADERS },
};

/**
 * A response with messages.
 *
 * @param page the schema of a page
 * @param from a topic, several that begin with a prefix, or a topic or else the list of topics
 */
export function readResponse(page: JsonObject, from: "topic" | "prefix" | "list"): JsonObject {
  const lines = (name: string) => ({ type: "array", items: schemaRef(name) });
  const isList = from === "list";
  const required: HeaderName[] = isList ? ["Cache-Control"] : ["Cache-Control", "Dsmq-Position"];
  const optional: HeaderName[] = [
    ...(isList ? ["Dsmq-Position" as const] : []),
    "Dsmq-Seq",
    "Dsmq-Time",
    ...(from === "prefix" ? ["Dsmq-Topic" as const] : []),
    "Dsmq-Message-Id",
    "Dsmq-Key",
    "Dsmq-Delay",
    "Dsmq-Header-NAME",
    "X-Content-Type-Options",
    "X-Accel-Buffering",
  ];
  const description = isList
    ? "Topics; with `topic`, what there is to read of it."
    : "What there is to read.";
  return openApiResponse(description, required, optional, {
    "text/plain": {
      schema: { type: "string", description: "The text of the next message." },
      example: "hello",
    },
    "application/json": { schema: page },
    [EVENTS.contentType]: { schema: lines("StreamEvent") },
    [LINES.contentType]: { schema: lines("StreamLine") },
  });
}

/** The codes that come with another status than their own. */
const OTHER_CODES: Readonly<Record<number, ErrorCode>> = {
  406: "bad_request",
  408: "bad_request",
  411: "bad_request",
  414: "bad_request",
  415: "bad_request",
  503: "limit_exceeded",
};

interface ProblemKind {
  readonly description: string;
  readonly required?: readonly HeaderName[];
  readonly optional?: readonly HeaderName[];
}

/** The problems by their statuses. */
const PROBLEMS: Readonly<Record<number, ProblemKind>> = {
  400: { description: "The request, its topic, or the message is not valid." },
  401: {
    description: "A token is needed, or the one that was sent is not valid.",
    required: ["WWW-Authenticate"],
  },
  403: {
    description:
      "The token does not permit this, or the Host of the request, or the page that made it, is not allowed.",
  },
  404: { description: "There is nothing here: no such group, for example." },
  406: {
    description:
      "No form that is accepted can carry the answer. If it is a message that UTF-8 cannot carry, the position leads to the one after it.",
    optional: ["Dsmq-Position", "Dsmq-Topic"],
  },
  408: { description: "The body did not arrive in time." },
  409: { description: "The lease of the job has ended: somebody else may have it." },
  410: {
    description:
      "Messages are missing after the position that was asked for. It tells what is known of them, and from where to go on.",
    required: ["Dsmq-Position"],
  },
  411: { description: "The body has no length, and does not come in chunks." },
  413: { description: "The body is too large. Most often it is refused before it is read." },
  414: { description: "The address is too long." },
  415: {
    description: "The body is compressed, or in another encoding than UTF-8.",
    optional: ["Accept-Encoding"],
  },
  429: {
    description:
      "A limit is reached: of topics, of groups, of what one client may hold, or of memory.",
    required: ["Retry-After"],
  },
  500: { description: "Nobody can know whether it is stored." },
  503: {
    description:
      "The server stops, has no slot or no memory left, or cannot use its store or check the token now.",
    required: ["Retry-After"],
  },
  507: { description: "The store is full." },
};

/** The name of a problem under `components`. */
function problemName(status: number): string {
  return `Problem${status}`;
}

/** All responses that are problems. */
export function openApiProblems(): JsonObject {
  return Object.fromEntries(
    Object.entries(PROBLEMS).map(([status, kind]) => [
      problemName(Number(status)),
      problemResponse(Number(status), kind),
    ]),
  );
}

function problemResponse(
  status: number,
  { description, required = [], optional = [] }: ProblemKind,
): JsonObject {
  const own = (Object.keys(STATUS_OF) as ErrorCode[]).filter((code) => STATUS_OF[code] === status);
  const other = OTHER_CODES[status];
  const codes = other ? [...own, other] : own;
  const fields = codes.map((code) => ERRORS[code].fields as Record<string, string>);
  const always = Object.keys(fields[0]!).filter((name) =>
    fields.every((of) => of[name] === "always")
  );
  const members = required.includes("Dsmq-Position") ? [...always, "position"] : always;
  const schema = {
    allOf: [schemaRef("Problem")],
    properties: { status: { const: status }, code: { enum: codes } },
    ...(members.length > 0 && { required: members }),
  };
  return openApiResponse(description, ["Cache-Control", ...required], optional, {
    [PROBLEM_TYPE]: { schema },
  });
}

/** The problems that an operation can answer with. */
export function problemRefs(...statuses: readonly number[]): JsonObject {
  return Object.fromEntries(
    statuses.map((status) => [`${status}`, componentRef("responses", problemName(status))]),
  );
}
