/**
 * What a handler of plain HTTP gets of a request.
 *
 * @module
 */

import { type Permissions, TOKEN_EXPIRED } from "../auth/permissions.ts";
import { addressHolder } from "../budgets/address_key.ts";
import type { Administrator } from "../connection/admin_log.ts";
import { revocation } from "../connection/authorize.ts";
import type { Budget } from "../budgets/budget.ts";
import type { HttpContext } from "./http_context.ts";
import type { HttpReaders } from "./http_readers.ts";
import { HttpProblem } from "./problem.ts";
import { type BodyOwner, ENOUGH_BYTES } from "./reader_body.ts";

/** What a call is made of. */
export type HttpCallParts =
  & Pick<HttpCall, "context" | "readers" | "request" | "from" | "rest" | "group" | "search">
  & {
    /** What the client might do when the request began. */
    readonly granted: Permissions;
    /** Tells whether the client leaves before it has a response. */
    readonly watch: (request: Request, onLeft: () => void) => () => void;
    /** Gives the slot back. */
    readonly end: () => void;
  };

/** A request whose client may connect. A class: to make an object literal with a getter takes two microseconds. */
export class HttpCall implements BodyOwner {
  readonly context: HttpContext;
  readonly readers: HttpReaders;
  readonly request: Request;
  readonly from: string;
  /** The topic in the path, percent-encoded, or empty. */
  readonly rest: string;
  /** The group in the path, percent-encoded, or empty. */
  readonly group: string;
  /** The query of the address, from the `?` on, or empty. */
  readonly search: string;
  readonly #parts: HttpCallParts;
  #isOngoing = false;

  /** Takes its parts. */
  constructor(parts: HttpCallParts) {
    this.context = parts.context;
    this.readers = parts.readers;
    this.request = parts.request;
    this.from = parts.from;
    this.rest = parts.rest;
    this.group = parts.group;
    this.search = parts.search;
    this.#parts = parts;
  }

  /** Its identity, or its address. */
  get holder(): string {
    return this.#parts.granted.identity || addressHolder(this.from);
  }

  /** Its address and its identity, for the log. */
  get client(): Administrator {
    return { address: this.from, identity: this.#parts.granted.identity };
  }

  /**
   * What the client may do now. It may be less after a wait, such as for a body.
   *
   * @throws {HttpProblem} 401, if its token is not valid any more
   */
  get permissions(): Permissions {
    const { granted } = this.#parts;
    const { access, shared: { tokenExpiry } } = this.context;
    const { expires, identity } = granted;
    if (expires !== undefined && tokenExpiry.remaining(expires) === 0) {
      throw new HttpProblem(TOKEN_EXPIRED);
    }
    const permissions = access.currentPermissions(granted);
    if (permissions) return permissions;
    throw new HttpProblem(revocation(identity).error);
  }

  get unreadBudget(): Budget {
    return this.context.shared.budgets.of("totalUnreadBytes");
  }

  get partBytes(): number {
    return ENOUGH_BYTES;
  }

  noRoom(): HttpProblem {
    const { budgets } = this.context.shared;
    return new HttpProblem(budgets.budgetError("totalUnreadBytes", "send the response"));
  }

  get isHead(): boolean {
    return this.request.method === "HEAD";
  }

  /** Whether its handler gives the slot back. */
  get isOngoing(): boolean {
    return this.#isOngoing;
  }

  /** Calls back if the client leaves before it has a response; returns a function that ends that. */
  onLeft(callback: () => void): () => void {
    return this.#parts.watch(this.request, callback);
  }

  keep(): () => void {
    this.#isOngoing = true;
    return this.#parts.end;
  }
}
