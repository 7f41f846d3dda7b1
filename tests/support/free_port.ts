/**
 * A port without a server.
 *
 * @module
 */

/** A port of this machine on which nothing listens. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
