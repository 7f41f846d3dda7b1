/**
 * Random and mutated frames, over many connections, beside an honest client: the server must survive, answer
 * each request with an id once, and keep nothing. Also the program that runs this or the other fuzzers: plain
 * HTTP, faults of all kinds, and simultaneous calls.
 *
 * ```sh
 * deno task fuzz frames [FRAMES] [SEED] [builtin|hardened]
 * deno task fuzz http [REQUESTS] [SEED] [builtin|hardened]
 * deno task fuzz resume [RUNS] [SEED]
 * deno task fuzz turns [RUNS] [SEED] [PATH] [memory|late|file]
 * ```
 *
 * @module
 */

import { connect, type Connection, isDsmqError } from "../../client.ts";
import type { TransportChoice } from "../../server.ts";
import type { StoreKind } from "../support/model_run.ts";
import { seeded } from "../../testing/seeded.ts";
import { argumentsOrExit } from "./arguments.ts";
import { ChildServer } from "./child_server.ts";
import { FuzzSocket } from "./fuzz_socket.ts";
import { type Finding, none, report } from "./report.ts";
import { sleep } from "./sleep.ts";

/** The options of a run. */
export interface FuzzOptions {
  /** How many frames to send. */
  readonly frames: number;
  /** Two runs with the same seed have the same frames. */
  readonly seed: number;
  readonly transport?: TransportChoice;
}

/** How many connections at a time. */
const LANES = 4;

/** The retention, in milliseconds: messages have expired before the memory is measured. */
const RETENTION = 500;
const CLEANUP_TIME = 2500;

const GOAL = 10e6;

/**
 * Sends all kinds of frames to a server, and checks its replies.
 *
 * @param options how many frames
 * @returns what was found
 */
export async function fuzz(
  { frames, seed, transport = "builtin" }: FuzzOptions,
): Promise<Finding[]> {
  await using server = await ChildServer.start({ retention: RETENTION, transport });
  // The first frames cause the growth that happens once.
  const warmUp = await storm(server, Math.ceil(frames / 20), seed + 1);
  await sleep(CLEANUP_TIME);
  const before = await server.report();
  const stop = new AbortController();
  const good = runGoodClient(server, stop.signal);
  const seen = await storm(server, frames, seed);
  stop.abort();
  const { calls, wrong, slowest } = await good;
  await sleep(CLEANUP_TIME);
  const crashed = server.ended;
  const after = crashed ? undefined : await server.report();
  server.signal("SIGTERM");
  const { code, stderr } = await server.end();
  const growth = after ? after.heap - before.heap : Infinity;
  const sockets = [...warmUp.all, ...seen.all];
  const requestCount = sockets.reduce((sum, { tally }) => sum + tally.requested, 0);
  const wrongReplies = sockets.flatMap(({ tally }) => tally.wrong);
  const remaining = sockets.flatMap(({ unanswered }) => unanswered);
  const closes = Map.groupBy(
    sockets.filter(({ closed }) => closed),
    ({ code }) => `${code ?? "no code"}`,
  );
  for (const what of [...wrongReplies, ...wrong].slice(0, 5)) console.error(what);
  if (stderr !== "") console.error(stderr.slice(0, 2000));
  return [
    { what: "frames sent", seen: seen.frames, good: seen.frames >= frames },
    { what: "connections", seen: sockets.length, good: true },
    {
      what: "of them closed by the server, with",
      seen: [...closes].map(([code, { length }]) => `${code}: ${length}`).join(", "),
      good: sockets.every(({ badlyClosed }) => !badlyClosed),
    },
    { what: "crashes", seen: crashed || code !== 0 ? 1 : 0, good: !crashed && code === 0 },
    none("connections that hang", sockets.filter(({ hanging }) => hanging)),
    { what: "requests with a reply", seen: requestCount, good: requestCount > frames / 4 },
    none("not answered", remaining),
    none("answered twice, or with neither a result nor a coded error", wrongReplies),
    none("errors in the server's log", stderr.split("\n").filter(Boolean)),
    { what: "good requests beside them", seen: calls, good: calls > 0 },
    none("good requests answered wrongly", wrong),
    { what: "the slowest of them took, in ms", seen: Math.round(slowest), good: slowest < 10_000 },
    { what: "connections left", seen: after?.connections ?? "?", good: after?.connections === 0 },
    { what: "heap grown, in MB", seen: (growth / 1e6).toFixed(1), good: growth <= GOAL },
  ];
}

/** Sends frames over many connections. */
async function storm(
  server: ChildServer,
  frames: number,
  seed: number,
): Promise<{ readonly all: FuzzSocket[]; readonly frames: number }> {
  const all: FuzzSocket[] = [];
  let sentFrames = 0;
  await Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      const random = seeded(seed * LANES + lane);
      while (sentFrames < frames && !server.ended) {
        const socket = await FuzzSocket.open(server.port, random);
        all.push(socket);
        const max = 1 + random(400);
        while (socket.frames < max && sentFrames < frames && !socket.over) {
          const before = socket.frames;
          await socket.burst(1 + random(30));
          sentFrames += socket.frames - before;
        }
        await socket.finish();
      }
    }),
  );
  return { all, frames: sentFrames };
}

/** An honest client that checks each reply. */
async function runGoodClient(server: ChildServer, signal: AbortSignal) {
  const wrong: string[] = [];
  let [calls, slowest, last] = [0, 0, 0];
  await using mq = await connect(server.url);
  const topic = "of an honest client";
  for (let i = 0; !signal.aborted; i++) {
    const begin = performance.now();
    try {
      const bodies = [`${i}`, `é ${i}`, `${i} `.repeat(i % 500)];
      const seqs = [await mq.put(topic, bodies[0]!), ...await mq.putMany(topic, bodies.slice(1))];
      const got = await Promise.all([mq.read(topic), mq.read(topic)]);
      const newest = await mq.read(topic, { latest: true });
      const rest = await mq.get(topic);
      calls += 6;
      for (const [at, message] of [...got, newest].entries()) {
        const right = message?.body === bodies[at] && message?.seq === seqs[at];
        // On a slow machine it may have expired, and a later one may have arrived in its place.
        const late = performance.now() - begin > RETENTION / 2 &&
          (message === undefined || bodies.indexOf(message.body) > at);
        if (!right && !late) wrong.push(`${JSON.stringify(message)} is not ${bodies[at]}`);
      }
      if (rest !== "") wrong.push(`${rest} is left`);
      if (i % 20 === 10) wrong.push(...await administer(mq));
      // It loses nothing by that, and goes on.
      if (i % 50 === 40) {
        for (const { id, own } of await mq.connections()) if (own) await mq.disconnect(id);
      }
      if (seqs.some((seq, at) => seq <= (seqs[at - 1] ?? last))) wrong.push(`order: ${seqs}`);
      last = seqs.at(-1)!;
    } catch (error) {
      wrong.push(String(error));
      if (server.ended) break;
    }
    slowest = Math.max(slowest, performance.now() - begin);
  }
  return { calls, wrong, slowest };
}

/** What an administrator finds wrong: with a purge, and with a backup beside everything that others put and purge. */
async function administer(mq: Connection): Promise<string[]> {
  const wrong: string[] = [];
  const topic = "purged";
  const seqs = await mq.putMany(topic, ["a", "b", "c"]);
  const purged = await mq.purge(topic, { before: seqs[2]! });
  // On a slow machine they may have expired.
  if (purged > 2) wrong.push(`${purged} messages were purged of 2`);
  // All may have expired by then; and after a break it is told of what went.
  const message = await mq.read(topic, { wait: 50 }).catch((error) => {
    if (!isDsmqError(error, "trimmed")) throw error;
  });
  if (message && message.seq < seqs[2]!) wrong.push(`${message.body} was read after it was purged`);
  const backup = await mq.backup();
  let last = backup.info.floor;
  for await (const { seq, topic: name } of backup) {
    if (seq <= last || seq > backup.info.last) wrong.push(`a backup has ${seq} after ${last}`);
    if (name === topic && seq < seqs[2]! && seq >= seqs[0]!) wrong.push(`a backup has ${seq}`);
    last = seq;
  }
  await mq.purge(topic);
  return wrong;
}

/** The defaults. */
const RUNS = { frames: 100_000, http: 10_000, resume: 1000, turns: 2000 };

if (import.meta.main) {
  const [kind = "frames", ...rest] = Deno.args;
  if (!Object.hasOwn(RUNS, kind)) {
    console.error("deno task fuzz frames|http|resume|turns [COUNT] [SEED]");
    Deno.exit(2);
  }
  const forms = { COUNT: RUNS[kind as keyof typeof RUNS], SEED: Date.now() % 1_000_000 };
  const { COUNT, SEED } = argumentsOrExit(forms, rest.slice(0, 2));
  const others = rest.slice(2);
  console.log(["deno task fuzz", kind, COUNT, SEED, ...others].join(" "));
  const runs = { runs: COUNT, seed: SEED };
  if (kind === "resume") {
    report("Faults of all kinds", await (await import("./fuzz_resume.ts")).resume(runs));
  } else if (kind === "turns") {
    const { turns } = await import("./fuzz_turns.ts");
    const [path, storeKind] = others;
    const storeKinds = storeKind === undefined ? {} : { storeKinds: [storeKind as StoreKind] };
    report("Simultaneous calls", await turns({ ...runs, path, ...storeKinds }));
  } else if (kind === "http") {
    const transport = (others[0] ?? "builtin") as TransportChoice;
    const { fuzzHttp } = await import("./fuzz_http.ts");
    report(
      "Requests that no sane client sends",
      await fuzzHttp({ requests: COUNT, seed: SEED, transport }),
    );
  } else {
    const [transport = "builtin"] = others;
    report(
      "Frames that no sane client sends",
      await fuzz({
        frames: runs.runs,
        seed: runs.seed,
        transport: transport as TransportChoice,
      }),
    );
  }
}
