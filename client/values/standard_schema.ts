/**
 * The interface of schema libraries, Standard Schema version 1 (https://standardschema.dev), as `npm:@standard-schema/spec`
 * declares it. Its authors mean it to be copied; so nobody who loads this package loads another one for types.
 *
 * @module
 */

/** What is wrong with a value, as a schema says it. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where: the keys that lead to it, from the outside in. Default: the value itself. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema makes of a value: its output, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** A schema of any library that keeps to Standard Schema version 1, such as zod, valibot and arktype. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What a library offers to others. */
  readonly "~standard": {
    /** The version of the interface. */
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    /** Validates a value. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Its types; there is no such value. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The values that a schema takes. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["input"];

/** The values that a schema gives. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["output"];
