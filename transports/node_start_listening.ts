/**
 * Starts a server of Node, perhaps again and again.
 *
 * @module
 */

import type { Server } from "node:net";
import type { ListenAddress } from "./transport.ts";

/**
 * Makes a server listen.
 *
 * @param server a server that does not listen
 * @param where host and port
 * @returns once it listens; rejects with the error of the system, and then leaves nothing behind
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

/** Without this permission Deno throws only later, where nothing can catch it. */
function requireNetPermission(host: string, port: number): void {
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  // Deno's permissions do not know zones of IPv6.
  if (host.includes("%")) return;
  if (Deno.permissions.querySync({ name: "net", host: address }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires net access to "${address}", run again with the --allow-net flag`,
  );
}
