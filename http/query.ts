/**
 * The parameters of a request.
 *
 * The query of its address is read exactly: `URLSearchParams` would replace ill-formed bytes, and take the first of two values.
 *
 * @module
 */

import { MAX_WAIT } from "../protocol/client_limits.ts";
import { parsePosition, POSITION_FORM } from "../protocol/position.ts";
import type { WireSince } from "../protocol/requests.ts";
import { quoted } from "../protocol/text.ts";
import { badRequest, SEND_TOKEN } from "./problem.ts";

/** Names that are meant to carry a token. Addresses end up in logs and histories. */
const TOKEN_NAMES: ReadonlySet<string> = new Set(["token", "access_token", "auth"]);

/** The parameters of a request, by their names. */
export type Query<Name extends string = string> = { readonly [N in Name]?: string };

/**
 * Reads a query.
 *
 * @param search what follows the path: empty, or from the `?` on
 * @param names the parameters that there may be
 * @returns their values
 * @throws {HttpProblem} if there is another one, or one twice, or one that is not percent-encoded UTF-8
 */
export function parseQuery<Name extends string>(
  search: string,
  names: readonly Name[],
): Query<Name> {
  const found: { [N in Name]?: string } = {};
  if (search.length <= 1) return found;
  for (const part of search.slice(1).split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = decodeText(equals < 0 ? part : part.slice(0, equals), "The address");
    const value = equals < 0 ? "" : decodeText(part.slice(equals + 1), `The parameter ${name}`);
    if (TOKEN_NAMES.has(name.toLowerCase())) throw tokenInAddress();
    const known = names.find((one) => one === name);
    if (known === undefined) {
      const others = names.length > 0 ? `: it must be one of ${names.join(", ")}` : "";
      throw badRequest(`There is no parameter ${quoted(name)} here${others}`);
    }
    if (found[known] !== undefined) throw badRequest(`The parameter ${name} is there twice`);
    found[known] = value;
  }
  return found;
}

/**
 * Tells the sender of a request without a token that one in the address does not count.
 *
 * @param search what follows the path: empty, or from the `?` on
 * @throws {HttpProblem} `bad_request`, if a parameter is meant to carry a token
 */
export function requireNoToken(search: string): void {
  for (const part of search.slice(1).split("&")) {
    const name = decodePercent(part.split("=", 1)[0]!) ?? "";
    if (TOKEN_NAMES.has(name.toLowerCase())) throw tokenInAddress();
  }
}

function tokenInAddress() {
  return badRequest(
    `A token must not be in an address, which others log: ${SEND_TOKEN}`,
  );
}

function decodeText(text: string, what: string): string {
  const decoded = decodePercent(text.replaceAll("+", "%20"));
  if (decoded === undefined) throw badRequest(`${what} must be percent-encoded UTF-8`);
  return decoded;
}

/**
 * Decodes percent-encoded UTF-8.
 *
 * @param text what was encoded
 * @returns the text; `undefined` if it is not percent-encoded UTF-8
 */
export function decodePercent(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * Reads a number of things.
 *
 * @param text the parameter `count`, if there is one
 * @param limits what it is without one, and the largest one
 * @throws {HttpProblem} if it is no whole number in that range
 */
export function parseCount(
  text: string | undefined,
  limits: { readonly default: number; readonly max: number },
): number {
  return parseWhole(text, { name: "count", min: 1, ...limits });
}

/** A parameter that is a whole number: its name, its bounds and its default. */
export interface WholeParameter {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

/**
 * Reads a whole number.
 *
 * @param text the parameter, if it is there
 * @param parameter which one
 * @throws {HttpProblem} if it is no whole number within its bounds
 */
export function parseWhole(
  text: string | undefined,
  { name, min, max, default: ifAbsent }: WholeParameter,
): number {
  if (text === undefined) return ifAbsent;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw badRequest(
    `The parameter ${name} must be a whole number from ${min} to ${max}, got ${quoted(text)}`,
  );
}

/** A parameter that is a number of seconds. Its bounds and its default are milliseconds. */
export type SecondsParameter = WholeParameter;

/** How long a request waits. */
export const WAIT_PARAMETER: SecondsParameter = { name: "wait", min: 0, max: MAX_WAIT, default: 0 };

/**
 * Reads seconds.
 *
 * @param text the parameter, if it is there
 * @param parameter which one
 * @returns milliseconds
 * @throws {HttpProblem} if it is no number of seconds within its bounds
 */
export function parseSeconds(
  text: string | undefined,
  { name, min, max, default: ifAbsent }: SecondsParameter,
): number {
  if (text === undefined) return ifAbsent;
  const ms = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? toMilliseconds(Number(text)) : NaN;
  if (ms >= min && ms <= max) return ms;
  const [from, to] = [min / 1000, max < 1000 ? max / 1000 : Math.floor(max / 1000)];
  throw badRequest(
    `The parameter ${name} must be seconds from ${from} to ${to}, got ${quoted(text)}`,
  );
}

/**
 * Makes seconds milliseconds: whole ones, and not less.
 *
 * @param seconds such as 0.5, or 16.1, of which floating point would make a little more than 16,100
 */
export function toMilliseconds(seconds: number): number {
  return Math.ceil(Math.round(1e6 * seconds) / 1000);
}

/**
 * Reads a start: `start`, `now`, the position of a message, or a sequence number of the present epoch.
 *
 * @param text what was given
 * @param what where it was given, for the error
 * @returns the start, as the wire has it
 * @throws {HttpProblem} `bad_request`
 */
export function parseAfter(text: string, what: string): WireSince {
  if (text === "start" || text === "now") return text;
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) {
    return { after: Number(text) };
  }
  const parsed = parsePosition(text);
  // All that is gone after it is missing, whenever it went.
  if (typeof parsed === "object") return { after: parsed.seq, epoch: parsed.epoch, asOf: 0 };
  throw badRequest(
    `${what} must be start, now, ${POSITION_FORM} or a sequence number, got ${quoted(text)}`,
  );
}
