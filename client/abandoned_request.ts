/**
 * A request that nobody waits for any more, but that the server may still answer.
 *
 * @module
 */

import { PendingRequest } from "./pending_request.ts";

/** Takes the place of a request whose reply is ignored. */
export class AbandonedRequest extends PendingRequest {
  readonly action: string;
  readonly topic = undefined;
  readonly size = 0;
  readonly calls: number;

  /** Takes over its room in the window, and whether it is suspected. */
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
