/**
 * The jobs of a worker, as a server sends them.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { WireConnection, WireObject } from "./wire_connection.ts";

/** A job. */
export interface WireJob {
  readonly claim: number;
  readonly attempt: number;
  readonly seq: number;
  readonly body: string;
  readonly topic: string | undefined;
  readonly attributes: WireObject | null;
}

/** A name for a worker that nobody else has. */
export const newWorker = (): string => crypto.randomUUID();

/**
 * Opens a worker, with so much credit that it is no bound unless another is given.
 *
 * @param mq the connection
 * @param fields the fields of the request
 * @returns the answer
 */
export async function beginWork(mq: WireConnection, fields: WireObject): Promise<WireObject> {
  const reply = await mq.request({ action: "work", worker: newWorker(), credit: 100, ...fields });
  assertEquals([reply.id, reply.sub, reply.error], [fields.id, fields.id, undefined]);
  return reply;
}

/** Takes apart a frame of jobs; asserts that it is one. */
export function jobsOf(frame: WireObject, sub: number): readonly WireJob[] {
  const { claims, seqs, times, bodies, topics, attempts, attributes, bytes } = frame;
  assertEquals([frame.sub, frame.id, frame.error], [sub, undefined, undefined]);
  const lists = [seqs, times, bodies, topics ?? claims, attempts ?? claims, attributes ?? claims];
  assertEquals(lists.map(({ length }) => length), lists.map(() => claims.length));
  assert(claims.length > 0 && claims.every(Number.isSafeInteger), "claims are numbers");
  assert(bytes > 0, "it tells how many bytes they have");
  return claims.map((claim: number, i: number) => ({
    ...{ claim, seq: seqs[i], body: bodies[i], topic: topics?.[i] },
    attempt: attempts?.[i] ?? 1,
    attributes: attributes?.[i] ?? null,
  }));
}

/** Reads so many jobs of a stream, and no more. */
export async function takeJobs(
  mq: WireConnection,
  sub: number,
  count: number,
): Promise<readonly WireJob[]> {
  const jobs: WireJob[] = [];
  while (jobs.length < count) jobs.push(...jobsOf(await mq.next(), sub));
  assertEquals(jobs.length, count);
  return jobs;
}

/** Asserts that nothing has come that was not asked for. */
export async function assertNothingCame(mq: WireConnection): Promise<void> {
  // Whatever was sent too much would come before this.
  assertEquals(await mq.request({ action: "heartbeat", id: 9_999 }), { id: 9_999 });
}
