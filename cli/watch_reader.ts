/**
 * Whether somebody still reads what is printed, also while nothing is printed.
 *
 * A pipe tells of the end of its reader only when it is written to, or by `poll`. Deno has no call for that, and lends
 * those of the system only to whoever may use native libraries: without that leave nothing is known.
 *
 * @module
 */

/** The library of the system that has `poll`, where this is tried. */
const LIBC = "libc.so.6";

/** How long a call of `poll` waits, in milliseconds: so long it may keep a process from ending by itself. */
const POLL_TIMEOUT = 500;

/** Of `poll`: the other end is gone, or there will be no reader. */
const POLLERR = 8;
const POLLHUP = 16;

const STDOUT = 1;

/**
 * Watches the other end of standard output.
 *
 * @param onGone is told when there is no reader any more
 * @returns ends the watch; nothing, if it cannot be watched
 */
export function watchReader(onGone: () => void): Disposable | undefined {
  if (Deno.build.os !== "linux" || Deno.stdout.isTerminal()) return undefined;
  // Looked up, not asked for.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  let isEnded = false;
  const poll = systemPoll();
  if (!poll) return undefined;
  const watch = async () => {
    while (!isEnded) {
      // A file descriptor and no events: errors and the end of the other side are always told.
      const [events, returnedEvents] = await poll(STDOUT);
      if (isEnded) return;
      if ((returnedEvents & (POLLERR | POLLHUP)) !== 0) return onGone();
      // Cut short by a signal, or nothing that can be waited for.
      if (events !== 0) await new Promise((resolve) => setTimeout(resolve, POLL_TIMEOUT));
    }
  };
  void watch();
  return { [Symbol.dispose]: () => void (isEnded = true) };
}

/** Waits up to a round for events of a file descriptor: how many descriptors have some, and which these are. */
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
