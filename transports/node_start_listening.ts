/**
 * A server of Node that begins to listen, perhaps again and again.
 *
 * @module
 */

import type { Server } from "node:net";
import type { ListenAddress } from "./transport.ts";

/**
 * Has a server listen.
 *
 * @param server listens to nothing now
 * @param where host and port
 * @returns once it listens; rejects with what the system says, and then leaves nothing behind at the server
 */
export function startListening(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    requireNetPermission(host, port);
    const onListening = () => {
      server.off("error", onError);
      resolve();
    };
    const onError = (error: Error) => {
      server.off("listening", onListening);
      reject(error);
    };
    server.once("listening", onListening);
    server.once("error", onError);
    server.listen({ host, port });
  });
}

/** Without permission Deno throws only after this turn, where nobody can catch it. */
function requireNetPermission(host: string, port: number): void {
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  // What a zone is, Deno's permissions do not know.
  if (host.includes("%")) return;
  if (Deno.permissions.querySync({ name: "net", host: address }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires net access to "${address}", run again with the --allow-net flag`,
  );
}
