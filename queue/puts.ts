/**
 * Putting: runs of requests become one batch for the store, and its results their answers.
 *
 * @module
 */

import { putAnswer, putManyAnswer } from "../protocol/answers.ts";
import type { PutOutcome } from "../protocol/errors.ts";
import type { PutRequest, RefusedRequest } from "../protocol/requests.ts";
import { type Put, type Stored, StoreError } from "../stores/store.ts";
import { fail, type Host, told } from "./host.ts";
import type { ReplyWriter } from "./reply_writer.ts";

/** The puts of a connection. */
export class Puts {
  readonly #host: Host;
  readonly #replies: ReplyWriter;
  /** Under which name it puts, if it said so. */
  session: string | undefined;

  /** Puts without a session. */
  constructor(host: Host, replies: ReplyWriter) {
    this.#host = host;
    this.#replies = replies;
  }

  /** Stores a run of puts, and answers them and the refused ones among them in order. */
  async put(asked: readonly (PutRequest | RefusedRequest)[]): Promise<void> {
    const run = this.session === undefined ? asked.map(withoutNumber) : asked;
    const batch: Put[] = [];
    for (const request of run) {
      if (request.action === "put") this.#collect(request, batch);
    }
    const { queue } = this.#host;
    const results = batch.length > 0 ? await queue.append(batch) : [];
    for (const result of results) {
      if (!(result instanceof StoreError) && !result.dup) queue.counts.stored++;
    }
    let next = 0;
    for (const request of run) {
      if (request.action === "refused") {
        fail(this.#host, request, request.error, this.#replies);
      } else if (request.many) {
        this.#answerMany(request, results.slice(next, next += request.puts.length));
      } else {
        this.#answer(request, results[next++]!);
      }
    }
  }

  #collect({ n, puts }: PutRequest, batch: Put[]): void {
    const { session } = this;
    if (n === undefined || session === undefined) {
      for (const put of puts) batch.push(put);
    } else {
      puts.forEach(({ topic, body, bytes }, i) =>
        batch.push({ topic, body, bytes, session, n: n + i })
      );
    }
  }

  #answer(request: PutRequest, result: Stored | StoreError): void {
    if (result instanceof StoreError) {
      fail(this.#host, request, told(result), this.#replies);
    } else if (request.id !== undefined) {
      this.#replies.addAscii(putAnswer(request.id, result.seq, result.dup === true));
    }
  }

  #answerMany(request: PutRequest, results: readonly (Stored | StoreError)[]): void {
    const failure = results.find((result) => result instanceof StoreError);
    if (failure) {
      // What holds for all is said once: a list that is refused would be answered with many times its length.
      const alike = results.every((result) =>
        result instanceof StoreError && result.code === failure.code
      );
      const outcomes = alike ? {} : { outcomes: results.map(outcome) };
      fail(this.#host, request, { ...told(failure), ...outcomes }, this.#replies);
    } else if (request.id !== undefined) {
      const stored = results as readonly Stored[];
      const seqs = stored.map(({ seq }) => seq);
      this.#replies.addAscii(putManyAnswer(request.id, seqs, stored.some(({ dup }) => dup)));
    }
  }
}

/** A number means something within a session only. */
function withoutNumber(request: PutRequest | RefusedRequest): PutRequest | RefusedRequest {
  if (request.action === "refused" || request.n === undefined) return request;
  const message = 'Cannot put: "n" is given, but no session; hello opens one';
  const error = { code: "bad_request", message } as const;
  return { action: "refused", id: request.id, awaited: false, error };
}

function outcome(result: Stored | StoreError): PutOutcome {
  return result instanceof StoreError ? { code: result.code, message: result.message } : result.seq;
}
