/**
 * What a handler of plain HTTP gets of a request.
 *
 * @module
 */

import { type Permissions, TOKEN_EXPIRED } from "../auth/permissions.ts";
import { addressHolder } from "../budgets/address_key.ts";
import { revocation } from "../connection/authorize.ts";
import type { HttpContext } from "./http_context.ts";
import type { HttpReaders } from "./http_readers.ts";
import { HttpProblem } from "./problem.ts";

/** What a call is made of. */
export type HttpCallParts =
  & Pick<HttpCall, "context" | "readers" | "request" | "from" | "rest" | "search">
  & {
    /** What the client might do when the request began. */
    readonly granted: Permissions;
    /** Tells whether the client leaves before it has a response. */
    readonly watch: (request: Request, onLeft: () => void) => () => void;
    /** Gives the slot back. */
    readonly end: () => void;
  };

/** A request whose client may connect. A class: to make an object literal with a getter takes two microseconds. */
export class HttpCall {
  readonly context: HttpContext;
  readonly readers: HttpReaders;
  readonly request: Request;
  /** The address of the client. */
  readonly from: string;
  /** What follows the route in the path, percent-encoded: empty, or the name of a topic. */
  readonly rest: string;
  /** The query of the address, from the `?` on, or empty. */
  readonly search: string;
  readonly #parts: HttpCallParts;
  #holdsSlot = false;

  /** Takes its parts. */
  constructor(parts: HttpCallParts) {
    this.context = parts.context;
    this.readers = parts.readers;
    this.request = parts.request;
    this.from = parts.from;
    this.rest = parts.rest;
    this.search = parts.search;
    this.#parts = parts;
  }

  /** To whom what it holds is charged: its identity, or its address. */
  get holder(): string {
    return this.#parts.granted.identity || addressHolder(this.from);
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

  /** Only the headers are wanted. */
  get isHead(): boolean {
    return this.request.method === "HEAD";
  }

  /** Whether its handler gives the slot back. */
  get holdsSlot(): boolean {
    return this.#holdsSlot;
  }

  /** Calls back if the client leaves before it has a response; returns a function that ends that. */
  onLeft(callback: () => void): () => void {
    return this.#parts.watch(this.request, callback);
  }

  /** The slot of the request is kept until its response has ended: its handler gives it back then. Call it once. */
  keepSlot(): () => void {
    this.#holdsSlot = true;
    return this.#parts.end;
  }
}
