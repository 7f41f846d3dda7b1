/**
 * Events of the log as lines: in words, or as JSON.
 *
 * @module
 */

import { escapeControls } from "../protocol/text.ts";
import { LOG_EVENTS, type LogEvent, type LogLevel } from "../queue/log_event.ts";

/** The longest reason in a line, in characters. */
const MAX_REASON = 400;

/** The longest text in a line of JSON, in characters. */
const MAX_FIELD = 4096;

/** The level of an event. */
export function levelOf({ event }: Pick<LogEvent, "event">): LogLevel {
  return LOG_EVENTS[event];
}

/**
 * An event as the arguments of a method of `console`: one text, or an error between two texts.
 *
 * @param event the event
 * @returns what to write, such as `["dsmq: refused a request from 192.0.2.1: a token is needed"]`
 */
export function logArguments(event: LogEvent): readonly unknown[] {
  const { reason } = event;
  const begin = `dsmq: ${subject(event)}`;
  const more = repeated(event);
  if (reason === undefined || typeof reason === "string") return [begin + ending(event)];
  return [`${begin}:`, reason, ...(more === "" ? [] : [`(${more})`])];
}

/**
 * An event as one line of JSON, whatever is in it.
 *
 * @param event the event
 * @param now the time, in milliseconds since 1970
 * @returns an object with `time`, `level`, `event` and `message`, without a line feed
 */
export function jsonLine(event: LogEvent, now: number): string {
  const { reason, address, advice, fields, repeats } = event;
  const isSentence = reason === undefined || typeof reason === "string";
  const failure = isSentence ? undefined : failureOf(reason);
  const line = {
    time: new Date(now).toISOString(),
    level: levelOf(event),
    event: event.event,
    message: subject(event) + (isSentence ? ending(event) : `: ${failure!.error}`),
    ...fields,
    ...(address !== undefined && address !== "" && { address }),
    reason: isSentence ? reason : undefined,
    ...failure,
    advice,
    count: repeats?.count,
  };
  return escapeControls(JSON.stringify(line, (_, value) => shortened(value)));
}

function subject({ message, address = "" }: LogEvent): string {
  return address === "" ? message : `${message} from ${address}`;
}

/** What follows that, if there is no error. */
function ending(event: LogEvent): string {
  const { reason, advice } = event;
  const more = repeated(event);
  return (typeof reason === "string" ? `: ${oneLine(reason)}` : "") +
    (advice === undefined ? "" : `; ${advice}`) + (more === "" ? "" : ` (${more})`);
}

function repeated({ repeats: { count, within } = { count: 1, within: 0 } }: LogEvent): string {
  const seconds = Math.round(within / 1000);
  return count > 1
    ? `and ${count - 1} more in the last ${seconds <= 1 ? "second" : `${seconds} s`}`
    : "";
}

/** What was thrown. */
function failureOf(reason: unknown): { readonly error: string; readonly stack?: string } {
  // With its causes, unlike its own stack.
  return reason instanceof Error
    ? { error: oneLine(reason.message), stack: Deno.inspect(reason) }
    : { error: oneLine(Deno.inspect(reason)) };
}

/** The beginning of a text, in one line. */
function oneLine(text: string): string {
  const line = text.slice(0, MAX_REASON).replaceAll(/[\r\n\u2028\u2029]+/g, " ");
  return text.length > MAX_REASON ? `${line}…` : line;
}

function shortened(value: unknown): unknown {
  return typeof value === "string" && value.length > MAX_FIELD
    ? `${value.slice(0, MAX_FIELD)}…`
    : value;
}
