/**
 * How options are checked: an error says what must be, and what was seen.
 *
 * @module
 */

import { describeKind, isOptions } from "../protocol/option_kinds.ts";
import { formatValue, quoted } from "../protocol/text.ts";

/** What an option such as `limits.connections` is called in errors: the command line has other names. */
export type OptionNames = (option: string) => string;

/** Checks the options of a server. */
export class OptionChecks {
  /** What an option is called. */
  readonly nameOf: OptionNames;

  /** What cannot be done if one is wrong. */
  readonly action: string;

  /** Options are those of `serve`, and called as they are in a program, unless it is said how. */
  constructor(names: OptionNames = (option) => option, action: string = "serve") {
    this.nameOf = names;
    this.action = action;
  }

  /** It has no member of another name, also none that it inherits, for those count as well. */
  onlyNames(what: string, given: object, names: readonly string[]): void {
    for (const name in given) {
      if (names.includes(name)) continue;
      const all = names.join(", ");
      throw new TypeError(
        `Cannot ${this.action}: there is no ${what} ${quoted(name)} (there are: ${all})`,
      );
    }
  }

  /** It is of its type. */
  type(name: string, value: unknown, isValid: boolean, expected: string): void {
    if (!isValid) throw new TypeError(this.#sentence(name, expected, formatValue(value)));
  }

  /** It is an object that can have these members, and no promise, list, date or the like. */
  object(name: string, value: unknown, names: readonly string[]): void {
    if (isOptions(value, names)) return;
    const got = value !== null && typeof value === "object"
      ? describeKind(value)
      : formatValue(value);
    throw new TypeError(this.#sentence(name, "an object", got));
  }

  /** It has methods. */
  methods(name: string, value: unknown, methods: readonly string[]): void {
    const missing = methods.find((method) => typeof Object(value)[method] !== "function");
    this.type(name, value, missing === undefined, `an object with a method ${missing}`);
  }

  /** It is a text, and nothing is wrong with it; a hint may say what was meant. */
  text(name: string, value: unknown, expected: string, isValid: boolean, hint: string = ""): void {
    this.type(name, value, typeof value === "string", expected);
    if (!isValid) throw this.rangeError(name, expected, `${formatValue(value)}${hint}`);
  }

  /** It is one of some words. */
  oneOf(name: string, value: string, words: readonly string[]): void {
    const all = words.map((oneOf) => `"${oneOf}"`);
    const expected = `${all.slice(0, -1).join(", ")} or ${all.at(-1)}`;
    this.text(name, value, expected, words.includes(value));
  }

  /** It is a whole number within bounds. */
  wholeNumber(name: string, value: number, min: number, max: number): void {
    const expected = `a whole number from ${min} to ${max}`;
    this.type(name, value, typeof value === "number", expected);
    const isValid = Number.isSafeInteger(value) && value >= min && value <= max;
    if (!isValid) throw this.rangeError(name, expected, formatValue(value));
  }

  /** It is a list of which each is good; what is of its type may still be none. */
  list(name: string, values: unknown, of: string, isValid: (value: unknown) => boolean): void {
    this.type(name, values, Array.isArray(values), `a list of ${of}`);
    for (const value of values as readonly unknown[]) {
      if (isValid(value)) continue;
      const ErrorClass = typeof value === "string" ? RangeError : TypeError;
      throw new ErrorClass(
        this.#sentence(name, `a list of ${of}`, `one with ${formatValue(value)}`),
      );
    }
  }

  /** The error of a value of the right type that cannot be; `got` shows it. */
  rangeError(name: string, expected: string, got: string): RangeError {
    return new RangeError(this.#sentence(name, expected, got));
  }

  #sentence(name: string, expected: string, got: string): string {
    return `Cannot ${this.action}: ${this.nameOf(name)} must be ${expected}, got ${got}`;
  }
}
