/**
 * Putting: runs of requests become one batch for the store, and its results their answers.
 *
 * @module
 */

import { putAnswer, putManyAnswer } from "../protocol/answers.ts";
import { tooLarge } from "../protocol/body.ts";
import type { ErrorCode, PutOutcome } from "../protocol/errors.ts";
import { refuse } from "../protocol/fields.ts";
import type { PutRequest, RefusedRequest } from "../protocol/requests.ts";
import { type Put, type Stored, StoreError } from "../stores/store.ts";
import { fail, type Host, told } from "./host.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Shares } from "./shares.ts";

const NO_SESSION = [
  "bad_request",
  'Cannot put: "n" is given, but no session; hello opens one',
] as const;

/** The puts of a connection. */
export class Puts {
  readonly #host: Host;
  readonly #replies: ReplyWriter;
  readonly #shares: Pick<Shares, "holder">;
  /** Under which name it puts, if it said so. */
  session: string | undefined;

  /** Puts without a session. */
  constructor(host: Host, replies: ReplyWriter, shares: Pick<Shares, "holder">) {
    this.#host = host;
    this.#replies = replies;
    this.#shares = shares;
  }

  /** Whose the sessions are that it opens. */
  get owner(): string {
    return this.#shares.holder;
  }

  /** Stores a run of puts, and answers them and the refused ones among them in order. */
  async put(asked: readonly (PutRequest | RefusedRequest)[]): Promise<void> {
    const batch: Put[] = [];
    let run = asked;
    for (let i = 0; i < asked.length; i++) {
      const request = this.#collect(asked[i]!, batch);
      if (request !== asked[i]) run = run.with(i, request);
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
        this.#answerMany(request, results.slice(next, next += request.messages.length));
      } else {
        this.#answer(request, results[next++]!);
      }
    }
  }

  /** Adds what a request puts to a batch; or it is refused, and nothing of it is added. */
  #collect(request: PutRequest | RefusedRequest, batch: Put[]): PutRequest | RefusedRequest {
    if (request.action === "refused") return request;
    const { id, action, n, topic, messages, encode } = request;
    const { session, owner } = this;
    // A number means something within a session only.
    if (n !== undefined && session === undefined) return refuse({ id, action }, ...NO_SESSION);
    const { limits } = this.#host.welcome;
    const before = batch.length;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      const least = message.length + 2;
      if (least > limits.messageBytes) {
        batch.length = before;
        return refuse({ id, action }, ...tooLarge(least, limits, true));
      }
      const { body, bytes } = encode(message);
      if (bytes > limits.messageBytes) {
        batch.length = before;
        return refuse({ id, action }, ...tooLarge(bytes, limits));
      }
      batch.push(
        n === undefined ? { topic, body, bytes } : { topic, body, bytes, session, owner, n: n + i },
      );
    }
    return request;
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
      const outcomes = alike ? {} : { outcomes: outcomesOf(results) };
      fail(this.#host, request, { ...told(failure), ...outcomes }, this.#replies);
    } else if (request.id !== undefined) {
      const stored = results as readonly Stored[];
      const seqs = stored.map(({ seq }) => seq);
      this.#replies.addAscii(putManyAnswer(request.id, seqs, stored.some(({ dup }) => dup)));
    }
  }
}

/** What became of each message. Why is said once for each code: said again and again it is fifty times as long as the list. */
function outcomesOf(results: readonly (Stored | StoreError)[]): PutOutcome[] {
  const said = new Set<ErrorCode>();
  return results.map((result) => {
    if (!(result instanceof StoreError)) return result.seq;
    const { code } = result;
    const message = said.has(code) ? "" : result.message;
    said.add(code);
    return { code, message };
  });
}
