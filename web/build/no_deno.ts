/**
 * What stands in a browser for `client/deno/`: there is no Deno, and so no socket of it.
 *
 * @module
 */

import type * as socket from "../../client/deno/deno_socket.ts";
import type * as opening from "../../client/deno/socket_opening.ts";

/** There is no Deno. */
export const denoNet: typeof opening.denoNet = () => undefined;

/** Nothing makes one without `denoNet`. */
export const DenoSocket = undefined as unknown as typeof socket.DenoSocket;
