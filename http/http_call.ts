/**
 * What a handler of plain HTTP gets of a request.
 *
 * @module
 */

import type { Permissions } from "../auth/permissions.ts";
import type { HttpContext } from "./http_context.ts";
import type { HttpReaders } from "./http_readers.ts";

/** A request whose client may connect. */
export interface HttpCall {
  readonly context: HttpContext;
  readonly readers: HttpReaders;
  readonly request: Request;
  /** The address of the client. */
  readonly from: string;
  /** To whom what it holds is charged: its identity, or its address. */
  readonly holder: string;
  /**
   * What the client may do now. It may be less after a wait, such as for a body.
   *
   * @throws {HttpProblem} 401, if its token is not valid any more
   */
  readonly permissions: Permissions;
  /** Only the headers are wanted. */
  readonly isHead: boolean;
  /** What follows the route in the path, percent-encoded: empty, or the name of a topic. */
  readonly rest: string;
  /** The query of the address, from the `?` on, or empty. */
  readonly search: string;
  /** Calls back if the client leaves before it has a response; returns a function that ends that. */
  onLeft(callback: () => void): () => void;
  /** The slot of the request is kept until its response has ended: its handler gives it back then. Call it once. */
  keepSlot(): () => void;
}
