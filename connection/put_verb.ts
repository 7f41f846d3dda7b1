/**
 * `put`: a run of requests becomes one batch for the store, and its results their replies.
 *
 * @module
 */

import { putManyReply, putReply } from "../protocol/encode_replies.ts";
import type { EncodedAttributes } from "../protocol/attributes.ts";
import { messageTooLarge } from "../protocol/body.ts";
import type { ErrorCode, PutOutcome } from "../protocol/errors.ts";
import { refuseRequest } from "../protocol/request_fields.ts";
import type { PutRequest, RefusedRequest } from "../protocol/requests.ts";
import { type Put, type PutAck, StoreError } from "../stores/store.ts";
import { replyError, type ServerContext } from "./server_context.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { SessionOwner } from "./session_owners.ts";
import { storeErrorToWire } from "../queue/store_failure.ts";
import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import type { Turn } from "../budgets/turns.ts";

const NO_SESSION = [
  "bad_request",
  'Cannot put: "n" is given, but no session; hello opens one',
] as const;

const NO_ATTRIBUTES = { json: undefined, bytes: 0 };

/** The puts of a connection. */
export class PutVerb {
  readonly #context: ServerContext;
  readonly #replies: ReplyWriter;
  readonly #budgets: Pick<ConnectionBudgets, "holder">;
  readonly #connection: Pick<SessionOwner, "identity">;
  readonly #turn: Pick<Turn, "checkedAt"> | undefined;
  /** The session whose numbers its puts have, if it has one. */
  session: string | undefined;

  /** Starts without a session. */
  constructor(
    context: ServerContext,
    replies: ReplyWriter,
    budgets: Pick<ConnectionBudgets, "holder">,
    connection: Pick<SessionOwner, "identity">,
    turn: Pick<Turn, "checkedAt"> | undefined,
  ) {
    this.#turn = turn;
    this.#connection = connection;
    this.#context = context;
    this.#replies = replies;
    this.#budgets = budgets;
  }

  /** To whom new sessions are charged. */
  get owner(): string {
    return this.#budgets.holder;
  }

  /** Stores a run of puts, and replies to them, and to the refused requests among them, in order. */
  async put(requests: readonly (PutRequest | RefusedRequest)[]): Promise<void> {
    const { queue } = this.#context;
    // The clock was read when their frame arrived. To read it once more would take longer than all else that is measured.
    const begun = this.#turn?.checkedAt ?? queue.counts.begin();
    const batch: Put[] = [];
    let run = requests;
    for (let i = 0; i < requests.length; i++) {
      const request = this.#collect(requests[i]!, batch);
      if (request !== requests[i]) run = run.with(i, request);
    }
    const results = batch.length > 0 ? await queue.put(batch) : [];
    queue.counts.putsApplied(batch, results, begun);
    // V8 may put this array into its old space, where it would hold its messages, though dead, until the whole heap is
    // collected.
    batch.length = 0;
    let next = 0;
    for (const request of run) {
      if (request.action === "refused") {
        replyError(this.#context, request, request.error, this.#replies);
      } else if (request.many) {
        this.#replyMany(request, results.slice(next, next += request.bodies.length));
      } else {
        this.#reply(request, results[next++]!);
      }
    }
  }

  /** Adds the messages of a request to a batch. If it is refused, nothing of it is added. */
  #collect(request: PutRequest | RefusedRequest, batch: Put[]): PutRequest | RefusedRequest {
    if (request.action === "refused") return request;
    const { id, action, n, topic, bodies, attributes, encode } = request;
    const { session, owner } = this;
    // A number has a meaning within a session only.
    if (n !== undefined && session === undefined) {
      return refuseRequest({ id, action }, ...NO_SESSION);
    }
    const { limits } = this.#context.welcome;
    if (attributes) return this.#collectAttributed(request, attributes, batch);
    const startLength = batch.length;
    for (let i = 0; i < bodies.length; i++) {
      const text = bodies[i]!;
      const min = text.length + 2;
      if (min > limits.messageBytes) {
        batch.length = startLength;
        return refuseRequest({ id, action }, ...messageTooLarge(min, limits, true));
      }
      const { body, bytes } = encode(text);
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

  /** The same for messages of which some have attributes. */
  #collectAttributed(
    request: PutRequest,
    attributes: readonly (EncodedAttributes | undefined)[],
    batch: Put[],
  ): PutRequest | RefusedRequest {
    const { id, action, n, topic } = request;
    const { limits } = this.#context.welcome;
    const { session, owner } = this;
    const { identity } = this.#connection;
    const puts: Put[] = [];
    for (let i = 0; i < request.bodies.length; i++) {
      const { body, bytes: bodyBytes } = request.encode(request.bodies[i]!);
      const { json, bytes: attributeBytes } = attributes[i] ?? NO_ATTRIBUTES;
      const bytes = bodyBytes + attributeBytes;
      if (bytes > limits.messageBytes) {
        return refuseRequest({ id, action }, ...messageTooLarge(bytes, limits));
      }
      const put = { type: "put", topic, body, bytes, attributes: json, identity } as const;
      puts.push(n === undefined ? put : { ...put, session, owner, n: n + i });
    }
    for (const put of puts) batch.push(put);
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
      // An error that all have in common is sent once: otherwise the reply could be many times as long as the list.
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

/** The outcome of each message. The text of each code is sent once: repeated texts would be fifty times as long as the list. */
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
