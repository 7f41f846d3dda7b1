/**
 * Attacks that hold resources.
 *
 * @module
 */

import type { Flooder } from "./flooder.ts";
import { sleep } from "./sleep.ts";
import { type PlatformLimit, WHOLE_FRAMES } from "./platform_limits.ts";

/** One way to hold resources. */
export interface Attack {
  /** How many connections take part. */
  readonly connections: number;
  /** Over `builtin` this cannot be promised. */
  readonly builtin?: PlatformLimit;
  /** Attacks, and returns what was seen. */
  attack(flooders: readonly Flooder[]): Promise<string>;
}

/** A step of an attack. */
type Step = (flooders: readonly Flooder[]) => Promise<unknown>;

/** This many connections take these steps, one after another. */
function by(connections: number, ...steps: readonly Step[]): Attack {
  return {
    connections,
    async attack(flooders) {
      for (const step of steps) await step(flooders);
      const refused = flooders.reduce((sum, { received }) => sum + received.tooMany, 0);
      return `${refused} refused, ${flooders.filter(({ ended }) => ended).length} ended`;
    },
  };
}

/** Each sends a frame of requests, and the next one once it is sent. */
function send(requests: (flooder: number) => readonly string[]): Step {
  return async (flooders) => {
    for (const [i, one] of flooders.entries()) if (!one.ended) await one.send(...requests(i));
  };
}

/** They stay for this long, in milliseconds. */
function hold(ms: number): Step {
  return () => sleep(ms);
}

/** All disconnect, and the server is watched for a second. */
const cut: Step = (flooders) => {
  for (const one of flooders) one.cut();
  return sleep(1000);
};

const FRAME = 10_000;
const TOPIC = "neighbour";
/** Longer than any attack takes, in milliseconds. */
const LONG = 1_000_000;

const times = <T>(count: number, make: (i: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i));

const waits = (timeout: number) =>
  times(
    FRAME,
    (i) => `{"action":"get_wait","id":${i},"topic":"${TOPIC}.${i}","timeout":${timeout}}`,
  );
const longWaits = send(() => waits(LONG));

/** Waits that all end at one moment, this many milliseconds after the first was made. */
function waitsUntil(ms: number): Step {
  let end: number | undefined;
  return send(() => {
    end ??= performance.now() + ms;
    return waits(Math.round(end - performance.now()));
  });
}

const waitTogether = (id: number) =>
  `{"action":"get_wait","id":${id},"topic":"${TOPIC}","timeout":${LONG}}`;

const subscribe = (messages: number, bytes = messages, since = "") => (id: number) =>
  `{"action":"subscribe","id":${id},"topic":"${TOPIC}","messages":${messages},"bytes":${bytes}${since}}`;
const unsubscribe = (sub: number) => `{"action":"unsubscribe","sub":${sub}}`;
const subscribeAndDrop = send(() => [...times(1000, subscribe(0)), ...times(1000, unsubscribe)]);

/** This many frames of gets, each of its own topic. */
const gets = (frames: number, since = "") =>
  times(
    frames,
    (k) =>
      send(() =>
        times(FRAME, (i) => `{"action":"get","id":${i},"topic":"${TOPIC}${k}.${i}"${since}}`)
      ),
  );

const hello = (id: number, heartbeat: number) =>
  `{"action":"hello","id":${id},"heartbeat":${heartbeat}}`;

const largePuts = times(
  1000,
  (i) => `{"action":"put","id":${i},"topic":"${TOPIC}","body":"${"x".repeat(2000)}"}`,
);
const manyGets = times(16_000, (i) => `{"action":"get","id":${i},"topic":"${TOPIC}"}`);

/** The attacks, by name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  "waits in 10,000 topics each": by(20, longWaits, hold(2000)),
  "waits, cut at once": by(20, longWaits, hold(1500), cut),
  "waits, all timed out at once": by(20, waitsUntil(4000), hold(4500)),
  "waits, cancelled one by one": by(
    ...[20, longWaits, hold(1500)] as const,
    send(() => times(FRAME, (i) => `{"action":"cancel","wait":${i}}`)),
    hold(1500),
  ),
  "waits for one topic": by(20, send(() => times(FRAME, waitTogether)), hold(2000), cut),
  "subscriptions without credit": by(
    100,
    send(() => times(1000, subscribe(0))),
    hold(2000),
    cut,
  ),
  "subscriptions started and ended": by(20, ...times(5, () => subscribeAndDrop), hold(1500)),
  "streams of one topic, all of them live": by(
    20,
    send(() => times(1000, subscribe(900))),
    hold(3000),
  ),
  "waits of many connections that one message wakes": by(
    2000,
    ...times(3, (k) => send(() => [waitTogether(k)])),
    hold(500),
  ),
  "cursors": by(110, ...gets(10), hold(1500)),
  "cursors at gaps": by(
    110,
    ...gets(10, `,"since":{"epoch":"none-of-yours","after":5}`),
    hold(1500),
  ),
  "cursors from the start": by(20, ...gets(4, `,"since":"start"`), hold(1500)),
  "cursors from a time": by(20, ...gets(4, `,"since":{"time":1700000000000}`), hold(1500)),
  "cursors from numbers": by(20, ...gets(4, `,"since":{"after":1}`), hold(1500)),
  "streams from the start": by(
    20,
    send(() => times(1000, subscribe(1, 9, `,"since":"start"`))),
    hold(1500),
  ),
  "heartbeats of 1,000 intervals": by(
    1000,
    send((i) => [hello(1, 100 + i)]),
    ...times(15, () => send(() => [`{"action":"heartbeat"}`])),
    hold(500),
  ),
  "hellos with other intervals": by(
    20,
    send((k) => times(FRAME, (i) => hello(i, 100 + (i * 59 + k) % 599_000))),
    hold(2000),
  ),
  "queued requests": {
    ...by(60, ...times(8, () => send(() => largePuts)), hold(1000)),
    builtin: WHOLE_FRAMES,
  },
  "requests with unread replies": by(
    60,
    (flooders) =>
      Promise.all(flooders.map(async (one) => {
        for (let k = 0; k < 4; k++) await one.send(...manyGets);
      })),
    hold(2000),
  ),
};
