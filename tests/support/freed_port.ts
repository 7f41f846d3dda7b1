/**
 * A port that was open a moment ago.
 *
 * @module
 */

/** How long a process may take to run its own program, in milliseconds, and how often to look. */
const [MAX, EVERY] = [5000, 10];

/**
 * Opens a port again that this process has closed. A process that another test starts has it, too, until it runs its own program:
 * mostly for a millisecond.
 *
 * @param open opens it; is called again while the port is taken
 * @returns what that returns; rejects as that does
 */
export async function onFreedPort<Opened>(open: () => Opened | Promise<Opened>): Promise<Opened> {
  for (let waited = 0;; waited += EVERY) {
    try {
      return await open();
    } catch (error) {
      if (!isTaken(error) || waited > MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  }
}

/** As a server, Deno, or Node says it. */
function isTaken(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "address_in_use" || code === "EADDRINUSE" ||
    error instanceof Deno.errors.AddrInUse;
}
