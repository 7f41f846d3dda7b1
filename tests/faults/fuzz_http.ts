/**
 * Odd and broken requests over plain HTTP, beside honest clients of all kinds: each whole request has one coded answer, what
 * was acknowledged is stored once, exactly, what was refused or half-sent is not, and nothing is held afterwards.
 *
 * @module
 */

import { connect } from "../../client.ts";
import type { TransportChoice } from "../../server.ts";
import { seeded } from "../../testing/seeded.ts";
import { ChildServer } from "./child_server.ts";
import { AnswerChecker } from "./fuzz_http_answers.ts";
import { followAll, runHttpClient, runWebSocketClient } from "./fuzz_http_clients.ts";
import { fuzzConnection, type FuzzHttpRun } from "./fuzz_http_connection.ts";
import { Ledger, type StoredMessage } from "./fuzz_http_ledger.ts";
import { HttpFuzzer } from "./fuzz_http_requests.ts";
import { type Finding, none } from "./report.ts";
import { sleep, until } from "./sleep.ts";

/** The options of a run. */
export interface FuzzHttpOptions {
  /** How many requests to send. */
  readonly requests: number;
  /** Two runs with the same seed have the same requests. */
  readonly seed: number;
  readonly transport?: TransportChoice;
}

/** How many connections of the fuzzer at a time. */
const LANES = 6;

/**
 * So tight that whatever a connection does not give back is soon missing: the honest clients take four, and what was cut lasts
 * until the server notices.
 */
const LIMITS = {
  connections: 80,
  totalWaits: 64,
  totalSubscriptions: 64,
  totalInFlightBytes: 32 * 1024 * 1024,
  totalUnreadBytes: 32 * 1024 * 1024,
};

/** If nothing was stored for so long, in milliseconds, nothing more comes. */
const SETTLED = 500;

/** How much the heap may grow, in bytes, once all messages are purged. */
const GOAL = 12e6;

/**
 * Sends all kinds of requests to a server, and checks its answers and what it has stored.
 *
 * @param options how many requests
 * @returns what was found
 */
export async function fuzzHttp(
  { requests, seed, transport = "builtin" }: FuzzHttpOptions,
): Promise<Finding[]> {
  const auth = { tokens: [{ token: "good" }], anonymous: {} };
  await using server = await ChildServer.start({ transport, auth, limits: LIMITS });
  const origin = `http://127.0.0.1:${server.port}`;
  // The first requests cause the growth that happens once.
  await storm(server, Math.ceil(requests / 20), seed + 1);
  await purgeAll(server);
  const before = await server.report();
  const stop = new AbortController();
  const end = new AbortController();
  const following = followAll(origin, end.signal);
  const honest = [
    runWebSocketClient(server.url, stop.signal),
    runHttpClient(origin, stop.signal),
  ];
  const { run, sent } = await storm(server, requests, seed);
  stop.abort();
  const [webSocket, http] = await Promise.all(honest);
  const stored = await readSettled(server);
  await sleep(SETTLED);
  end.abort();
  const followed = await following;
  // Of a client that has left something may be stored even now: a follower has got it, or has ended before.
  const later = await readAll(server);
  const { checker, faults, ledger } = run;
  const left = await remaining(server);
  const lost = ledger.check(later);
  await purgeAll(server);
  const after = await server.report();
  server.signal("SIGTERM");
  const { code, stderr } = await server.end();
  const wrong = [...faults, ...checker.wrong, ...lost, ...webSocket!.wrong, ...http!.wrong];
  for (const what of wrong.slice(0, 12)) console.error(what);
  if (stderr !== "") console.error(stderr.slice(0, 2000));
  const growth = after.heap - before.heap;
  const slowest = Math.max(webSocket!.slowest, http!.slowest);
  const seqs = (messages: readonly StoredMessage[]) => messages.map(({ seq }) => seq).join();
  return [
    { what: "requests sent", seen: sent, good: sent >= requests },
    {
      what: "answers",
      seen: [...checker.statuses].sort().map(([status, count]) => `${status}: ${count}`).join(", "),
      good: true,
    },
    { what: "of them by the platform, without a code", seen: checker.bare, good: true },
    none("requests without a response, or with more than one", faults),
    none("responses that are not as they must be", checker.wrong),
    { what: "puts acknowledged", seen: ledger.acknowledged, good: ledger.acknowledged > 0 },
    none("lost, stored twice, changed, or stored though refused, half-sent or smuggled", lost),
    {
      what: "of what was stored a follower got, in order",
      seen: `${followed.length} of ${stored.length}`,
      good: followed.length >= stored.length &&
        seqs(followed) === seqs(later.slice(0, followed.length)),
    },
    { what: "calls of honest clients", seen: webSocket!.calls + http!.calls, good: true },
    none("answered wrongly", [...webSocket!.wrong, ...http!.wrong]),
    { what: "the slowest of them took, in ms", seen: Math.round(slowest), good: slowest < 10_000 },
    { what: "connections and readers left", seen: left, good: left === 0 },
    { what: "exit code", seen: code, good: code === 0 },
    none("errors in the server's log", stderr.split("\n").filter(Boolean)),
    { what: "heap grown, in MB", seen: (growth / 1e6).toFixed(1), good: growth <= GOAL },
  ];
}

/** Sends requests over many connections. */
async function storm(
  server: ChildServer,
  requests: number,
  seed: number,
): Promise<{ readonly run: Omit<FuzzHttpRun, "random" | "fuzzer">; readonly sent: number }> {
  const ledger = new Ledger();
  const run = { port: server.port, ledger, checker: new AnswerChecker(ledger), faults: [] };
  let sent = 0;
  await Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      const random = seeded(seed * LANES + lane);
      const fuzzer = new HttpFuzzer(random, lane);
      while (sent < requests && !server.ended) {
        const count = await fuzzConnection({ ...run, random, fuzzer });
        sent += count;
      }
    }),
  );
  return { run, sent };
}

/** All that is stored once nothing more comes: what clients sent that have left may still wait to be read. */
async function readSettled(server: ChildServer): Promise<StoredMessage[]> {
  for (let stored = await readAll(server);;) {
    await sleep(SETTLED);
    const again = await readAll(server);
    if (again.length === stored.length) return again;
    stored = again;
  }
}

/** All that is stored, in its order, read in pages. */
async function readAll(server: ChildServer): Promise<StoredMessage[]> {
  const all: StoredMessage[] = [];
  for (let after = "start";;) {
    const url = `http://127.0.0.1:${server.port}/messages?count=1000&after=${after}`;
    const { messages, next } = await (await fetch(url)).json();
    all.push(...messages);
    if (messages.length === 0) return all;
    after = next;
  }
}

async function purgeAll(server: ChildServer): Promise<void> {
  await using mq = await connect(server.url, { token: "good" });
  for (const { topic } of await mq.topics()) await mq.purge(topic);
}

/** How many connections the server still has, but for the one that asks. */
async function remaining(server: ChildServer): Promise<number> {
  await using mq = await connect(server.url, { token: "good" });
  const others = async () => (await mq.connections()).filter(({ own }) => !own).length;
  await until(async () => await others() === 0, 5000);
  return await others();
}
