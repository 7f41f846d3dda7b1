/**
 * How this page is connected to its server.
 *
 * @module
 */

import type { Connection } from "../../client.ts";

/** How the page is connected. */
export type SessionState =
  /** Nothing is known yet. */
  | { readonly kind: "starting" }
  /** There was no server, and it is tried again. */
  | { readonly kind: "unreachable"; readonly trouble: string }
  | {
    readonly kind: "needs_token";
    /** What is wrong with the token that was given. */
    readonly reason: string | undefined;
    /** The server lets in those without a token, too. */
    readonly isOptional: boolean;
  }
  /** The server does not let this page in. */
  | { readonly kind: "refused"; readonly reason: string }
  | {
    readonly kind: "open";
    readonly mq: Connection;
    /** There is a connection now. Otherwise it comes back by itself. */
    readonly isConnected: boolean;
    /** What the reader has to know of that. */
    readonly trouble: string | undefined;
  };
