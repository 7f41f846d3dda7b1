/**
 * The arguments of the programs in this folder, by their place.
 *
 * @module
 */

/** The arguments by their names: a number and its default, or the words that there are, the default first. */
type Forms = Readonly<Record<string, number | readonly string[]>>;

/** What was given, or the defaults. */
type Given<F extends Forms> = {
  readonly [Name in keyof F]: F[Name] extends readonly (infer Word)[] ? Word : number;
};

/**
 * Reads arguments.
 *
 * @param forms their names, in their order, with the defaults
 * @param args what was given
 * @returns the value of each
 * @throws {RangeError} if one is neither a whole number nor one of the words, or if there are too many
 */
export function readArguments<const F extends Forms>(forms: F, args: readonly string[]): Given<F> {
  const entries = Object.entries(forms);
  if (args.length > entries.length) {
    const names = entries.map(([name]) => `[${name}]`).join(" ");
    throw new RangeError(`the arguments must be ${names}, got ${args.length}`);
  }
  const values = entries.map(([name, form], i) => {
    const text = args[i];
    if (typeof form !== "number") {
      if (text !== undefined && !form.includes(text)) {
        throw new RangeError(`${name} must be ${form.join(" or ")}, got ${JSON.stringify(text)}`);
      }
      return [name, text ?? form[0]];
    }
    const min = name === "SEED" ? 0 : 1;
    const value = text === undefined ? form : Number(text);
    if (!Number.isSafeInteger(value) || value < min || text === "") {
      const got = JSON.stringify(text);
      throw new RangeError(`${name} must be a whole number from ${min}, got ${got}`);
    }
    return [name, value];
  });
  return Object.fromEntries(values);
}

/**
 * Reads the arguments of this process. If they are wrong, says so and ends it with code 2.
 *
 * @param forms their names, in their order, with the defaults
 * @param args what was given
 * @returns the value of each
 */
export function argumentsOrExit<const F extends Forms>(
  forms: F,
  args: readonly string[] = Deno.args,
): Given<F> {
  try {
    return readArguments(forms, args);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(2);
  }
}
