/**
 * What a server accepts from clients that want to connect.
 *
 * @module
 */

import type { Grant, TokenGrant } from "./permissions.ts";

/** Who may do what. At least one of these is given. */
export interface Auth {
  /** Tokens, and what each permits. Then one of them is required, even if the list is empty. */
  readonly tokens?: readonly TokenGrant[];
  /** What clients without a token may do. Default: everything if no token is required, else nothing. */
  readonly anonymous?: Grant;
}

/** Nothing is required. */
export const OPEN_TO_ALL: Auth = {};

/** Whether clients need a token, all of them or those that want to do more than others. */
export function requiresToken({ tokens }: Auth): boolean {
  return tokens !== undefined;
}
