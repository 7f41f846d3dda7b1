/**
 * What hoarders do.
 *
 * @module
 */

import type { Hoarder } from "./hoarder.ts";
import { pause } from "./pause.ts";
import { type Stated, WHOLE_FRAMES } from "./stated.ts";

/** One way to hoard. */
export interface Attack {
  /** By how many connections. */
  readonly connections: number;
  /** Over `builtin` this cannot be promised. */
  readonly builtin?: Stated;
  /** Does it, and says what was seen. */
  attack(hoarders: readonly Hoarder[]): Promise<string>;
}

/** A step of an attack. */
type Step = (hoarders: readonly Hoarder[]) => Promise<unknown>;

/** So many do these things, one after another. */
function by(connections: number, ...steps: readonly Step[]): Attack {
  return {
    connections,
    async attack(hoarders) {
      for (const step of steps) await step(hoarders);
      const refused = hoarders.reduce((sum, { heard }) => sum + heard.tooMany, 0);
      return `${refused} refused, ${hoarders.filter(({ ended }) => ended).length} ended`;
    },
  };
}

/** Each sends a frame of requests; the next one when it is sent. */
function send(requests: (hoarder: number) => readonly string[]): Step {
  return async (hoarders) => {
    for (const [i, one] of hoarders.entries()) if (!one.ended) await one.send(...requests(i));
  };
}

/** They stay for so long, in milliseconds. */
function stay(ms: number): Step {
  return () => pause(ms);
}

/** All hang up, and that is watched for a second. */
const cut: Step = (hoarders) => {
  for (const one of hoarders) one.cut();
  return pause(1000);
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

/** Waits that are all over at one moment, so many milliseconds after the first was made. */
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

/** So many frames of gets, each of a topic of its own. */
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
  (i) => `{"action":"put","id":${i},"topic":"${TOPIC}","message":"${"x".repeat(2000)}"}`,
);
const manyGets = times(16_000, (i) => `{"action":"get","id":${i},"topic":"${TOPIC}"}`);

/** By name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  "waits in 10,000 topics each": by(20, longWaits, stay(2000)),
  "waits, cut at once": by(20, longWaits, stay(1500), cut),
  "waits, all over at once": by(20, waitsUntil(4000), stay(4500)),
  "waits, called off one by one": by(
    ...[20, longWaits, stay(1500)] as const,
    send(() => times(FRAME, (i) => `{"action":"cancel","wait":${i}}`)),
    stay(1500),
  ),
  "waits for one topic": by(20, send(() => times(FRAME, waitTogether)), stay(2000), cut),
  "subscriptions without credit": by(
    100,
    send(() => times(1000, subscribe(0))),
    stay(2000),
    cut,
  ),
  "subscriptions made and dropped": by(20, ...times(5, () => subscribeAndDrop), stay(1500)),
  "streams of one topic, all of them live": by(
    20,
    send(() => times(1000, subscribe(900))),
    stay(3000),
  ),
  "waits of many connections that one message wakes": by(
    2000,
    ...times(3, (k) => send(() => [waitTogether(k)])),
    stay(500),
  ),
  "cursors": by(110, ...gets(10), stay(1500)),
  "cursors at gaps": by(
    110,
    ...gets(10, `,"since":{"epoch":"none-of-yours","after":5}`),
    stay(1500),
  ),
  "cursors from the start": by(20, ...gets(4, `,"since":"start"`), stay(1500)),
  "cursors from a time": by(20, ...gets(4, `,"since":{"time":1700000000000}`), stay(1500)),
  "cursors from numbers": by(20, ...gets(4, `,"since":{"after":1}`), stay(1500)),
  "streams from the start": by(
    20,
    send(() => times(1000, subscribe(1, 9, `,"since":"start"`))),
    stay(1500),
  ),
  "heartbeats of 1,000 intervals": by(
    1000,
    send((i) => [hello(1, 100 + i)]),
    ...times(15, () => send(() => [`{"action":"heartbeat"}`])),
    stay(500),
  ),
  "hellos with other intervals": by(
    20,
    send((k) => times(FRAME, (i) => hello(i, 100 + (i * 59 + k) % 599_000))),
    stay(2000),
  ),
  "requests that pile up": {
    ...by(60, ...times(8, () => send(() => largePuts)), stay(1000)),
    builtin: WHOLE_FRAMES,
  },
  "requests whose answers nobody reads": by(
    60,
    (hoarders) =>
      Promise.all(hoarders.map(async (one) => {
        for (let k = 0; k < 4; k++) await one.send(...manyGets);
      })),
    stay(2000),
  ),
};
