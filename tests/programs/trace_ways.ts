/**
 * Prints which files of the project take part in a `put`, a `get`, a streamed message and a job, and in a put and a followed
 * message over plain HTTP, as JSON: the files of which a function runs meanwhile, by the coverage of V8. Client and server share this process.
 *
 * @module
 */

import { Session } from "node:inspector/promises";
import { connect, serve } from "../../mod.ts";

const ROOT = new URL("../../", import.meta.url).href;

interface CoveredScript {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
}

const log = { info() {}, warn() {}, error: console.error };
await using server = await serve({ port: 0, engine: "node:sqlite", log });
await using mq = await connect(server.url);
await using other = await connect(server.url);
const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });

/** The files in which a function runs while something is done. Each reading resets the counts. */
async function filesOf(work: () => Promise<unknown>): Promise<string[]> {
  await session.post("Profiler.takePreciseCoverage");
  await work();
  const { result } = await session.post("Profiler.takePreciseCoverage") as unknown as {
    result: readonly CoveredScript[];
  };
  return result
    .filter(({ url, functions }) =>
      url.startsWith(ROOT) && functions.some(({ ranges }) => ranges[0]!.count > 0)
    )
    .map(({ url }) => url.slice(ROOT.length));
}

// More than the write buffer holds, so that some of them move into the table.
const many = Array.from({ length: 5000 }, () => "m");
const put = await filesOf(() => Promise.all([mq.put("t", "m"), mq.putMany("many", many)]));
const get = await filesOf(() => mq.get("t"));
const news = mq.subscribe("news");
const first = news.next();
await other.get("news");
const stream = await filesOf(async () => {
  await other.put("news", "m");
  await first;
});
const topic = `${server.url.replace("ws:", "http:")}/topics/http`;
const httpPut = await filesOf(() => fetch(topic, { method: "POST", body: "m" }));
const followed = await fetch(topic, { headers: { accept: "text/event-stream" } });
const events = followed.body!.getReader();
// That it has begun.
await events.read();
const httpFollow = await filesOf(async () => {
  await other.put("http", "m");
  await events.read();
});
await mq.createGroup("mails");
let onJob: () => unknown = () => {};
const worker = mq.work("mails", () => onJob());
// That it has begun.
await other.put("mails", "first");
const isDone = async (count: number) => {
  while (worker.stats.done < count) await new Promise((resolve) => setTimeout(resolve));
};
await isDone(1);
const { promise: arrived, resolve } = Promise.withResolvers<void>();
const handled = Promise.withResolvers<void>();
onJob = () => {
  resolve();
  return handled.promise;
};
const job = await filesOf(async () => {
  await other.put("mails", "m");
  await arrived;
});
const finish = await filesOf(async () => {
  handled.resolve();
  await isDone(2);
});
console.log(JSON.stringify({ put, get, stream, job, finish, httpPut, httpFollow }));
Deno.exit();
