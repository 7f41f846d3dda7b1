/**
 * Those who use a server for long, each in its own way, and look at all that comes.
 *
 * @module
 */

import { connect, type Connection } from "../../client.ts";
import { BareClient, clientFrame } from "../support/bare_client.ts";
import { pause } from "./pause.ts";

/** What all of them note. */
export interface Notes {
  /** How many messages came as they should. */
  right: number;
  /** What failed, or came out of its turn. */
  readonly wrong: string[];
}

/** Where they are, and until when. */
export interface Place {
  readonly url: string;
  /** The same server behind a proxy that cuts. */
  readonly cutUrl: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** One who uses a server until it is to end. */
export type Role = (place: Place, notes: Notes) => Promise<void>;

/** All who there are, by name. */
export const ROLES: Readonly<Record<string, Role>> = {
  "one who puts, and one who gets": async ({ url, signal }, notes) => {
    await course(await connect(url), await connect(url), "gets", { signal, notes }, getAll);
  },
  "one who waits": async ({ url, signal }, notes) => {
    await course(await connect(url), await connect(url), "waits", { signal, notes }, waitAll);
  },
  "one who subscribes": async ({ url, signal }, notes) => {
    await course(await connect(url), await connect(url), "follows", { signal, notes }, followAll);
  },
  "one who gets, and is cut off now and then": async ({ cutUrl, signal }, notes) => {
    const [one, other] = [await back(cutUrl), await back(cutUrl)];
    await course(one, other, "cut gets", { signal, notes }, waitAll);
  },
  "one who subscribes, and is cut off now and then": async ({ cutUrl, signal }, notes) => {
    const [one, other] = [await back(cutUrl), await back(cutUrl)];
    await course(one, other, "cut follows", { signal, notes }, followAll);
  },
  "one who comes and goes": async ({ url, signal }, notes) => {
    for (let n = 0; !signal.aborted; n++) {
      await using mq = await connect(url);
      await mq.put("comes", `${n}`);
      expect(notes, await mq.get("comes"), `${n}`);
      await pause(50);
    }
  },
  "one who reads the latest": async ({ url, signal }, notes) => {
    await using mq = await connect(url);
    for (let n = 0; !signal.aborted; n++) {
      await mq.putMany("latest", [`old ${n}`, `${n}`]);
      expect(notes, await mq.getLatest("latest"), `${n}`);
      expect(notes, await mq.get("latest"), "");
      await pause(10);
    }
  },
  "one of dsmq 1.x": old,
};

interface Until {
  readonly signal: AbortSignal;
  readonly notes: Notes;
}

/** Takes message after message, and gives each to `take`. */
type Reading = (
  mq: Connection,
  topic: string,
  take: (body: string) => void,
  signal: AbortSignal,
) => Promise<void>;

const LAST = "last";

/** One puts numbers, the other has to get them all, in order. */
async function course(
  putter: Connection,
  reader: Connection,
  topic: string,
  { signal, notes }: Until,
  read: Reading,
): Promise<void> {
  let next = 0;
  const through = new AbortController();
  const reading = read(reader, topic, (body) => {
    if (body === LAST) return through.abort();
    expect(notes, body, `${next}`);
    next = Number(body) + 1;
  }, through.signal);
  let n = 0;
  while (!signal.aborted) {
    await Promise.all(Array.from({ length: 1 + n % 5 }, () => putter.put(topic, `${n++}`)));
    await pause(5);
  }
  await putter.put(topic, LAST);
  const late = setTimeout(() => through.abort(), 10_000);
  await reading;
  clearTimeout(late);
  if (next !== n) notes.wrong.push(`${topic}: ${n} were put, ${next} came`);
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
    if (bodies.at(-1) === "") await pause(5);
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

/** A client without ids: what it puts is not acknowledged, but it gets it in order. */
async function old({ port, signal }: Place, notes: Notes): Promise<void> {
  using client = await BareClient.open(port);
  const say = (request: object) => client.say(clientFrame(1, JSON.stringify(request)));
  const heard = async () => {
    const frame = await client.next();
    return frame && JSON.parse(new TextDecoder().decode(frame.payload)).message;
  };
  for (let n = 0; !signal.aborted; n++) {
    for (const action of ["put", "get", "get"]) {
      await say({ action, topic: "old", message: `${n}` });
    }
    expect(notes, await heard(), `${n}`);
    expect(notes, await heard(), "");
    await pause(10);
  }
}

function back(url: string): Promise<Connection> {
  return connect({ url, reconnect: { firstPause: 1, longestPause: 20 } });
}

function expect(notes: Notes, seen: unknown, right: string): void {
  if (seen === right) notes.right++;
  else notes.wrong.push(`${JSON.stringify(seen)}, not ${JSON.stringify(right)}`);
}
