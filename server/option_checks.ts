/**
 * Checks options: an error says what must be, and what was seen.
 *
 * @module
 */

import { describeKind, isOptions } from "../protocol/option_kinds.ts";
import { formatValue, quoted } from "../protocol/text.ts";

/** The name of an option such as `limits.connections` in errors: the command line has other names. */
export type OptionNames = (option: string) => string;

/** Checks the options of a server. */
export class OptionChecks {
  /** The name of an option. */
  readonly nameOf: OptionNames;

  /** What cannot be done if an option is wrong. */
  readonly action: string;

  /** Checks the options of `serve`, with their names in a program, unless something else is given. */
  constructor(names: OptionNames = (option) => option, action: string = "serve") {
    this.nameOf = names;
    this.action = action;
  }

  /** It has no other members, including inherited ones, because those count as well. */
  onlyNames(what: string, given: object, names: readonly string[]): void {
    for (const name in given) {
      if (names.includes(name)) continue;
      const all = names.join(", ");
      throw new TypeError(
        `Cannot ${this.action}: there is no ${what} ${quoted(name)} (there are: ${all})`,
      );
    }
  }

  /** It has the right type. */
  type(name: string, value: unknown, isValid: boolean, expected: string): void {
    if (!isValid) throw new TypeError(this.#sentence(name, expected, formatValue(value)));
  }

  /** It is a plain object that can have these members: not a promise, list, date or the like. */
  object(name: string, value: unknown, names: readonly string[]): void {
    if (isOptions(value, names)) return;
    const got = value !== null && typeof value === "object"
      ? describeKind(value)
      : formatValue(value);
    throw new TypeError(this.#sentence(name, "an object", got));
  }

  /**
   * It is an object with these members only. Another value may be a token; taken for an empty grant it would permit everything. A
   * member that is there and `undefined`, such as a variable that was not set, was meant to restrict something: taken for one that
   * is not there, it would permit more.
   */
  members(name: string, value: unknown, expected: string, names: readonly string[]): void {
    if (!isOptions(value, names)) {
      throw new TypeError(
        `Cannot ${this.action}: ${name} must be ${expected}, got ${describeKind(value)}`,
      );
    }
    for (const member in value) {
      if (!names.includes(member)) {
        throw new TypeError(
          `Cannot ${this.action}: ${name} has no member ${formatValue(member)} (there are: ${
            names.join(", ")
          })`,
        );
      }
      if (value[member as keyof typeof value] !== undefined) continue;
      throw new TypeError(
        this.#sentence(`${name}.${member}`, "left out or have a value", "undefined"),
      );
    }
  }

  /** It has these methods. */
  methods(name: string, value: unknown, methods: readonly string[]): void {
    const missing = methods.find((method) => typeof Object(value)[method] !== "function");
    this.type(name, value, missing === undefined, `an object with a method ${missing}`);
  }

  /** It is a valid text. A hint may suggest another one. */
  text(name: string, value: unknown, expected: string, isValid: boolean, hint: string = ""): void {
    this.type(name, value, typeof value === "string", expected);
    if (!isValid) throw this.rangeError(name, expected, `${formatValue(value)}${hint}`);
  }

  /** It is one of these words. */
  oneOf(name: string, value: string, words: readonly string[]): void {
    const all = words.map((oneOf) => `"${oneOf}"`);
    const expected = `${all.slice(0, -1).join(", ")} or ${all.at(-1)}`;
    this.text(name, value, expected, words.includes(value));
  }

  /** It is a whole number within the bounds. */
  wholeNumber(name: string, value: number, min: number, max: number): void {
    const expected = `a whole number from ${min} to ${max}`;
    this.type(name, value, typeof value === "number", expected);
    const isValid = Number.isSafeInteger(value) && value >= min && value <= max;
    if (!isValid) throw this.rangeError(name, expected, formatValue(value));
  }

  /** It is a list of valid values. */
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

  /** It is a list of texts, each without a fault. */
  texts(
    name: string,
    values: readonly unknown[] | undefined,
    of: string,
    fault: (value: string) => string | undefined,
  ): void {
    this.list(name, values, of, (value) => typeof value === "string");
    for (const value of values as readonly string[]) {
      const reason = fault(value);
      if (reason === undefined) continue;
      // A password that was typed there must not appear in a log.
      const shown = quoted(value.replace(/^([a-z]+:\/\/)?.*@/is, "$1…@"));
      throw this.rangeError(name, `a list of ${of}`, `one with ${shown}: ${reason}`);
    }
  }

  /** The error of a value that has the right type and is out of range. */
  rangeError(name: string, expected: string, got: string): RangeError {
    return new RangeError(this.#sentence(name, expected, got));
  }

  #sentence(name: string, expected: string, got: string): string {
    return `Cannot ${this.action}: ${this.nameOf(name)} must be ${expected}, got ${got}`;
  }
}
