/**
 * Putting: runs of requests become one batch for the store, and its results their answers.
 *
 * @module
 */

import { putManyReply, putReply } from "../protocol/encode_replies.ts";
import { messageTooLarge } from "../protocol/body.ts";
import type { ErrorCode, PutOutcome } from "../protocol/errors.ts";
import { refuseRequest } from "../protocol/request_fields.ts";
import type { PutRequest, RefusedRequest } from "../protocol/requests.ts";
import { type Put, type PutAck, StoreError } from "../stores/store.ts";
import { replyError, type ServerContext } from "./server_context.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { storeErrorToWire } from "../queue/store_failure.ts";
import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";

const NO_SESSION = [
  "bad_request",
  'Cannot put: "n" is given, but no session; hello opens one',
] as const;

/** The puts of a connection. */
export class PutVerb {
  readonly #context: ServerContext;
  readonly #replies: ReplyWriter;
  readonly #budgets: Pick<ConnectionBudgets, "holder">;
  /** Under which name it puts, if it said so. */
  session: string | undefined;

  /** Puts without a session. */
  constructor(
    context: ServerContext,
    replies: ReplyWriter,
    budgets: Pick<ConnectionBudgets, "holder">,
  ) {
    this.#context = context;
    this.#replies = replies;
    this.#budgets = budgets;
  }

  /** Whose the sessions are that it opens. */
  get owner(): string {
    return this.#budgets.holder;
  }

  /** Stores a run of puts, and answers them and the refused ones among them in order. */
  async put(requests: readonly (PutRequest | RefusedRequest)[]): Promise<void> {
    const batch: Put[] = [];
    let run = requests;
    for (let i = 0; i < requests.length; i++) {
      const request = this.#collect(requests[i]!, batch);
      if (request !== requests[i]) run = run.with(i, request);
    }
    const { queue } = this.#context;
    const results = batch.length > 0 ? await queue.apply(batch) : [];
    for (const result of results) {
      if (!(result instanceof StoreError) && !result.dup) queue.counts.stored++;
    }
    let next = 0;
    for (const request of run) {
      if (request.action === "refused") {
        replyError(this.#context, request, request.error, this.#replies);
      } else if (request.many) {
        this.#replyMany(request, results.slice(next, next += request.messages.length));
      } else {
        this.#reply(request, results[next++]!);
      }
    }
  }

  /** Adds what a request puts to a batch; or it is refused, and nothing of it is added. */
  #collect(request: PutRequest | RefusedRequest, batch: Put[]): PutRequest | RefusedRequest {
    if (request.action === "refused") return request;
    const { id, action, n, topic, messages, encode } = request;
    const { session, owner } = this;
    // A number means something within a session only.
    if (n !== undefined && session === undefined) {
      return refuseRequest({ id, action }, ...NO_SESSION);
    }
    const { limits } = this.#context.welcome;
    const startLength = batch.length;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      const min = message.length + 2;
      if (min > limits.messageBytes) {
        batch.length = startLength;
        return refuseRequest({ id, action }, ...messageTooLarge(min, limits, true));
      }
      const { body, bytes } = encode(message);
      if (bytes > limits.messageBytes) {
        batch.length = startLength;
        return refuseRequest({ id, action }, ...messageTooLarge(bytes, limits));
      }
      batch.push(
        n === undefined
          ? { type: "put", topic, body, bytes }
          : { type: "put", topic, body, bytes, session, owner, n: n + i },
      );
    }
    return request;
  }

  #reply(request: PutRequest, result: PutAck | StoreError): void {
    if (result instanceof StoreError) {
      replyError(this.#context, request, storeErrorToWire(result), this.#replies);
    } else if (request.id !== undefined) {
      this.#replies.addAscii(putReply(request.id, result.seq, result.dup === true));
    }
  }

  #replyMany(request: PutRequest, results: readonly (PutAck | StoreError)[]): void {
    const failure = results.find((result) => result instanceof StoreError);
    if (failure) {
      // What holds for all is said once: a list that is refused would be answered with many times its length.
      const allSame = results.every((result) =>
        result instanceof StoreError && result.code === failure.code
      );
      const outcomes = allSame ? {} : { outcomes: outcomesOf(results) };
      replyError(
        this.#context,
        request,
        { ...storeErrorToWire(failure), ...outcomes },
        this.#replies,
      );
    } else if (request.id !== undefined) {
      const stored = results as readonly PutAck[];
      const seqs = stored.map(({ seq }) => seq);
      this.#replies.addAscii(putManyReply(request.id, seqs, stored.some(({ dup }) => dup)));
    }
  }
}

/** What became of each message. Why is said once for each code: said again and again it is fifty times as long as the list. */
function outcomesOf(results: readonly (PutAck | StoreError)[]): PutOutcome[] {
  const sent = new Set<ErrorCode>();
  return results.map((result) => {
    if (!(result instanceof StoreError)) return result.seq;
    const { code } = result;
    const message = sent.has(code) ? "" : result.message;
    sent.add(code);
    return { code, message };
  });
}
