/**
 * A port without a server.
 *
 * @module
 */

/**
 * The ports below those that systems give to clients, and to servers that ask for any (Linux: from 32,768 on), and below those of
 * examples: 30,008 and 30,018.
 */
const PORTS = { first: 20_000, count: 10_000 };

/** A port of this machine on which nothing listens, and that no other program is given by chance. */
export function freePort(): number {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
