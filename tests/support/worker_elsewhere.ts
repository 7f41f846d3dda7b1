/**
 * A worker of a group on another runtime: Node, Bun, a page, or a worker of a page. What it runs, and what it must do.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type ConnectOptions, type Server } from "@dsmq/server";
import type * as client from "@dsmq/server/client";

/** Runs there, as text: so it uses nothing but its arguments. It reports what it does, line by line. */
export async function workThere(
  { connect, dead, retry }: typeof client,
  url: string,
  report: (seen: string) => unknown,
  options: ConnectOptions = {},
): Promise<void> {
  try {
    const mq = await connect(url, { ...options, reconnect: { maxDelay: 100 } });
    const first = (await mq.claim("jobs", { wait: 30_000 }))!;
    await first.extend();
    await first.done();
    report(`claimed ${first.body}`);
    let finish = () => {};
    const finished = new Promise<void>((resolve) => finish = resolve);
    const worker = mq.work("jobs", async (job) => {
      report(`${job.body} ${job.attempt}`);
      if (job.body === "again" && job.attempt === 1) throw retry(0, "not yet");
      if (job.body === "poison") throw dead("nobody wants it");
      if (job.body === "long") {
        await mq.read("words", { wait: 30_000 });
        await job.extend();
        report(`long: ${job.signal.aborted ? "lost" : "still held"}`);
      }
      if (job.body === "last") finish();
    }, { concurrency: 2 });
    await finished;
    await worker.stop();
    report(JSON.stringify(worker.stats));
    await mq.close();
    report("closed");
  } catch (error) {
    report(`failed: ${error}`);
  }
}

/**
 * Gives jobs to it, and holds what it reports against what it must do.
 *
 * @param server where it works
 * @param next what it reports next
 * @param restart stops the server, and starts it again with its file
 * @param token of its clients, if they need one
 */
export async function proveWork(
  server: Server,
  next: () => Promise<string | undefined>,
  restart: () => Promise<unknown>,
  token?: string,
): Promise<void> {
  const reconnect = { maxDelay: 100 };
  await using mq = await connect(
    server.url,
    token === undefined ? { reconnect } : { reconnect, token },
  );
  await mq.putMany("jobs", ["first", "plain", "again", "poison"]);
  assertEquals(await next(), "claimed first");
  const seen = [await next(), await next(), await next(), await next()];
  assertEquals(seen.sort(), ["again 1", "again 2", "plain 1", "poison 1"]);
  await mq.put("jobs", "long");
  assertEquals(await next(), "long 1");
  await restart();
  await mq.put("words", "go on");
  assertEquals(await next(), "long: still held");
  await mq.put("jobs", "last");
  assertEquals(await next(), "last 1");
  const stats = { running: 0, done: 4, retried: 1, dead: 1, lost: 0 };
  assertEquals(JSON.parse((await next())!), stats);
  assertEquals(await next(), "closed");
  const [group] = await mq.groups("jobs");
  const { depth, held, dead, workers } = group!;
  assertEquals({ depth, held, dead, workers }, { depth: 0, held: 0, dead: 1, workers: 0 });
}
