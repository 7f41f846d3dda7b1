/**
 * Notices that the reader of standard output has gone, even while nothing is printed.
 *
 * A pipe reports the end of its reader only on a write, or to `poll`. Deno has no `poll`; calling the system's needs the
 * permission for native libraries (`--allow-ffi`), and without it nothing is known.
 *
 * @module
 */

/** The system library that contains `poll`. */
const LIBC = "libc.so.6";

/** How long a call of `poll` waits, in milliseconds. It may keep the process alive for that long. */
const POLL_TIMEOUT = 500;

/** Events of `poll`: the other end has gone. */
const POLLERR = 8;
const POLLHUP = 16;

const STDOUT = 1;

/**
 * Watches the other end of standard output.
 *
 * @param onGone called when the reader has gone
 * @returns dispose of it to stop watching; `undefined` if it cannot be watched
 */
export function watchReader(onGone: () => void): Disposable | undefined {
  if (Deno.build.os !== "linux" || Deno.stdout.isTerminal()) return undefined;
  // Queried, so that Deno does not prompt.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  let isEnded = false;
  const poll = systemPoll();
  if (!poll) return undefined;
  const watch = async () => {
    while (!isEnded) {
      // Without requested events, `poll` still reports errors and hang-ups.
      const [events, returnedEvents] = await poll(STDOUT);
      if (isEnded) return;
      if ((returnedEvents & (POLLERR | POLLHUP)) !== 0) return onGone();
      // Interrupted by a signal, or a descriptor that cannot be polled.
      if (events !== 0) await new Promise((resolve) => setTimeout(resolve, POLL_TIMEOUT));
    }
  };
  void watch();
  return { [Symbol.dispose]: () => void (isEnded = true) };
}

/** Waits for events of a file descriptor: resolves to how many descriptors have events, and which. */
function systemPoll(): ((fd: number) => Promise<[count: number, events: number]>) | undefined {
  try {
    const { symbols } = Deno.dlopen(LIBC, {
      poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
    });
    return async (fd) => {
      // struct pollfd { int fd; short events; short revents; }
      const pollfd = new DataView(new ArrayBuffer(8));
      pollfd.setInt32(0, fd, true);
      const count = await symbols.poll(pollfd.buffer as ArrayBuffer, 1n, POLL_TIMEOUT);
      return [count, pollfd.getInt16(6, true)];
    };
  } catch {
    return undefined;
  }
}
