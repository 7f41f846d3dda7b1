/**
 * Attacks with a token that permits a little: all within its permissions, and as much as possible.
 *
 * @module
 */

import type { ServeOptions } from "../../server.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import type { Flooder } from "./flooder.ts";
import { sleep, until } from "./sleep.ts";

/** One attack. */
export interface Attack {
  readonly options?: Pick<ServeOptions, "retention" | "limits" | "overflow">;
  /** The most that it makes the server hold, as the limits count it. */
  readonly capacity: {
    readonly messages: number;
    readonly topics: number;
    readonly records?: number;
  };
  /** Attacks, and returns what was seen; throws if something is not as it must be. */
  attack(flooder: Flooder, port: number, bytesOfFile: () => number): Promise<string>;
}

const times = (count: number, request: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => request(i));

const put = (topic: string, message = "") => (i: number) =>
  `{"action":"put","id":${i + 2},"topic":"${topic}${i}","body":"${message}"}`;

/** Sends many requests, some at a time, each after the replies to the ones before. */
async function request(flooder: Flooder, requests: readonly string[], max = 8000): Promise<void> {
  for (let i = 0; i < requests.length && !flooder.ended; i += max) {
    const before = flooder.received.replies;
    const some = requests.slice(i, i + max);
    await flooder.send(...some);
    await until(() => flooder.ended || flooder.received.replies >= before + some.length, 20_000, 2);
  }
  if (flooder.ended) throw new Error("the weak client was disconnected");
}

/** The replies to requests with ids in one frame, on a connection with a valid token. */
async function replies(client: RawSocket, ...requests: object[]): Promise<{ seq?: number }[]> {
  await client.send(clientFrame(1, JSON.stringify(requests)));
  const found = [];
  while (found.length < requests.length) {
    const frame = await client.next();
    if (!frame) throw new Error("the honest client was disconnected");
    if (frame.opcode === 1) {
      found.push(...[JSON.parse(new TextDecoder().decode(frame.payload))].flat());
    }
  }
  return found;
}

/** The weak client fills the deduplication index; checks what an honest client is told afterwards. */
async function flood(flooder: Flooder, port: number, requests: readonly string[]): Promise<string> {
  using honest = await RawSocket.open(port, "Authorization: Bearer good");
  const sessionId = "an-honest-session";
  const [hello, put] = [
    { action: "hello", id: 1, session: sessionId },
    { action: "put", id: 2, topic: "bank", body: "pay", n: 1 },
  ];
  const [welcome, first] = await replies(honest, hello, put) as [Record<string, unknown>, {
    seq: number;
  }];
  await request(flooder, requests, 7001);
  const known = { epoch: welcome["epoch"], seq: first.seq - 1 };
  const [again, repeated] = await replies(honest, { ...hello, known }, put) as Record<
    string,
    unknown
  >[];
  if (
    repeated!["seq"] !== first.seq || repeated!["dup"] !== true || again!["dedupComplete"] !== true
  ) {
    throw new Error(`an honest put was forgotten: ${JSON.stringify([again, repeated])}`);
  }
  return `${requests.length} requests, an honest put is still known`;
}

const sessionId = (i: number) => `{"action":"hello","id":1,"session":"session-of-a-weak-one-${i}"}`;
const skipping = (i: number) =>
  `{"action":"put","id":${i + 2},"topic":"public.a","body":"","n":${2 * i + 1}}`;
const runs = Array.from({ length: 40 }, (_, i) => [sessionId(i), ...times(7000, skipping)]).flat();

/** A name that V8 hashes by its number alone: all of these share one slot of a table. */
const colliding = (i: number) => `${1_000_013_824 + i * 65_536}`;

/** Each attack, by name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  "puts into 40,000 topics that collide": {
    capacity: { messages: 120_000, topics: 40_000 },
    async attack(flooder) {
      for (let round = 0; round < 3; round++) {
        await request(
          flooder,
          times(
            40_000,
            (i) => `{"action":"put","id":${i + 2},"topic":"${colliding(i)}","body":""}`,
          ),
        );
      }
      return "120,000 puts";
    },
  },
  "creates 280,000 runs": {
    capacity: { messages: 280_000, topics: 7000, records: 280_000 },
    attack: (flooder, port) => flood(flooder, port, runs),
  },
  "opens 100,000 sessions, and puts once in each": {
    capacity: { messages: 100_000, topics: 1, records: 100_000 },
    attack: (flooder, port) =>
      flood(flooder, port, times(100_000, sessionId).flatMap((hello) => [hello, skipping(0)])),
  },
  "creates 280,000 runs and closes its sessions": {
    capacity: { messages: 280_000, topics: 7000, records: 280_000 },
    async attack(flooder, port) {
      const closing = Array.from(
        { length: 40 },
        (_, i) => [sessionId(i), '{"action":"close","id":9}'],
      );
      return await flood(flooder, port, [...runs, ...closing.flat()]);
    },
  },
  "lists topics while 96,000 have expired": {
    options: { retention: 3000 },
    capacity: { messages: 96_000, topics: 96_000 },
    async attack(flooder) {
      await request(flooder, times(96_000, put("public.")));
      await sleep(2500);
      const list = times(
        16,
        (i) => `{"action":"topics","id":${i + 2},"prefix":"public.","count":1}`,
      );
      const end = performance.now() + 4000;
      let lists = 0;
      for (; performance.now() < end; lists++) await request(flooder, list);
      return `${16 * lists} listings`;
    },
  },
  "puts into new topics when 50,000 have expired": {
    options: { retention: 3000, limits: { topics: 50_000 } },
    capacity: { messages: 89_990, topics: 89_990 },
    async attack(flooder) {
      await request(flooder, times(49_990, put("public.")));
      await sleep(3200);
      await request(flooder, times(40_000, put("public.new.")));
      return `${flooder.received.tooMany} refused`;
    },
  },
  "puts large messages over 150,000 small ones": {
    options: { limits: { storedBytes: 20_000_000, topics: 200_000 }, overflow: "drop-oldest" },
    capacity: { messages: 150_000, topics: 150_000 },
    async attack(flooder) {
      await request(flooder, times(150_000, put("public.")));
      const large = "x".repeat(900_000);
      for (let i = 0; i < 10; i++) await request(flooder, [put("public.large", large)(i)]);
      await request(flooder, times(20_000, put("public.again.")));
      return "10 of 900 kB";
    },
  },
  "gets 16,384 topics in a frame": {
    capacity: { messages: 16_384, topics: 16_384 },
    async attack(flooder) {
      await request(flooder, times(16_384, put("public.")), 4096);
      const from = (since: string) =>
        times(
          16_384,
          (i) => `{"action":"get","id":${i + 2},"topic":"public.${i}","since":${since}}`,
        );
      await request(flooder, from('"start"'), 16_384);
      await request(flooder, from('"now"'), 16_384);
      return "two frames";
    },
  },
  "gets 16,384 topics, each from a time": {
    capacity: { messages: 60_000, topics: 2 },
    async attack(flooder) {
      await request(flooder, times(60_000, (i) => put("public.")(i % 2)), 4096);
      const now = Date.now();
      const gets = times(
        16_384,
        (i) =>
          `{"action":"get","id":${i + 2},"topic":"public.t${i}","since":{"time":${
            now - (i * 7919) % 4000
          }}}`,
      );
      await request(flooder, gets, 16_384);
      return "one frame";
    },
  },
  "fills a small store with records": {
    options: { limits: { storedBytes: 5_000_000 }, overflow: "drop-oldest" },
    capacity: { messages: 280_000, topics: 7000, records: 280_000 },
    async attack(flooder, port, bytesOfFile) {
      const seen = await flood(flooder, port, runs);
      const bytes = bytesOfFile();
      if (bytes > 2 * 5_000_000 + 16_000_000) throw new Error(`the file has ${bytes} bytes`);
      return `${seen}; ${(bytes / 1e6).toFixed(1)} MB of file`;
    },
  },
};
