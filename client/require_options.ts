/**
 * Checks the arguments of calls: what is invalid is reported before anything is sent.
 *
 * @module
 */

import { describeKind, isAbortSignal, isOptions } from "../protocol/option_kinds.ts";
import type { GapPolicy } from "../protocol/requests.ts";
import { formatValue } from "../protocol/text.ts";

/**
 * Checks that a value is an object with no other options than these.
 *
 * @param action what the caller wants to do, for the error
 * @param options what the caller gave
 * @param names the names of the options
 * @param prefix stands before their names in the error
 * @param isPassedOver whether something else may be there
 * @throws {TypeError} if it is not
 */
export function requireOptions(
  action: string,
  options: unknown,
  names: readonly string[],
  prefix: string = "",
  isPassedOver?: (options: object, name: string) => boolean,
): void {
  if (!isOptions(options, names)) {
    const what = prefix === "" ? "options" : prefix.slice(0, -1);
    throw new TypeError(
      `Cannot ${action}: ${what} must be an object, got ${describeOption(options)}`,
    );
  }
  // Inherited options count, too.
  for (const name in options) {
    if (names.includes(name) || isPassedOver?.(options, name)) continue;
    throw new TypeError(
      `Cannot ${action}: there is no option ${formatValue(prefix + name)} (there are: ${
        names.join(", ")
      })`,
    );
  }
}

/**
 * Rejects options of a call that has none.
 *
 * @param action what the caller wants to do, for the error
 * @param method its name
 * @param argument the argument in the place of options
 * @param accepted what it takes. Default: no options
 * @throws {TypeError} if it is an object
 */
export function rejectOptions(
  action: string,
  method: string,
  argument: unknown,
  accepted = "no options",
): void {
  if (argument === null || typeof argument !== "object") return;
  throw new TypeError(
    `Cannot ${action}: ${method} takes ${accepted}, got ${describeKind(argument)}`,
  );
}

/**
 * Checks a signal.
 *
 * @param action what it would cancel, for the error
 * @param signal what the caller gave, if anything
 * @throws {TypeError} if it is not an `AbortSignal`
 */
export function requireSignal(action: string, signal: unknown): void {
  if (signal === undefined || isAbortSignal(signal)) return;
  throw wrongOption(action, "signal", "an AbortSignal", signal);
}

/**
 * Checks a function.
 *
 * @param action what the caller wants to do, for the error
 * @param name what it is called
 * @param value what the caller gave
 * @throws {TypeError} if it is none
 */
export function requireFunction(action: string, name: string, value: unknown): void {
  if (typeof value !== "function") throw wrongOption(action, name, "a function", value);
}

/**
 * Checks a name, or a prefix of names.
 *
 * @param action what the caller wants to do, for the error
 * @param problem what is wrong with it, if anything
 * @param name what the caller gave
 * @throws {TypeError | RangeError} if there is a problem
 */
export function requireNoProblem(action: string, problem: string | undefined, name: unknown): void {
  if (problem === undefined) return;
  const ErrorClass = typeof name === "string" ? RangeError : TypeError;
  throw new ErrorClass(`Cannot ${action}: ${problem}`);
}

/**
 * Checks how long to wait.
 *
 * @param action what the caller wants to do, for the error
 * @param timeout what the caller gave
 * @param name the name of the option
 * @throws {TypeError | RangeError} if it is invalid
 */
export function requireTimeout(action: string, timeout: unknown, name = "timeout"): void {
  if (typeof timeout === "number" && timeout >= 0) return;
  throw wrongNumber(action, name, "milliseconds from 0, or Infinity", timeout);
}

/**
 * The error of an option, or an argument, that is not what it must be.
 *
 * @param action what the caller wants to do
 * @param name what it is called
 * @param expected what it must be
 * @param value what the caller gave
 * @param isOutOfRange whether it is of the right type. Default: it is of another
 */
export function wrongOption(
  action: string,
  name: string,
  expected: string,
  value: unknown,
  isOutOfRange = false,
): TypeError | RangeError {
  const ErrorClass = isOutOfRange ? RangeError : TypeError;
  return new ErrorClass(
    `Cannot ${action}: ${name} must be ${expected}, got ${formatValue(value)}`,
  );
}

/** The same of what must be a number. */
export function wrongNumber(
  action: string,
  name: string,
  expected: string,
  value: unknown,
): TypeError | RangeError {
  return wrongOption(action, name, expected, value, typeof value === "number");
}

/**
 * Checks what a subscription is to do at a gap.
 *
 * @param onGap what the caller gave, if anything
 * @throws {TypeError | RangeError} if it is neither a policy nor a function
 */
export function requireGapHandler(onGap: unknown): void {
  if (onGap === undefined || typeof onGap === "function" || isGapPolicy(onGap)) return;
  const isText = typeof onGap === "string";
  throw wrongOption("subscribe", "onGap", '"oldest", "now" or a function', onGap, isText);
}

/**
 * Asks a function what to do at a gap.
 *
 * @param onGap the policy, or the function
 * @param gap the gap
 * @returns the policy; `undefined` to end the subscription
 * @throws what the function throws; a `TypeError` if it returns anything else
 */
export function chooseGapPolicy<Gap>(
  onGap: GapPolicy | ((gap: Gap) => GapPolicy | undefined) | undefined,
  gap: Gap,
): GapPolicy | undefined {
  if (typeof onGap !== "function") return onGap;
  const policy: unknown = onGap(gap);
  if (policy === undefined || isGapPolicy(policy)) return policy;
  const isPromise = typeof Object(policy).then === "function";
  // Nobody awaits it: its rejection must not end the program.
  if (isPromise) Promise.resolve(policy).catch(() => {});
  throw new TypeError(
    `Cannot read on: onGap must return "oldest", "now" or undefined at once, got ${
      isPromise ? "a promise" : formatValue(policy)
    }`,
    { cause: gap },
  );
}

/**
 * Shows a value that was given as options, for an error.
 *
 * @param value what the caller gave
 */
export function describeOption(value: unknown): string {
  return value !== null && typeof value === "object" ? describeKind(value) : formatValue(value);
}

function isGapPolicy(value: unknown): value is GapPolicy {
  return value === "oldest" || value === "now";
}
