/**
 * A server of Node that begins to listen, perhaps again and again.
 *
 * @module
 */

import type { Server } from "node:net";
import type { Address } from "./transport.ts";

/**
 * Has a server listen.
 *
 * @param server listens to nothing now
 * @param where host and port
 * @returns once it listens; rejects with what the system says, and then leaves nothing behind at the server
 */
export function listening(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    requirePermission(host, port);
    const opened = () => {
      server.off("error", failed);
      resolve();
    };
    const failed = (error: Error) => {
      server.off("listening", opened);
      reject(error);
    };
    server.once("listening", opened);
    server.once("error", failed);
    server.listen({ host, port });
  });
}

/** Without permission Deno throws only after this turn, where nobody can catch it. */
function requirePermission(host: string, port: number): void {
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  // What a zone is, Deno's permissions do not know.
  if (host.includes("%")) return;
  if (Deno.permissions.querySync({ name: "net", host: address }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires net access to "${address}", run again with the --allow-net flag`,
  );
}
