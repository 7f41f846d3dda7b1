/**
 * The transport built into Deno: a port of `Deno.serve`, and its WebSockets.
 *
 * @module
 */

import { openFetch } from "./deno_fetch.ts";
import { DenoPort } from "./deno_port.ts";
import type { ConnectionHandler, ListenAddress, Listener, PeerLimits } from "./transport.ts";

/**
 * Opens a port with `Deno.serve`.
 *
 * @param address host and port, 0 for any that is free, and what TLS needs
 * @param handler what to do with requests and peers
 * @param limits the limits of peers
 * @returns the open port; rejects with `Deno.errors.AddrInUse` if it is taken, and other errors of the system
 */
export async function listen(
  address: ListenAddress,
  handler: ConnectionHandler,
  limits: PeerLimits,
): Promise<Listener> {
  const requests = await openFetch(handler, limits);
  const port = new DenoPort(
    address,
    (request, { remoteAddr }) => requests.fetch(request, remoteAddr.hostname),
    handler,
  );
  const stop = () => {
    const stopped = port.stop();
    requests.stop();
    return stopped;
  };
  const { hostname } = port.addr;
  return { host: hostname, port: port.addr.port, renew: (tls) => port.renew(tls), stop };
}
