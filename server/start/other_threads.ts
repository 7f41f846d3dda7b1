/**
 * `deno serve --parallel`: several threads of one process load the program, and each would have a queue of its own, on one port.
 *
 * Only that makes threads with the same main module: those of a program's own workers have none, and those of `deno test` have
 * different ones.
 *
 * @module
 */

/** What is wrong, for the log. */
const SEVERAL_QUEUES =
  "--parallel would run several queues that know nothing of each other: leave it out";

/** Tells this thread from others. */
const HERE = { thread: crypto.randomUUID(), reported: false };

/** It was reported, here or in another thread. */
let isReported = false;

/**
 * Looks for other threads that do the same.
 *
 * @param onMet is called with what is wrong if there is one: once in a thread, and not in all of them
 * @returns ends it
 */
export async function watchOtherThreads(onMet: (sentence: string) => void): Promise<() => void> {
  const { mainModule, pid } = Deno;
  if (typeof mainModule !== "string") return () => {};
  // Loaded here and not above: it takes milliseconds. The channel of the platform would keep the program alive.
  const { BroadcastChannel } = await import("node:worker_threads");
  const channel = new BroadcastChannel(`dsmq ${pid} ${mainModule}`);
  channel.unref();
  channel.onmessage = (event) => {
    const { thread, reported } = (event as MessageEvent<typeof HERE>).data;
    if (thread === HERE.thread || isReported) return;
    isReported = true;
    if (reported) return;
    channel.postMessage({ ...HERE, reported: true });
    onMet(SEVERAL_QUEUES);
  };
  channel.postMessage(HERE);
  return () => channel.close();
}
