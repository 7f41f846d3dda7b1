/**
 * A request that nobody waits for any more, and that the server may still be busy with.
 *
 * @module
 */

import { PendingRequest } from "./pending_request.ts";

/** In the place of a request whose answer is nobody's. */
export class AbandonedRequest extends PendingRequest {
  readonly action: string;
  readonly topic = undefined;
  readonly size = 0;
  readonly calls: number;

  /** Takes its place in the window, and under suspicion. */
  constructor({ action, calls, id, sendOrder, isSuspect, weight }: PendingRequest) {
    super();
    this.action = action;
    this.calls = calls;
    this.id = id;
    this.sendOrder = sendOrder;
    this.isSuspect = isSuspect;
    this.weight = weight;
  }

  override get isAwaited(): boolean {
    return false;
  }

  protected jsonFields(): string {
    return "";
  }

  override onReconnect(): boolean {
    return false;
  }

  onReply(): void {}
  onError(): void {}
}
