/**
 * What the operations of the OpenAPI document have in common.
 *
 * @module
 */

import { OPTIONS_RESPONSE, problemRefs } from "./openapi_responses.ts";
import { componentRef, type JsonObject } from "./openapi_schemas.ts";

/** Refers to parameters by their names. */
export function parameterRefs(...names: readonly string[]): JsonObject[] {
  return names.map((name) => componentRef("parameters", name));
}

/** The statuses of a request before anybody asks who it is from. */
export const ADDRESS_STATUSES: readonly number[] = [400, 403, 414];
/** Those of a request that may need a token. */
export const CALL_STATUSES: readonly number[] = [...ADDRESS_STATUSES, 401, 503];
/** Those of a request with a body besides. */
export const BODY_STATUSES: readonly number[] = [408, 411, 413, 415];

/** A parameter in the query. */
export function queryParameter(name: string, schema: JsonObject, description: string): JsonObject {
  return { name, in: "query", description, schema };
}

/** Content that is JSON. */
export function jsonContent(schema: JsonObject, example?: JsonObject): JsonObject {
  return { "application/json": { schema, ...(example && { example }) } };
}

/** What an operation has besides its name. */
export interface OperationSetup {
  readonly tag: "messages" | "topics" | "groups" | "server";
  readonly parameters?: readonly JsonObject[];
  readonly responses: JsonObject;
  readonly description?: string;
  readonly isPublic?: boolean;
}

/**
 * GET and HEAD, which answers with the same headers.
 *
 * @param name for the names of the operations
 * @param summary what GET does
 * @param setup more about it
 */
export function getAndHead(name: string, summary: string, setup: OperationSetup): JsonObject {
  const { description, tag, parameters, responses, isPublic } = setup;
  const common = {
    tags: [tag],
    ...(parameters && { parameters }),
    ...(isPublic && { security: [] }),
    responses,
  };
  return {
    get: { operationId: `get${name}`, summary, ...(description && { description }), ...common },
    head: { operationId: `head${name}`, summary: `The headers of GET: ${summary}`, ...common },
  };
}

/** `OPTIONS` of a path. */
export function optionsOf(name: string): JsonObject {
  return {
    options: {
      operationId: `options${name}`,
      summary: "The methods that there are, also for preflights of browsers",
      tags: ["server"],
      security: [],
      responses: { "204": OPTIONS_RESPONSE, ...problemRefs(...ADDRESS_STATUSES) },
    },
  };
}
