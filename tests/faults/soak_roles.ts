/**
 * Clients that use a server for a long time, each in its own way, and check everything that they receive.
 *
 * @module
 */

import { connect, type Connection } from "../../client.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { sleep } from "./sleep.ts";

/** What all of them record. */
export interface RoleLog {
  /** How many messages were put by one connection for another; 0 if the role reads only what it put itself. */
  put: number;
  /** How many messages arrived as they should. */
  right: number;
  /** What failed, or arrived out of order. */
  readonly wrong: string[];
}

/** The server's addresses, and the time of the end. */
export interface RoleEnvironment {
  readonly url: string;
  /** The same server behind a proxy that cuts. */
  readonly cutUrl: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** A client that uses a server until it is stopped. */
export type Role = (environment: RoleEnvironment, log: RoleLog) => Promise<void>;

/** All of them, by name. */
export const ROLES: Readonly<Record<string, Role>> = {
  "a putter and a getter": async ({ url, signal }, log) => {
    await putAndRead(await connect(url), await connect(url), "gets", { signal, log }, getAll);
  },
  "a waiter": async ({ url, signal }, log) => {
    await putAndRead(await connect(url), await connect(url), "waits", { signal, log }, waitAll);
  },
  "a subscriber": async ({ url, signal }, log) => {
    await putAndRead(await connect(url), await connect(url), "follows", { signal, log }, followAll);
  },
  "a getter, cut off now and then": async ({ cutUrl, signal }, log) => {
    const [one, other] = [await back(cutUrl), await back(cutUrl)];
    await putAndRead(one, other, "cut gets", { signal, log }, waitAll);
  },
  "a subscriber, cut off now and then": async ({ cutUrl, signal }, log) => {
    const [one, other] = [await back(cutUrl), await back(cutUrl)];
    await putAndRead(one, other, "cut follows", { signal, log }, followAll);
  },
  "a short-lived client": async ({ url, signal }, log) => {
    for (let n = 0; !signal.aborted; n++) {
      await using mq = await connect(url);
      await mq.put("comes", `${n}`);
      expect(log, await mq.get("comes"), `${n}`);
      await sleep(50);
    }
  },
  "a reader of the latest": async ({ url, signal }, log) => {
    await using mq = await connect(url);
    for (let n = 0; !signal.aborted; n++) {
      await mq.putMany("latest", [`old ${n}`, `${n}`]);
      expect(log, await mq.getLatest("latest"), `${n}`);
      expect(log, await mq.get("latest"), "");
      await sleep(10);
    }
  },
  "a client of dsmq 1.x": old,
};

interface Until {
  readonly signal: AbortSignal;
  readonly log: RoleLog;
}

/** Passes message after message to `take`. */
type Reading = (
  mq: Connection,
  topic: string,
  take: (body: string) => void,
  signal: AbortSignal,
) => Promise<void>;

const LAST = "last";

/** The putter waits for its reader if more messages than this are unread. */
const MAX_LAG = 20;

/** How long anything may take before it counts as stuck, in milliseconds. */
export const STEP_TIMEOUT = 60_000;

/** One puts numbers, the other must get them all, in order. */
async function putAndRead(
  putter: Connection,
  reader: Connection,
  topic: string,
  { signal, log }: Until,
  read: Reading,
): Promise<void> {
  let next = 0;
  const through = new AbortController();
  const reading = read(reader, topic, (body) => {
    if (body === LAST) return through.abort();
    expect(log, body, `${next}`);
    next = Number(body) + 1;
  }, through.signal);
  let isReading = true;
  reading.catch(() => isReading = false);
  let n = 0;
  while (!signal.aborted) {
    await Promise.all(Array.from({ length: 1 + n % 5 }, () => putter.put(topic, `${n++}`)));
    log.put = n;
    // Otherwise the slower reader of a busy machine would lose what expires.
    do await sleep(5); while (n - next > MAX_LAG && isReading && !signal.aborted);
  }
  await putter.put(topic, LAST);
  const late = setTimeout(() => through.abort(), STEP_TIMEOUT);
  await reading;
  clearTimeout(late);
  if (next !== n) log.wrong.push(`${topic}: ${n} were put, ${next} arrived`);
  await Promise.all([putter.close(), reader.close()]);
}

async function getAll(
  mq: Connection,
  topic: string,
  take: (body: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const bodies = await Promise.all(Array.from({ length: 16 }, () => mq.get(topic)));
    for (const body of bodies) if (body !== "") take(body);
    if (bodies.at(-1) === "") await sleep(5);
  }
}

async function waitAll(
  mq: Connection,
  topic: string,
  take: (body: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const body = await mq.getWait(topic, { timeout: 500 });
    if (body !== "") take(body);
  }
}

async function followAll(
  mq: Connection,
  topic: string,
  take: (body: string) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { body } of mq.subscribe(topic, { signal })) take(body);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** A client without ids: its puts are not acknowledged, but it gets them in order. */
async function old({ port, signal }: RoleEnvironment, log: RoleLog): Promise<void> {
  using client = await RawSocket.open(port);
  const send = (request: object) => client.send(clientFrame(1, JSON.stringify(request)));
  const nextMessage = async () => {
    const frame = await client.next();
    return frame && JSON.parse(new TextDecoder().decode(frame.payload)).message;
  };
  for (let n = 0; !signal.aborted; n++) {
    for (const action of ["put", "get", "get"]) {
      await send({ action, topic: "old", message: `${n}` });
    }
    expect(log, await nextMessage(), `${n}`);
    expect(log, await nextMessage(), "");
    await sleep(10);
  }
}

function back(url: string): Promise<Connection> {
  return connect({ url, reconnect: { minDelay: 1, maxDelay: 20 } });
}

function expect(log: RoleLog, seen: unknown, right: string): void {
  if (seen === right) log.right++;
  else log.wrong.push(`${JSON.stringify(seen)}, not ${JSON.stringify(right)}`);
}
