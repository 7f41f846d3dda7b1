/**
 * Holds responses against an OpenAPI document: it must name their path, method, status, headers, media type, and the form of
 * their body.
 *
 * @module
 */

import { Ajv2020, type ValidateFunction } from "ajv/2020";

/** A part of a document. */
type Part = { readonly [member: string]: unknown };

/** A response, as far as its body came. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Which response of a document: such as `GET /topics 200 application/json`, and the code of a problem. */
export interface NamedResponse {
  readonly path: string;
  readonly method: string;
  readonly status: number;
  readonly media: string;
  readonly code?: string | undefined;
}

/** The address of the schemas as they are, or closed: without members that they do not name. */
function idOf(isClosed: boolean): string {
  return `https://openapi.test/${isClosed ? "closed" : "open"}`;
}

/** The same schema, which refers to one of these. */
function withRefs(schema: unknown, isClosed: boolean): Part {
  const text = JSON.stringify(schema);
  return JSON.parse(text.replaceAll('"#/components/schemas/', `"${idOf(isClosed)}#/$defs/`));
}

/** What a document promises. */
export class OpenApiContract {
  readonly document: Part;
  /** What has been held against it, as texts of {@linkcode OpenApiContract.nameOf}. */
  readonly seen: Set<string> = new Set();
  readonly #ajv = new Ajv2020({ strictTypes: false, strictRequired: false, allErrors: true });
  /** Headers of HTTP itself, which any response may have: the document says which. */
  readonly #always: ReadonlySet<string>;
  readonly #validators = new Map<string, ValidateFunction>();

  /** Takes a document. */
  constructor(document: Part) {
    this.document = document;
    const { description } = document.info as { description: string };
    const line = description.split("\n").find((one) => one.includes("headers of HTTP itself"))!;
    const [, ...names] = line.split(/`([A-Z][A-Za-z-]*)`/);
    this.#always = new Set(names.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()));
    const { schemas } = document.components as { schemas: Part };
    for (const isClosed of [false, true]) {
      const $defs = Object.fromEntries(
        Object.entries(schemas).map(([name, schema]) => [
          name,
          isClosed ? closedPart(schema, true) : parsed(schema),
        ]),
      );
      this.#ajv.addSchema({ $id: idOf(isClosed), ...withRefs({ $defs }, isClosed) });
    }
  }

  /** All responses that the document names. */
  get responses(): NamedResponse[] {
    return Object.entries(this.document.paths as Part).flatMap(([path, item]) =>
      operationsOf(item as Part).flatMap(([method, operation]) =>
        Object.entries(operation.responses as Part).flatMap(([status, response]) =>
          mediaTypesOf(this.resolve(response)).map((media) => ({
            path,
            method,
            status: Number(status),
            media,
          }))
        )
      )
    );
  }

  /** A text that tells it from others. */
  static nameOf({ path, method, status, media }: NamedResponse): string {
    return `${method} ${path} ${status} ${media}`;
  }

  /** Follows a reference within the document. */
  resolve(part: unknown): Part {
    const { $ref } = part as { $ref?: string };
    if ($ref === undefined) return part as Part;
    return $ref.slice(2).split("/").reduce((at, name) => at[name] as Part, this.document);
  }

  /** The parameters of an operation that are sent in this way. */
  parametersOf(path: string, method: string, way: "query" | "header"): string[] {
    const item = (this.document.paths as Part)[path] as Part;
    const operation = item[method.toLowerCase()] as Part;
    const all = [...(item.parameters as Part[] ?? []), ...(operation.parameters as Part[] ?? [])];
    return all.map((one) => this.resolve(one)).filter((one) => one.in === way)
      .map(({ name }) => name as string);
  }

  /**
   * Holds a response against the document.
   *
   * @param path the path in the document
   * @param method of the request
   * @param answer the response
   * @returns what it is
   * @throws {Error} if the document does not name it
   */
  check(path: string, method: string, answer: Answer): NamedResponse {
    const { status, headers } = answer;
    const where = `${method} ${path} ${status}`;
    const fail = (what: string) => new Error(`${where}: ${what}: ${answer.body.slice(0, 300)}`);
    const item = (this.document.paths as Part)[path] as Part | undefined;
    const operation = item?.[method.toLowerCase()] as Part | undefined;
    const named = (operation?.responses as Part | undefined)?.[status];
    if (named === undefined) throw fail("the document does not name this");
    const response = this.resolve(named);
    this.#checkHeaders(response, headers, fail);
    const media = (headers.get("content-type") ?? "").split(";")[0]!;
    if (!mediaTypesOf(response).includes(media)) throw fail(`the media type is "${media}"`);
    const content = (response.content as Part | undefined)?.[media] as Part | undefined;
    let code: string | undefined;
    if (method === "HEAD" || !content) {
      if (answer.body !== "") throw fail("it has a body");
    } else {
      const value = parsedBody(media, answer.body);
      this.validate(content.schema as Part, value, where);
      if (media === "application/problem+json") ({ code } = value as { code: string });
    }
    const found = { path, method, status, media, code };
    this.seen.add(OpenApiContract.nameOf(found));
    if (code !== undefined) this.seen.add(`${status} ${code}`);
    return found;
  }

  /** Checks a value by a schema of the document: it is valid, and has no members that are not named. */
  validate(schema: Part, value: unknown, where: string): void {
    for (const isClosed of [false, true]) {
      const own = isClosed ? closedPart(schema, false) : parsed(schema);
      const text = JSON.stringify(withRefs(own, isClosed));
      let validator = this.#validators.get(text);
      if (!validator) this.#validators.set(text, validator = this.#ajv.compile(JSON.parse(text)));
      if (validator(value)) continue;
      const why = JSON.stringify(validator.errors?.slice(0, 4));
      throw new Error(`${where}: ${JSON.stringify(value)?.slice(0, 300)}: ${why}`);
    }
  }

  #checkHeaders(response: Part, headers: Headers, fail: (what: string) => Error): void {
    const named = new Map(
      Object.entries(response.headers as Part ?? {}).map(([name, header]) => [
        name.toLowerCase(),
        this.resolve(header),
      ]),
    );
    for (const [name, value] of headers) {
      if (this.#always.has(name)) continue;
      const header = named.get(name.replace(/^dsmq-header-.*/, "dsmq-header-name"));
      if (!header) throw fail(`it does not name the header ${name}: ${value}`);
      const schema = header.schema as Part;
      const { type } = this.resolve(schema) as { type: string };
      this.validate(
        schema,
        ["integer", "number"].includes(type) ? Number(value) : value,
        `the header ${name}`,
      );
    }
    for (const [name, { required }] of named) {
      if (required && !headers.has(name)) throw fail(`the header ${name} is missing`);
    }
  }
}

const METHODS = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

function operationsOf(item: Part): [method: string, operation: Part][] {
  return Object.entries(item).filter(([name]) => METHODS.includes(name))
    .map(([name, operation]) => [name.toUpperCase(), operation as Part]);
}

/** The media types of a response; the empty text if it has no body. */
function mediaTypesOf({ content }: Part): string[] {
  return content === undefined ? [""] : Object.keys(content as Part);
}

/** The value of a body: of lines and events a list. */
function parsedBody(media: string, body: string): unknown {
  if (media.endsWith("json") && !media.includes("ndjson")) return JSON.parse(body);
  if (media === "application/x-ndjson") {
    return body.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }
  if (media !== "text/event-stream") return body;
  return body.split("\n\n").filter((part) => part !== "" && !part.startsWith(":")).map((part) => {
    const fields = Object.fromEntries(part.split("\n").map((line) => line.split(/: (.*)/s, 2)));
    return fields.data === undefined ? fields : { ...fields, data: JSON.parse(fields.data) };
  });
}

/** The same schema for values in which the JSON within JSON is parsed. */
function parsed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(parsed);
  if (schema === null || typeof schema !== "object") return schema;
  if ("contentSchema" in schema) return parsed(schema.contentSchema);
  return Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, parsed(part)]));
}

/**
 * The same schema, which permits no members that it does not name. What is put together by `allOf` is closed as a whole.
 *
 * @param schema a schema
 * @param isOpen whether this one, or what it is a part of, says the rest
 */
function closedPart(schema: unknown, isOpen: boolean): unknown {
  if (schema === null || typeof schema !== "object") return schema;
  const { allOf, properties, items, anyOf, oneOf, contentSchema, ...rest } = schema as Part;
  if (contentSchema !== undefined) return closedPart(contentSchema, isOpen);
  const each = (parts: unknown, open: boolean) =>
    (parts as unknown[]).map((one) => closedPart(one, open));
  // The members of what is put together are closed by that part that names them all.
  const isPart = allOf !== undefined;
  const members = properties === undefined ? {} : Object.fromEntries(
    Object.entries(properties as Part).map(([name, part]) => [
      name,
      isPart ? parsed(part) : closedPart(part, false),
    ]),
  );
  const named = properties !== undefined || isPart || "$ref" in rest;
  return {
    ...rest,
    ...(isPart && { allOf: each(allOf, true) }),
    ...(properties !== undefined && { properties: members }),
    ...(items !== undefined && { items: closedPart(items, false) }),
    ...(anyOf !== undefined && { anyOf: each(anyOf, false) }),
    ...(oneOf !== undefined && { oneOf: each(oneOf, false) }),
    ...(named && !isOpen && !("additionalProperties" in rest) && { unevaluatedProperties: false }),
  };
}
