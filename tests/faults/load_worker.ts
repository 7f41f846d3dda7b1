/**
 * Puts as much as requested, in its own thread, and may read it all again. It is given a
 * {@linkcode Load}, and reports its progress each second.
 *
 * @module
 */

import { connect, type Connection } from "../../client.ts";
import type { Load, Progress } from "./load.ts";
import { sleep } from "./sleep.ts";

const self = globalThis as unknown as Worker;

/** How many puts it may make in all. */
let granted = Infinity;

self.onmessage = ({ data }: MessageEvent<Load | number>) => {
  if (typeof data === "number") {
    granted = data;
    return;
  }
  if (data.onlyGranted) granted = 0;
  void run(data);
};

async function run(load: Load): Promise<void> {
  const { url, topic, bytes, window, onlyGranted = false, reads = false } = load;
  await using mq = await connect(url);
  const counts = { done: 0, started: 0, read: 0 };
  const wrong: string[] = [];
  const post = (done: number | undefined, through: number) => {
    self.postMessage({ done, through, wrong: wrong.splice(0) } satisfies Progress);
  };
  setInterval(() => {
    post(counts.done, 0);
    counts.done = 0;
  }, 1000);
  // At once: nobody waits for the end of a second if the load is cut off.
  setInterval(() => wrong.length > 0 && post(undefined, 0), 20);
  const reading = reads ? follow(mq, topic, counts, wrong) : undefined;
  const padding = " ".repeat(bytes);
  const put = async () => {
    const n = counts.started++;
    try {
      await mq.put(topic, `${n}${padding}`);
      counts.done++;
    } catch (error) {
      wrong.push(String(error));
      await sleep(100);
    }
  };
  const lane = async () => {
    for (;;) await put();
  };
  /** Puts what is granted, many at a time, unless too much is unanswered. */
  const paced = async () => {
    let unanswered = 0;
    for (let through = 0;; await sleep(2)) {
      while (counts.started < granted && unanswered < window) {
        unanswered++;
        void put().then(() => unanswered--);
      }
      const { started } = counts;
      if (through === granted || started < granted || unanswered > 0) continue;
      if (!reads || counts.read === started) post(undefined, through = started);
    }
  };
  const lanes = onlyGranted ? [paced()] : Array.from({ length: window }, lane);
  await Promise.all([reading, ...lanes]);
}

/** Reads everything that is put, and checks that each message arrives once and in order. */
async function follow(
  mq: Connection,
  topic: string,
  counts: { read: number },
  wrong: string[],
): Promise<void> {
  try {
    for await (const { body } of mq.subscribe(topic)) {
      if (Number.parseInt(body) !== counts.read) wrong.push(`${body.trim()}, not ${counts.read}`);
      counts.read = Number.parseInt(body) + 1;
    }
  } catch (error) {
    wrong.push(String(error));
  }
}
