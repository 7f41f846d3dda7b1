/**
 * What a connection offers to an administrator.
 *
 * @module
 */

import type { ConnectionInfo } from "../protocol/connection_info.ts";

/**
 * What a connection offers to an administrator: its token needs the permission `admin`, for all topics. A server without
 * tokens lets clients on its own machine administrate it, if it listens there alone.
 *
 * Each of these rejects with a {@linkcode DsmqError} of code `permission_denied` if that is not allowed.
 */
export interface Administration {
  /**
   * Lists the connections of the server, the oldest first.
   *
   * @returns all of them, also this one, whose `own` is `true`
   *
   * @example See who is connected
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * for (const { id, address, permissions } of await mq.connections()) {
   *   console.log(id, address, permissions.join());
   * }
   * ```
   */
  connections(): Promise<ConnectionInfo[]>;

  /**
   * Closes a connection, with close code 4410. A client that reconnects comes back and loses nothing, as long as its token
   * is valid: to keep it away, revoke that.
   *
   * @param id as {@linkcode Administration.connections} lists it; it may be the own one
   * @throws {DsmqError} `not_found`, if there is no such connection (any more)
   */
  disconnect(id: string): Promise<void>;
}
