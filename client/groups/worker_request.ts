/**
 * The requests that a worker makes beside `work`.
 *
 * @module
 */

import type { DoneReply } from "../../protocol/replies.ts";
import type { ResultReply } from "../../protocol/replies.ts";
import { jsonFields, PendingRequest, requireKind } from "../pending_request.ts";

/** A request of a worker; its fields are those of when it is sent. */
export class WorkerRequest extends PendingRequest {
  readonly action: string;
  readonly topic = undefined;
  readonly calls = 1;
  readonly size = 0;
  readonly #fields: () => object;
  readonly #onSettled: (reply: DoneReply | undefined, error?: unknown) => void;
  readonly #worker: { readonly hasEnded: boolean };
  /** When it was sent, by `performance.now`. */
  sentAt = 0;

  /**
   * Makes a request.
   *
   * @param action what it asks for
   * @param fields gives its fields
   * @param onSettled is given the reply, or the error
   * @param worker whose it is: nobody waits for the reply once it has ended
   */
  constructor(
    action: string,
    fields: () => object,
    onSettled: (reply: DoneReply | undefined, error?: unknown) => void,
    worker: { readonly hasEnded: boolean },
  ) {
    super();
    this.action = action;
    this.#fields = fields;
    this.#onSettled = onSettled;
    this.#worker = worker;
  }

  override get isAwaited(): boolean {
    // Until `unsubscribe` is answered jobs may arrive.
    return this.action !== "extend" && !this.#worker.hasEnded;
  }

  protected jsonFields(): string {
    this.sentAt = performance.now();
    return jsonFields(this.#fields());
  }

  /** Outcomes count on each socket; the others are settled without a reply. */
  override onReconnect(): boolean {
    const isRepeated = this.action === "finish";
    if (!isRepeated) this.#onSettled(undefined);
    return isRepeated;
  }

  onReply(reply: ResultReply): void {
    this.#onSettled(requireKind(reply, "done", this));
  }

  onError(error: unknown): void {
    this.#onSettled(undefined, error);
  }
}
