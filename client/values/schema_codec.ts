/**
 * Values that a schema describes: any Standard Schema, such as those of zod, valibot and arktype.
 *
 * What is sent is the value that was put, as JSON, and never what the schema makes of it: a reader validates the same text
 * with the same schema, so both ends get the same output, and a schema with a transform works in the direction in which it was
 * written. Where JSON changes a value (a `Date` becomes a text), the putter reads its own text as a reader would, and refuses the
 * value unless that gives the same output.
 *
 * @module
 */

import type { ValueIssue } from "../../protocol/error_fields.ts";
import { describeKind } from "../../protocol/option_kinds.ts";
import { formatValue, thrownText } from "../../protocol/text.ts";
import type { Misfit } from "./invalid_value.ts";
import { decodeJson, encodeValue, exactText } from "./json_value.ts";
import { whatDiffers, whatIsUnread } from "./read_back.ts";
import type { SchemaResult, StandardSchema } from "./standard_schema.ts";
import type { Decoded, Encoded, Encoding, ValueCodec } from "./value_codec.ts";

const NO_ISSUES: readonly ValueIssue[] = [];

/** Values of the form that a schema gives them. */
export class SchemaCodec<Input, Output> implements ValueCodec<Input, Output> {
  readonly #schema: StandardSchema<Input, Output>["~standard"];

  /**
   * Makes one.
   *
   * @param schema the schema
   * @throws {TypeError} if it is not one
   */
  constructor(schema: StandardSchema<Input, Output>) {
    this.#schema = requireSchema(schema);
  }

  encode(value: Input): Encoded | Encoding {
    // The text is that of the value now, whatever the validator, or the caller, does with it later.
    const text = exactText(value);
    if (text === undefined) return this.#encodeInexact(value);
    const validated = this.#validate(value);
    if (validated instanceof Promise) {
      return { text, result: this.#encodeLater(value, text, NO_ISSUES, validated) };
    }
    return validated.issues ? validated : text;
  }

  /** A value of which JSON may keep something else. */
  #encodeInexact(value: Input): Encoded | Encoding {
    const { text, issues } = encodeValue(value);
    if (text === undefined) return { issues };
    const validated = this.#validate(value);
    if (validated instanceof Promise) {
      return { text, result: this.#encodeLater(value, text, issues, validated) };
    }
    if (validated.issues) return validated;
    if (issues.length === 0) return text;
    const encoded = this.#encodeIfSame(text, issues, validated.value);
    return encoded instanceof Promise ? { text, result: encoded } : encoded;
  }

  decode(text: string): Decoded<Output> | Promise<Decoded<Output>> {
    const decoded = decodeJson(text);
    return decoded.issues ? decoded : this.#validate(decoded.value);
  }

  /** As `encode`, with a validator that takes its time. */
  async #encodeLater(
    value: Input,
    text: string,
    issues: readonly ValueIssue[],
    validating: Promise<Decoded<Output>>,
  ): Promise<Encoded> {
    let validated = await validating;
    if (encodeValue(value).text !== text) {
      // The caller has changed it meanwhile: what is sent is what was put.
      const before = await this.decode(text);
      if (issues.length > 0) return { issues };
      validated = before;
    }
    if (validated.issues) return validated;
    return issues.length === 0 ? text : await this.#encodeIfSame(text, issues, validated.value);
  }

  /** A value of which JSON keeps something else: it may be sent if its readers get the same. */
  #encodeIfSame(
    text: string,
    issues: readonly ValueIssue[],
    output: Output,
  ): Encoded | Promise<Encoded> {
    const check = (read: Decoded<Output>): Encoded => {
      try {
        const different = read.issues
          ? whatIsUnread(read.issues, issues)
          : whatDiffers(read.value, output, issues);
        return different.length === 0 ? text : { issues: different };
      } catch (error) {
        // What the schema made may have getters, or contain itself.
        return threw(error);
      }
    };
    const read = this.decode(text);
    return read instanceof Promise ? read.then(check) : check(read);
  }

  /** Validates a value. A validator that throws has not accepted it. */
  #validate(value: unknown): Decoded<Output> | Promise<Decoded<Output>> {
    try {
      const result = this.#schema.validate(value);
      return isThenable(result)
        ? Promise.resolve(result).then(toDecoded<Output>).catch(threw)
        : toDecoded(result);
    } catch (error) {
      return threw(error);
    }
  }
}

function threw(cause: unknown): Misfit {
  return { ...failed(thrownText(cause)), cause };
}

function failed(reason: string): Misfit {
  return { issues: [{ path: [], message: `the schema failed: ${reason}` }] };
}

function toDecoded<Output>(result: SchemaResult<Output>): Decoded<Output> {
  if (result === null || typeof result !== "object") {
    return failed(`its validate returned ${describeKind(result)}`);
  }
  const { issues } = result;
  if (!issues) {
    return "value" in result ? result : failed("its validate returned neither a value nor issues");
  }
  if (!Array.isArray(issues)) {
    return failed(`its validate returned issues that are ${describeKind(issues)}, not an array`);
  }
  const checked: ValueIssue[] = [];
  for (const given of issues as readonly unknown[]) {
    const issue = toIssue(given);
    if (typeof issue === "string") return failed(`its validate returned an issue ${issue}`);
    checked.push(issue);
  }
  return { issues: checked };
}

/** An issue of a schema, with a path of keys alone; or what is wrong with the issue itself. */
function toIssue(given: unknown): ValueIssue | string {
  if (given === null || typeof given !== "object") {
    return `that is ${describeKind(given)}, not an object`;
  }
  const { message, path = [] } = given as { readonly message?: unknown; readonly path?: unknown };
  if (typeof message !== "string") {
    return `whose message is ${describeKind(message)}, not a string`;
  }
  if (!Array.isArray(path)) return `whose path is ${describeKind(path)}, not an array`;
  const keys: PropertyKey[] = [];
  for (const segment of path as readonly unknown[]) {
    if (segment === null || (typeof segment !== "object" && !isKey(segment))) {
      return `whose path has ${describeKind(segment)}, not a key`;
    }
    const key = typeof segment === "object" ? (segment as { readonly key?: unknown }).key : segment;
    // That of a map may be anything.
    keys.push(isKey(key) ? key : formatValue(key));
  }
  return { path: keys, message };
}

function isKey(value: unknown): value is PropertyKey {
  return typeof value === "string" || typeof value === "number" || typeof value === "symbol";
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === "function";
}

/** Checks that something is a Standard Schema. An arktype is a function. */
function requireSchema<Input, Output>(
  schema: StandardSchema<Input, Output>,
): StandardSchema<Input, Output>["~standard"] {
  const isObject = (typeof schema === "object" && schema !== null) || typeof schema === "function";
  const standard = isObject ? schema["~standard"] : undefined;
  if (typeof standard?.validate === "function" && standard.version === 1) return standard;
  const got = standard === undefined
    ? describeKind(schema)
    : Number(standard.version) === 1
    ? "one without a validate"
    : `one of version ${String(standard.version)}`;
  throw new TypeError(
    `Cannot use topic: schema must be a Standard Schema of version 1 (zod 3.24, valibot 1, arktype 2 or later), got ${got}`,
  );
}
