/**
 * What a store begins anew each time it is opened, if it has only one server.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import {
  append,
  numbered,
  outcomes,
  type Promises,
  put,
  puts,
  read,
  RETENTION,
  trimAll,
} from "./support.ts";
import { claim, extend, finish, LEASE, open, pass } from "./group_support.ts";

const HOUR = 3_600_000;

export const reopening: Promises = {
  async "each opening starts an epoch, and the ends of earlier epochs are known"({ store, next }) {
    const known = [{ epoch: store.epoch, end: 0 }];
    for (const count of [2, 0, 3, 1]) {
      const now = await next();
      if (count > 0) await append(now, Array.from({ length: count }, () => put("t")));
      known.push({ epoch: now.epoch, end: (await now.bounds()).last });
    }
    const again = await next();
    known.push({ epoch: again.epoch, end: 6 });
    const standings = await again.topicBounds([...known, { epoch: "unknown" }, {}]);
    assertEquals(standings.map(({ end }) => end), [0, 2, 2, 5, 6, 6, undefined, 6]);
    assertEquals(new Set(known.map(({ epoch }) => epoch)).size, 6);
  },

  async "as many of the newest epochs are known as the limit says"({ limited, next }) {
    const epochs = [(await limited({ epochs: 3 })).epoch];
    for (let i = 0; i < 4; i++) epochs.push((await next()).epoch);
    const standings = await (await next()).topicBounds(epochs.map((epoch) => ({ epoch })));
    assertEquals(standings.map(({ end }) => end), [undefined, undefined, undefined, 0, 0]);
  },

  async "if the clock is set back during a restart, the store's time continues, and nothing lives forever"(
    { store, clock, next },
  ) {
    const [one] = await append(store, [put("t", "1")]);
    clock.advance(5);
    assertEquals((await store.bounds()).time, one!.time + 5);
    clock.jump(-HOUR);
    const again = await next();
    const [two] = await append(again, [put("t", "2")]);
    assertEquals([two!.seq, two!.time], [one!.seq + 1, one!.time + 5]);
    assertEquals((await read(again, { topic: "t" })).messages, [one!, two!]);
    clock.advance(RETENTION - 6);
    assertEquals((await read(await next(), { topic: "t" })).messages, [one!, two!]);
    clock.advance(1);
    assertEquals((await read(await next(), { topic: "t" })).messages, [two!]);
    clock.advance(5);
    assertEquals((await read(await next(), { topic: "t" })).messages, []);
  },

  async "if the clock is set forward during a restart, nothing expires earlier than by the jump"(
    { store, clock, next },
  ) {
    const [one] = await append(store, [put("t", "1")]);
    clock.jump(RETENTION - 1);
    const [two] = await append(await next(), [put("t", "2")]);
    assertEquals(two!.time, one!.time + RETENTION - 1);
    assertEquals((await read(await next(), { topic: "t" })).messages, [one!, two!]);
    clock.jump(HOUR);
    const again = await next();
    assertEquals((await read(again, { topic: "t" })).messages, []);
    const [three] = await append(again, [put("t", "3")]);
    clock.jump(-HOUR);
    assertEquals((await read(await next(), { topic: "t" })).messages, [three!]);
    const [four] = await append(await next(), [put("t", "4")]);
    assertEquals([four!.seq, four!.time], [4, three!.time]);
    clock.advance(RETENTION);
    assertEquals((await read(await next(), { topic: "t" })).messages, []);
  },

  async "a restart begins the time of a session anew"({ store, clock, next }) {
    await append(store, [numbered("s", 1), put("t")]);
    const known = { epoch: store.epoch, seq: 0 };
    clock.advance(HOUR);
    const again = await next();
    clock.advance(RETENTION - 1);
    await trimAll(again);
    assertEquals(await again.isDedupComplete("another", known), true);
    clock.advance(1);
    await trimAll(again);
    assertEquals(await again.isDedupComplete("s", known), false);
    await append(again, [put("t")]);
    assertEquals(await (await next()).isDedupComplete("s", known), false);
    assertEquals(await outcomes(await next(), [numbered("s", 1)]), [4]);
  },

  async "a restart gives each holder a full lease, and its jobs their full time"(
    { store, clock, next },
  ) {
    await append(store, puts("t", "1", "2"));
    await open(store, "w", { timeout: 40_000 });
    const jobs = await claim(store, "w");
    await pass(store, clock, LEASE - 1000);
    const again = await next();
    await pass(again, clock, LEASE - 1000);
    assertEquals(await extend(again, "w", jobs.map(({ claim }) => claim)), {
      lost: [],
      ended: false,
    });
    await pass(again, clock, 12_000);
    const claims = jobs.map(({ claim }) => claim);
    assertEquals(await extend(again, "w", claims), { lost: claims, ended: false });
    await pass(again, clock, LEASE);
    assertEquals(await extend(again, "w"), { lost: [], ended: true });
  },

  async "claims that were given before a restart, and that the store does not know of, are lost"(
    { store, clock, next },
  ) {
    // It may go on from a copy: what others got from the original since, it gives again.
    await append(store, puts("t", "1", "2", "3"));
    await open(store, "a");
    const [one, two] = await claim(store, "a", 2);
    await finish(store, [one!]);
    const unknown = [two!.claim + 1, two!.claim + 5_000_000];
    clock.advance(10_000);
    let again = await next();
    const early = [one!.claim, ...unknown];
    assertEquals(await extend(again, "a", early), { lost: unknown, ended: false });
    const [three] = await claim(again, "a", 1);
    assert(three!.claim > unknown[1]!, "claims grow");
    assertEquals(await finish(again, [...early, three!]), { lost: unknown, dead: [] });
    for (let i = 0; i < 3; i++) {
      clock.advance(10_000);
      again = await next();
      const all = [one!, ...unknown, three!, three!.claim + 1 + i];
      const lost = [...unknown, three!.claim + 1 + i];
      assertEquals(await finish(again, all), { lost, dead: [] });
    }
  },
};
