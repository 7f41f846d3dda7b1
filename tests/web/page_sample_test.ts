/**
 * Samples of a topic where more arrives than a person can look at, without a browser.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type SampledThrough, takeSample } from "../../web/page/message_sample.ts";
import { upTo } from "../support/opened_tail.ts";
import { PageServer, positionOf } from "../support/page_server.ts";

const { signal } = new AbortController();

Deno.test("a sample is taken of the history in which the tail is, also if the server begins another meanwhile", async () => {
  const server = new PageServer();
  server.put(upTo(1000));
  const { api } = server.source;
  const restarting = {
    ...api,
    async topic(...request: Parameters<typeof api.topic>) {
      const info = await api.topic(...request);
      server.restart();
      server.put(upTo(2000));
      return info;
    },
  };
  const after = { position: positionOf(10), stored: 10 };
  const { rows, isBehind } = await takeSample(restarting, "t", after, signal);
  assertEquals([rows, isBehind], [["The server lost its messages here, and began anew."], true]);
});

Deno.test("a sample is all that came, or fifty of the newest, and takes one page of the server", async () => {
  const server = new PageServer();
  server.put(upTo(10));
  const take = async (after: SampledThrough) => {
    const sample = await takeSample(server.source.api, "t", after, signal);
    const seqs = sample.rows.flatMap((row) => typeof row === "string" ? [] : [row.seq]);
    return { ...sample, seqs };
  };
  // Where it is not known how many came, the numbers say it.
  const first = await take({ position: positionOf(2), stored: undefined });
  assertEquals([first.seqs, first.isBehind], [upTo(10, 3), false]);
  server.put([5000, 5001]);
  const sparse = await take(first.through);
  assertEquals([sparse.seqs, sparse.isBehind], [[5000, 5001], false]);
  server.put(upTo(6000, 5002));
  const many = await take(sparse.through);
  assertEquals([many.seqs, many.isBehind], [upTo(6000, 5951), true]);
  const none = await take(many.through);
  assertEquals([none.seqs, none.isBehind, server.pages], [[], false, 4]);
});

Deno.test("a tail goes on sampling while pages have only few of the messages that came, since they are large", async () => {
  const server = new PageServer();
  server.put(upTo(10));
  const { api } = server.source;
  const small = {
    ...api,
    async messages(...[topic, query, signal]: Parameters<typeof api.messages>) {
      return await api.messages(topic, { ...query, count: 2 }, signal);
    },
  };
  const states: boolean[] = [];
  let through: SampledThrough = { position: positionOf(5), stored: 5 };
  for (let isBehind = true; isBehind;) {
    ({ through, isBehind } = await takeSample(small, "t", through, signal));
    states.push(isBehind);
  }
  assertEquals([states, through.position], [[true, true, false], positionOf(10)]);
});
