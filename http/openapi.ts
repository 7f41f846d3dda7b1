/**
 * The OpenAPI document of a server: every path, method, status and header of its plain HTTP, for people and generators of code.
 *
 * `tests/http/openapi_test.ts` holds it against servers.
 *
 * @module
 */

import type { Limits } from "../protocol/client_limits.ts";
import type { HttpContext } from "./http_context.ts";
import { groupSchemas } from "./openapi_group_schemas.ts";
import { openApiParameters, openApiPaths } from "./openapi_paths.ts";
import { openApiHeaders, openApiProblems } from "./openapi_responses.ts";
import { type JsonObject, openApiSchemas } from "./openapi_schemas.ts";
import { statusSchemas } from "./openapi_status.ts";

/** What a document tells of its server. */
export interface DocumentedServer {
  /** Such as `dsmq/1.0.0`. */
  readonly server: string;
  readonly limits: Limits;
}

const DESCRIPTION =
  `A dead simple message queue: part mail room, part bulletin board. Programs put text into topics, and read it: one message, a page, or all from now on.

- Every reader reads every message; to read removes nothing.
- What is answered with 201 is stored. With an \`Idempotency-Key\` a put may be repeated.
- Each answer to a read has the position from which to go on. If messages are missing behind a position, the answer is 410.
- A group of workers gets each message of a topic, or of all topics with a prefix, once: a worker claims it, finishes it, or somebody else gets it.
- A path with nothing behind it is 404; a method that a path does not have is 405, with \`Allow\`. Both are problems (RFC 9457), like all other failures.
- A page of another site is refused, unless its origin is allowed; then each answer has the headers of CORS.
- Every answer may also have the headers of HTTP itself: \`Date\`, \`Vary\`, \`Connection\`, \`Keep-Alive\`, \`Content-Type\`, \`Content-Length\`, \`Content-Encoding\`, \`Transfer-Encoding\`. What is no HTTP/1.1, or has too large headers, may be answered without a body.
- The same port speaks WebSocket, and has a page for browsers at \`/\` with the files that it loads, which this document does not describe. While clients have much of these, or of this document, to read yet, whoever asks for more gets 503, with \`Retry-After\`.`;

/** The document of a server. */
export function openApiDocument({ server, limits }: DocumentedServer): JsonObject {
  return {
    openapi: "3.1.0",
    info: {
      title: "dsmq",
      version: server.slice(server.indexOf("/") + 1),
      summary: "A message queue over plain HTTP",
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    // Relative to the address of the document: below the path of a handler, and behind whatever a proxy puts before it.
    servers: [{ url: ".", description: "The server that this document is from." }],
    tags: [
      { name: "messages", description: "To put, to read, to wait and to follow." },
      { name: "topics", description: "Which topics there are." },
      {
        name: "groups",
        description:
          "To share the work of a topic among workers: each message is given to one of them.",
      },
      { name: "server", description: "What the server is, and how it does." },
    ],
    // A server may need no token, for everything or for some of it.
    security: [{}, { token: [] }],
    paths: openApiPaths(limits),
    components: {
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "A token of this server. It must not be in an address.",
        },
      },
      parameters: openApiParameters,
      headers: openApiHeaders,
      responses: openApiProblems(),
      schemas: { ...openApiSchemas(limits), ...groupSchemas, ...statusSchemas },
    },
  };
}

const documents = new WeakMap<HttpContext, Uint8Array<ArrayBuffer>>();

/** The document of a server as one line of JSON: made when it is first asked for. */
export function openApiJson(context: HttpContext): Uint8Array<ArrayBuffer> {
  const known = documents.get(context);
  if (known) return known;
  const json = JSON.stringify(openApiDocument(context.shared.welcome));
  const line = new TextEncoder().encode(`${json}\n`);
  documents.set(context, line);
  return line;
}
