/**
 * Clients that use a server for a long time, each in its own way, and check everything that they receive.
 *
 * @module
 */

import type { Connection } from "../../client.ts";
import { clientFrame } from "../support/raw_socket.ts";
import type { OpenConnections } from "./open_connections.ts";
import { Pace } from "./pace.ts";
import { STEP_TIMEOUT } from "./soak_steps.ts";

/** What all of them record. */
export interface RoleLog {
  /** How many messages were put by one connection for another; 0 if the role reads only what it put itself. */
  put: number;
  /** How many messages arrived as they should. */
  right: number;
  /** What failed, or arrived out of order. */
  readonly wrong: string[];
}

/** Where to connect to. */
export interface ServerAddresses {
  readonly url: string;
  /** The same server behind a proxy that cuts. */
  readonly cutUrl: string;
  readonly port: number;
}

/** What a client has at hand. */
export interface RoleEnvironment extends ServerAddresses {
  readonly connections: OpenConnections;
  /** Grants its turns; there are no more when it must end. */
  readonly pace: Pace;
}

/** A client that uses a server in its own way. */
export interface Role {
  /** How many turns it has in a step of the server's time. */
  readonly turns: number;
  /** Uses the server until there are no more turns. */
  use(environment: RoleEnvironment, log: RoleLog): Promise<void>;
}

/** How many turns a pair of connections has in a step: a few batches between those of the load. */
const PAIR_TURNS = 6;

/** Two connections: what one puts the other reads. */
const pair = (topic: string, read: Reading): Role => ({
  turns: PAIR_TURNS,
  async use({ url, connections, pace }, log) {
    await using putter = await connections.connect(url);
    await using reader = await connections.connect(url);
    await putAndRead(putter, reader, topic, { pace, log }, read);
  },
});

/** The same over connections that are cut, and come back. */
const cutPair = (topic: string, read: Reading): Role => ({
  turns: PAIR_TURNS,
  async use({ cutUrl, connections, pace }, log) {
    const options = { reconnect: { minDelay: 1, maxDelay: 20 } };
    await using putter = await connections.connect(cutUrl, options);
    await using reader = await connections.connect(cutUrl, options);
    await putAndRead(putter, reader, topic, { pace, log }, read);
  },
});

/** All of them, by name. */
export const ROLES: Readonly<Record<string, Role>> = {
  "a putter and a getter": pair("gets", getAll),
  "a waiter": pair("waits", waitAll),
  "a subscriber": pair("follows", followAll),
  "a getter, cut off now and then": cutPair("cut gets", waitAll),
  "a subscriber, cut off now and then": cutPair("cut follows", followAll),
  "a short-lived client": {
    turns: 1,
    async use({ url, connections, pace }, log) {
      for (let n = 0; await pace.turn(); n++) {
        await using mq = await connections.connect(url);
        await mq.put("comes", `${n}`);
        expect(log, await mq.get("comes"), `${n}`);
      }
    },
  },
  "a reader of the latest": {
    turns: 3,
    async use({ url, connections, pace }, log) {
      await using mq = await connections.connect(url);
      for (let n = 0; await pace.turn(); n++) {
        await mq.putMany("latest", [`old ${n}`, `${n}`]);
        expect(log, await mq.getLatest("latest"), `${n}`);
        expect(log, await mq.get("latest"), "");
      }
    },
  },
  // Its frames are written one by one, and the kernel holds them back for 40 ms.
  "a client of dsmq 1.x": { turns: 1, use: old },
};

/** How a reader reads. */
interface ReadOptions {
  /** Takes message after message. */
  take(body: string): void;
  /** Grants a turn for each turn of the putter, once that is acknowledged. */
  readonly turns: Pace;
  /** Ends waiting. */
  readonly signal: AbortSignal;
}

type Reading = (mq: Connection, topic: string, options: ReadOptions) => Promise<void>;

const LAST = "last";

/** The putter waits for its reader if more messages than this are unread. */
const MAX_LAG = 20;

/** One puts numbers, the other must get them all, in order. */
async function putAndRead(
  putter: Connection,
  reader: Connection,
  topic: string,
  { pace, log }: { readonly pace: Pace; readonly log: RoleLog },
  read: Reading,
): Promise<void> {
  let next = 0;
  const turns = new Pace();
  const through = new AbortController();
  const end = () => {
    through.abort();
    turns.end();
  };
  const take = (body: string) => {
    if (body === LAST) return end();
    expect(log, body, `${next}`);
    next = Number(body) + 1;
    pace.wake();
  };
  let isReading = true;
  const { signal } = through;
  const reading = read(reader, topic, { take, turns, signal }).catch((error) => {
    isReading = false;
    // Afterwards it comes of the end.
    if (!signal.aborted) log.wrong.push(String(error));
    pace.wake();
  });
  let late: ReturnType<typeof setTimeout> | undefined;
  try {
    let n = 0;
    while (await pace.turn()) {
      await Promise.all(Array.from({ length: 1 + n % 5 }, () => putter.put(topic, `${n++}`)));
      log.put = n;
      turns.grant(1);
      // Otherwise the slower reader of a busy machine would lose what expires.
      await pace.until(() => n - next <= MAX_LAG || !isReading);
    }
    await putter.put(topic, LAST);
    turns.grant(1);
    late = setTimeout(end, STEP_TIMEOUT);
    await reading;
    if (next !== n) log.wrong.push(`${topic}: ${n} were put, ${next} arrived`);
  } finally {
    clearTimeout(late);
    end();
  }
}

/** Its last `get` of a turn finds nothing: it reads more than are put in a turn. */
async function getAll(mq: Connection, topic: string, { take, turns }: ReadOptions): Promise<void> {
  while (await turns.turn()) {
    const bodies = await Promise.all(Array.from({ length: 16 }, () => mq.get(topic)));
    for (const body of bodies) if (body !== "") take(body);
  }
}

async function waitAll(
  mq: Connection,
  topic: string,
  { take, signal }: ReadOptions,
): Promise<void> {
  try {
    while (!signal.aborted) {
      const body = await mq.getWait(topic, { timeout: 500, signal });
      if (body !== "") take(body);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function followAll(
  mq: Connection,
  topic: string,
  { take, signal }: ReadOptions,
): Promise<void> {
  try {
    for await (const { body } of mq.subscribe(topic, { signal })) take(body);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** A client without ids: its puts are not acknowledged, but it gets them in order. */
async function old({ port, connections, pace }: RoleEnvironment, log: RoleLog): Promise<void> {
  using client = await connections.openRaw(port);
  const send = (request: object) => client.send(clientFrame(1, JSON.stringify(request)));
  const nextMessage = async () => {
    const frame = await client.next();
    return frame && JSON.parse(new TextDecoder().decode(frame.payload)).message;
  };
  for (let n = 0; await pace.turn(); n++) {
    for (const action of ["put", "get", "get"]) {
      await send({ action, topic: "old", message: `${n}` });
    }
    expect(log, await nextMessage(), `${n}`);
    expect(log, await nextMessage(), "");
  }
}

function expect(log: RoleLog, seen: unknown, right: string): void {
  if (seen === right) log.right++;
  else log.wrong.push(`${JSON.stringify(seen)}, not ${JSON.stringify(right)}`);
}
