/**
 * The replies of a server about groups of workers, each shown here above the code that writes it.
 *
 * ```text
 * {"id":8,"sub":8}
 * {"id":8,"sub":8,"lost":[7]}
 * {"sub":8,"claims":[9],"bytes":6,"seqs":[45],"times":[1767225600001],"bodies":["four"]}
 * {"sub":8,"claims":[10,11],"attempts":[2,1],"bytes":24,"seqs":[46,47],"times":[…],"topics":["mails.eu","mails.us"],"bodies":["five","six"],"attributes":[null,{"key":"a"}]}
 * {"sub":8,"error":{"code":"lease_lost","message":"…"}}
 * {"id":9}
 * {"id":9,"lost":[7],"dead":[8]}
 * {"id":10,"lost":[9],"ended":true}
 * {"id":11,"groups":[{"topic":"mails","group":"default","frontier":44,…,"workers":1}],"more":false}
 * {"id":12,"dead":[{"topic":"mails","seq":42,"time":1767225600000,"attempt":5,"at":1767225700000,"reason":"…","body":"one","attributes":{"key":"a"}}],"more":false}
 * {"id":13,"redriven":3}
 * {"id":14,"created":true}
 * {"id":15,"deleted":true}
 * ```
 *
 * @module
 */

import { type EncodedMessage, streamBody, successReply } from "./encode_replies.ts";

/** Answers `work`: these of its claims are lost. */
export function workReply(id: number, lost: readonly number[]): string {
  return successReply(id, { sub: id, lost: lost.length === 0 ? undefined : lost });
}

/** What a server says of claims: an empty list, and `false`, are left out. */
export interface ClaimsToTell {
  /** Those that are lost. */
  readonly lost: readonly number[];
  /** Those whose jobs are dead now. */
  readonly dead?: readonly number[];
  /** The lease of the worker has ended. */
  readonly ended?: boolean;
}

/** Answers `finish` and `extend`. */
export function claimsReply(
  id: number,
  { lost, dead = [], ended = false }: ClaimsToTell,
): string {
  if (lost.length === 0 && dead.length === 0 && !ended) return `{"id":${id}}`;
  return successReply(id, {
    lost: lost.length === 0 ? undefined : lost,
    dead: dead.length === 0 ? undefined : dead,
    ended: ended || undefined,
  });
}

/**
 * The beginning of a frame of jobs. The part of a frame of messages that all subscribers share comes after it: the end that
 * `streamBody` makes; or, where bodies are large, `streamHead`, these and `streamEnd`.
 *
 * @param sub the stream
 * @param claims the claim of each job
 * @param attempts how often each was tried, this time included
 */
export function jobsHead(
  sub: number,
  claims: readonly number[],
  attempts: readonly number[],
): string {
  const repeated = attempts.some((attempt) => attempt !== 1)
    ? `"attempts":${JSON.stringify(attempts)},`
    : "";
  return `{"sub":${sub},"claims":${JSON.stringify(claims)},${repeated}`;
}

/** What a frame of jobs holds. */
export interface EncodedJobs {
  /** The message of each job. */
  readonly messages: readonly EncodedMessage[];
  /** The claim of each job. */
  readonly claims: readonly number[];
  /** How often each was tried, this time included. */
  readonly attempts: readonly number[];
  /** The size of the bodies and attributes. */
  readonly bytes: number;
  /** The field that names their topics, of a prefix: see `streamTopics`. Default: none. */
  readonly topics?: string;
}

/** A frame of jobs for a worker. */
export function jobsFrame(
  sub: number,
  { messages, claims, attempts, bytes, topics }: EncodedJobs,
): string {
  return jobsHead(sub, claims, attempts) + streamBody(messages, bytes, topics);
}

/** A dead job, as the store returns it. */
export interface EncodedDeadJob {
  /** Its message. */
  readonly message: EncodedMessage & { readonly topic: string };
  /** How often it was tried. */
  readonly attempt: number;
  /** When it died, in milliseconds since 1970. */
  readonly at: number;
  /** Why, for people. */
  readonly reason: string;
}

/** Answers `dead` with a page. */
export function deadReply(id: number, jobs: readonly EncodedDeadJob[], more: boolean): string {
  return `{"id":${id},"dead":[${jobs.map(encodeDeadJob).join()}],"more":${more}}`;
}

function encodeDeadJob({ message, attempt, at, reason }: EncodedDeadJob): string {
  const { topic, seq, time, body, attributes } = message;
  const fields = JSON.stringify({ topic, seq, time, attempt, at, reason }).slice(0, -1);
  return `${fields},"body":${body}${
    attributes === undefined ? "" : `,"attributes":${attributes}`
  }}`;
}
