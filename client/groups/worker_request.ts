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
  readonly #isRepeated: boolean;
  /** When it was sent, by `performance.now`. */
  sentAt = 0;

  /**
   * Makes a request.
   *
   * @param action what it asks for
   * @param fields gives its fields
   * @param onSettled is given the reply, or the error
   * @param isRepeated whether it means something on another socket; else it is settled without a reply there
   */
  constructor(
    action: string,
    fields: () => object,
    onSettled: (reply: DoneReply | undefined, error?: unknown) => void,
    isRepeated = false,
  ) {
    super();
    this.action = action;
    this.#fields = fields;
    this.#onSettled = onSettled;
    this.#isRepeated = isRepeated;
  }

  override get isAwaited(): boolean {
    // Jobs may arrive before the reply to the latter.
    return this.#isRepeated || this.action === "unsubscribe";
  }

  protected jsonFields(): string {
    this.sentAt = performance.now();
    return jsonFields(this.#fields());
  }

  override onReconnect(): boolean {
    if (!this.#isRepeated) this.#onSettled(undefined);
    return this.#isRepeated;
  }

  onReply(reply: ResultReply): void {
    this.#onSettled(requireKind(reply, "done", this));
  }

  onError(error: unknown): void {
    this.#onSettled(undefined, error);
  }
}
