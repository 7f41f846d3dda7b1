/**
 * Messages as JSON, the same in pages, in events and in lines.
 *
 * ```text
 * {"seq":42,"position":"EPOCH:42","time":1767225600000,"body":"one"}
 * {"seq":42,"position":"EPOCH:42","time":1767225600000,"topic":"orders.eu","body":"one","key":"a","headers":{"traceparent":"…"},"delay":60}
 * ```
 *
 * A `delay` is seconds, as all that lasts is in plain HTTP, and as it was put.
 *
 * @module
 */

import type { ClaimedJob, DeadJob } from "../stores/groups/group_commands.ts";
import type { TopicMessage } from "../stores/store.ts";

/**
 * A message as JSON text. Its body stands in it as it is stored, so every string passes.
 *
 * @param message the message
 * @param epoch the present epoch
 * @param named whether its topic is in it
 */
export function encodeMessage(
  { seq, time, topic, body, attributes }: TopicMessage,
  epoch: string,
  named: boolean,
): string {
  const name = named ? `,"topic":${JSON.stringify(topic)}` : "";
  // The attributes are an object: its members go on with those of the message.
  const more = attributes === undefined ? "" : `,${inSeconds(attributes).slice(1, -1)}`;
  return `{"seq":${seq},"position":"${epoch}:${seq}","time":${time}${name},"body":${body}${more}}`;
}

/** At the end of attributes, since it is the last of them. Other numbers are not in them. */
const DELAY = /(?<="delay":)\d+(?=}$)/;

/** The encoding of attributes, with seconds as `delay`. */
function inSeconds(attributes: string): string {
  return attributes.replace(DELAY, (ms) => `${Number(ms) / 1000}`);
}

/** A job as JSON text: its message, with the members of the claim; see {@linkcode encodeMessage}. */
export function encodeJob(
  { message, claim, attempt }: ClaimedJob,
  epoch: string,
  named: boolean,
): string {
  return withMembers(encodeMessage(message, epoch, named), { claim, attempt });
}

/** A dead job as JSON text: its message, with how it died; see {@linkcode encodeMessage}. */
export function encodeDead(
  { message, attempt, at, reason }: DeadJob,
  epoch: string,
  named: boolean,
): string {
  return withMembers(encodeMessage(message, epoch, named), { attempt, at, reason });
}

function withMembers(message: string, members: object): string {
  return `${JSON.stringify(members).slice(0, -1)},${message.slice(1)}`;
}
