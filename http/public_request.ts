/**
 * A request for what everybody may get, with or without a token: a page, or a file for browsers.
 *
 * @module
 */

import { addressHolder } from "../budgets/address_key.ts";
import type { Budget } from "../budgets/budget.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import type { HttpContext } from "./http_context.ts";
import type { HttpReaders } from "./http_readers.ts";
import { HttpProblem } from "./problem.ts";
import type { BodyOwner } from "./reader_body.ts";

/**
 * How much what clients have not read of pages and files may take together, in bytes. It is apart from `totalUnreadBytes`, so that
 * those without a token take nothing of those with one: of a file that is compressed, some 400 clients can be sent all at once.
 */
export const PUBLIC_UNREAD_BYTES: number = 16 * 1024 * 1024;

/** Whose a request is, and where its response is sent. */
type PublicParts = Pick<PublicRequest, "context" | "readers" | "request" | "from" | "unreadBudget">;

/** A request that needs no token, and takes no slot among the connections. */
export class PublicRequest implements BodyOwner {
  readonly context: HttpContext;
  readonly readers: HttpReaders;
  readonly request: Request;
  readonly from: string;
  readonly unreadBudget: Budget;
  // Of the larger files two to four: each part takes a server as long as a small response.
  readonly partBytes: number = 32_768;
  readonly #end: () => void;
  #isOngoing = false;

  /** Takes its parts, and what to call once its response has ended, if that is sent as its client reads. */
  constructor({ context, readers, request, from, unreadBudget }: PublicParts, end: () => void) {
    this.context = context;
    this.readers = readers;
    this.request = request;
    this.from = from;
    this.unreadBudget = unreadBudget;
    this.#end = end;
  }

  get holder(): string {
    return addressHolder(this.from);
  }

  get isHead(): boolean {
    return this.request.method === "HEAD";
  }

  /** Its response is sent as its client reads, and has not ended when it is returned. */
  get isOngoing(): boolean {
    return this.#isOngoing;
  }

  keep(): () => void {
    this.#isOngoing = true;
    return this.#end;
  }

  noRoom(): HttpProblem {
    const reason = "clients have not read what they were sent before";
    const error = limitExceeded("send this", this.unreadBudget.size, reason);
    // Not 429, which blames the client: it may be the first one of its address.
    return new HttpProblem(error, { status: 503 });
  }
}
