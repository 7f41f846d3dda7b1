/**
 * What hoarders do.
 *
 * @module
 */

import type { Hoarder } from "./hoarder.ts";
import { pause, until } from "./pause.ts";

/** One way to hoard. */
export interface Attack {
  /** By how many connections. */
  readonly connections: number;
  /** Does it, and says what was seen. */
  attack(hoarders: readonly Hoarder[]): Promise<string>;
}

const FRAME = 10_000;
const TOPIC = "neighbour";

const times = (count: number, request: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => request(i));

const wait = (timeout: number) => (i: number) =>
  `{"action":"get_wait","id":${i},"topic":"${TOPIC}.${i}","timeout":${timeout}}`;
const waitTogether = (i: number) =>
  `{"action":"get_wait","id":${i},"topic":"${TOPIC}","timeout":1000000}`;

/** Has each do something, one after another, and counts answers of the server. */
async function each(hoarders: readonly Hoarder[], act: (one: Hoarder, i: number) => Promise<void>) {
  for (const [i, one] of hoarders.entries()) if (!one.ended) await act(one, i);
}

const refused = (hoarders: readonly Hoarder[]) =>
  `${hoarders.reduce((sum, { heard }) => sum + heard.tooMany, 0)} refused, ` +
  `${hoarders.filter(({ ended }) => ended).length} ended`;

const cut = async (hoarders: readonly Hoarder[]) => {
  for (const one of hoarders) one.cut();
  await pause(1000);
};

const gets = (since: string, frames: number) => async (hoarders: readonly Hoarder[]) => {
  for (let k = 0; k < frames; k++) {
    await each(
      hoarders,
      (one) =>
        one.send(
          ...times(FRAME, (i) => `{"action":"get","id":${i},"topic":"${TOPIC}${k}.${i}"${since}}`),
        ),
    );
  }
  await pause(1500);
  return refused(hoarders);
};

const subscribe = (credit: number) => (i: number) =>
  `{"action":"subscribe","id":${i},"topic":"${TOPIC}","messages":${credit},"bytes":${credit}}`;

/** By name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  "waits in 10,000 topics each": {
    connections: 20,
    async attack(hoarders) {
      await each(hoarders, (one) => one.send(...times(FRAME, wait(1_000_000))));
      await pause(2000);
      return refused(hoarders);
    },
  },
  "waits, cut at once": {
    connections: 20,
    async attack(hoarders) {
      await each(hoarders, (one) => one.send(...times(FRAME, wait(1_000_000))));
      await pause(1500);
      await cut(hoarders);
      return refused(hoarders);
    },
  },
  "waits, all over at once": {
    connections: 20,
    async attack(hoarders) {
      const end = performance.now() + 4000;
      await each(
        hoarders,
        (one) => one.send(...times(FRAME, wait(Math.round(end - performance.now())))),
      );
      await pause(4500);
      return refused(hoarders);
    },
  },
  "waits, called off one by one": {
    connections: 20,
    async attack(hoarders) {
      await each(hoarders, (one) => one.send(...times(FRAME, wait(1_000_000))));
      await pause(1500);
      await each(
        hoarders,
        (one) => one.send(...times(FRAME, (i) => `{"action":"cancel","wait":${i}}`)),
      );
      await pause(1500);
      return refused(hoarders);
    },
  },
  "waits for one topic": {
    connections: 20,
    async attack(hoarders) {
      await each(hoarders, (one) => one.send(...times(FRAME, waitTogether)));
      await pause(2000);
      await cut(hoarders);
      return refused(hoarders);
    },
  },
  "subscriptions without credit": {
    connections: 100,
    async attack(hoarders) {
      await each(hoarders, (one) => one.send(...times(1000, subscribe(0))));
      await pause(2000);
      await cut(hoarders);
      return refused(hoarders);
    },
  },
  "subscriptions made and dropped": {
    connections: 20,
    async attack(hoarders) {
      for (let k = 0; k < 5; k++) {
        await each(
          hoarders,
          (one) =>
            one.send(
              ...times(1000, subscribe(0)),
              ...times(1000, (i) => `{"action":"unsubscribe","sub":${i}}`),
            ),
        );
      }
      await pause(1500);
      return refused(hoarders);
    },
  },
  "streams of one topic, all of them live": {
    connections: 20,
    async attack(hoarders) {
      await each(hoarders, (one) => one.send(...times(1000, subscribe(900))));
      await pause(3000);
      return refused(hoarders);
    },
  },
  "waits of many connections that one message wakes": {
    connections: 2000,
    async attack(hoarders) {
      for (let k = 0; k < 3; k++) await each(hoarders, (one) => one.send(waitTogether(k)));
      await pause(500);
      return refused(hoarders);
    },
  },
  "cursors": { connections: 110, attack: gets("", 10) },
  "cursors at gaps": {
    connections: 110,
    attack: gets(`,"since":{"epoch":"none-of-yours","after":5}`, 10),
  },
  "cursors from the start": { connections: 20, attack: gets(`,"since":"start"`, 4) },
  "cursors from a time": {
    connections: 20,
    attack: gets(`,"since":{"time":1700000000000}`, 4),
  },
  "cursors from numbers": { connections: 20, attack: gets(`,"since":{"after":1}`, 4) },
  "streams from the start": {
    connections: 20,
    async attack(hoarders) {
      await each(
        hoarders,
        (one) =>
          one.send(
            ...times(1000, (i) =>
              `{"action":"subscribe","id":${i},"topic":"${TOPIC}","messages":1,"bytes":9,"since":"start"}`),
          ),
      );
      await pause(1500);
      return refused(hoarders);
    },
  },
  "heartbeats of 1,000 intervals": {
    connections: 1000,
    async attack(hoarders) {
      await each(
        hoarders,
        (one, i) => one.send(`{"action":"hello","id":1,"heartbeat":${100 + i}}`),
      );
      for (let k = 0; k < 15; k++) {
        await each(hoarders, (one) => one.send(`{"action":"heartbeat"}`));
      }
      await pause(500);
      return refused(hoarders);
    },
  },
  "hellos with other intervals": {
    connections: 20,
    async attack(hoarders) {
      await each(
        hoarders,
        (one, k) =>
          one.send(
            ...times(FRAME, (i) =>
              `{"action":"hello","id":${i},"heartbeat":${100 + (i * 59 + k) % 599_000}}`),
          ),
      );
      await pause(2000);
      return refused(hoarders);
    },
  },
  "requests that pile up": {
    connections: 60,
    async attack(hoarders) {
      const large = times(
        1000,
        (i) => `{"action":"put","id":${i},"topic":"${TOPIC}","message":"${"x".repeat(2000)}"}`,
      );
      for (let k = 0; k < 8; k++) await each(hoarders, (one) => one.send(...large));
      await pause(1000);
      return refused(hoarders);
    },
  },
  "requests whose answers nobody reads": {
    connections: 60,
    async attack(hoarders) {
      const list = times(16_000, (i) => `{"action":"get","id":${i},"topic":"${TOPIC}"}`);
      await Promise.all(
        hoarders.map(async (one) => {
          for (let k = 0; k < 4; k++) await one.send(...list);
        }),
      );
      await until(() => false, 2000);
      return refused(hoarders);
    },
  },
};
