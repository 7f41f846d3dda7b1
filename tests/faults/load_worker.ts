/**
 * Puts as much as a server takes, in a thread of its own. It is given an address, and says each second how many
 * puts were acknowledged.
 *
 * @module
 */

import { connect } from "../../client.ts";
import type { Load } from "./load.ts";

const self = globalThis as unknown as Worker;

self.onmessage = async ({ data }: MessageEvent<Load>) => {
  const { url, topic, bytes, window, perSecond = Infinity } = data;
  const mq = await connect(url);
  const body = "x".repeat(bytes);
  let done = 0;
  setInterval(() => {
    self.postMessage(done);
    done = 0;
  }, 1000);
  const begin = performance.now();
  let asked = 0;
  await Promise.all(Array.from({ length: window }, async () => {
    for (;;) {
      const early = asked++ / perSecond * 1000 - (performance.now() - begin);
      if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
      await mq.put(topic, body);
      done++;
    }
  }));
};
