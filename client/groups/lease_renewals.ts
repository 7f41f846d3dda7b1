/**
 * The renewals of a worker's lease.
 *
 * @module
 */

import type { WorkerRequest } from "./worker_request.ts";

/** Told whether the server has confirmed the lease. */
export type OnRenewed = (isConfirmed: boolean) => void;

/** A renewal that is not answered yet. */
interface Renewal {
  /** `undefined` while it is being made. */
  request: WorkerRequest | undefined;
  readonly waiting: OnRenewed[];
}

/**
 * Renews a lease, one renewal after another: if each takes longer than the time to the next one, they would wait for each other longer
 * and longer, and confirm what was long ago.
 */
export class LeaseRenewals {
  readonly #send: (onSettled: OnRenewed) => WorkerRequest;
  readonly #onSettled: (isConfirmed: boolean, sentAt: number) => void;
  #underWay: Renewal | undefined;
  /** They came after the one that is under way was sent. */
  #next: OnRenewed[] = [];

  /**
   * Renews nothing yet.
   *
   * @param send sends a request, and calls back once it is answered or has failed
   * @param onSettled is told of each first, with when it was sent
   */
  constructor(
    send: (onSettled: OnRenewed) => WorkerRequest,
    onSettled: (isConfirmed: boolean, sentAt: number) => void,
  ) {
    this.#send = send;
    this.#onSettled = onSettled;
  }

  /**
   * Renews the lease, unless that is under way.
   *
   * @param onRenewed is told of a renewal that is sent from now on. Default: any will do
   */
  renew(onRenewed?: OnRenewed): void {
    if (!this.#underWay) return this.#begin(onRenewed ? [onRenewed] : []);
    if (!onRenewed) return;
    const { request, waiting } = this.#underWay;
    (request?.isSent ? this.#next : waiting).push(onRenewed);
  }

  #begin(waiting: OnRenewed[]): void {
    const renewal: Renewal = { request: undefined, waiting };
    this.#underWay = renewal;
    renewal.request = this.#send((isConfirmed) => {
      // First: from then on the next one may begin.
      this.#underWay = undefined;
      const next = this.#next.splice(0);
      this.#onSettled(isConfirmed, renewal.request?.sentAt ?? 0);
      for (const onRenewed of waiting) onRenewed(isConfirmed);
      for (const onRenewed of next) this.renew(onRenewed);
    });
  }
}
