/**
 * What a store that several servers share does not begin anew when one of them is opened again: nothing.
 *
 * @module
 */

import { assertEquals } from "../assert.ts";
import { claim, extend, finish, LEASE, open, pass } from "./group_support.ts";
import {
  append,
  numbered,
  openSession,
  outcomes,
  type Promises,
  puts,
  RETENTION,
  trimAll,
} from "./support.ts";

export const goingOn: Promises = {
  async "a restart begins no epoch"({ store, next }) {
    await append(store, puts("t", "1", "2"));
    const { epoch } = store;
    const again = await next();
    assertEquals(again.epoch, epoch);
    const standings = await again.topicBounds([{ epoch }, { epoch: "unknown" }]);
    assertEquals(standings.map(({ end }) => end), [2, undefined]);
  },

  async "a session is forgotten when it was not used for long, whatever was restarted meanwhile"(
    { store, clock, next },
  ) {
    await openSession(store, "empty");
    await append(store, [numbered("s", 1)]);
    clock.advance(RETENTION / 2);
    let again = await next();
    await append(again, [numbered("u", 1)]);
    clock.advance(RETENTION / 2 - 1);
    again = await next();
    assertEquals(await outcomes(again, [numbered("u", 1)]), ["dup 2"]);
    const known = { epoch: again.epoch, seq: 0 };
    assertEquals(await again.isDedupComplete("s", known), true);
    clock.advance(1);
    await trimAll(again);
    again = await next();
    assertEquals(await again.isDedupComplete("s", known), false);
    assertEquals(await outcomes(again, [numbered("s", 1), numbered("u", 1)]), [3, "dup 2"]);
  },

  async "a lease goes on during a restart, and no claim is skipped"({ store, clock, next }) {
    await append(store, puts("t", "1", "2", "3"));
    await open(store, "w");
    const [one, two] = await claim(store, "w", 2);
    await pass(store, clock, LEASE / 2);
    let again = await next();
    const [three] = await claim(again, "w", 1);
    assertEquals(three!.claim > two!.claim, true);
    await pass(again, clock, LEASE / 2 - 1000);
    again = await next();
    assertEquals(await finish(again, [one!]), { lost: [], dead: [] });
    await pass(again, clock, LEASE - 1000);
    again = await next();
    assertEquals(await extend(again, "w", [two!.claim]), { lost: [], ended: false });
    await pass(again, clock, LEASE);
    again = await next();
    assertEquals(await finish(again, [two!, three!]), {
      lost: [two!.claim, three!.claim],
      dead: [],
    });
  },
};
