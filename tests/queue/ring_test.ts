/**
 * What is in a ring takes turns.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Ring, type RingMember } from "../../queue/ring.ts";
import { seeded } from "../../testing/seeded.ts";

class Member implements RingMember<Member> {
  previous: Member | undefined;
  next: Member | undefined;
}

Deno.test("a ring has those that were added, in their order, whichever are removed or move to the end", () => {
  const random = seeded(1);
  const members = Array.from({ length: 6 }, () => new Member());
  const ring = new Ring<Member>();
  let expected: Member[] = [];
  for (let i = 0; i < 3000; i++) {
    const member = members[random(members.length)]!;
    expected = expected.filter((one) => one !== member);
    if (random(2) === 0) {
      ring.add(member);
      expected.push(member);
    } else ring.remove(member);
    assertEquals(
      [...ring].map((one) => members.indexOf(one)),
      expected.map((one) => members.indexOf(one)),
    );
    assertEquals(ring.isEmpty, expected.length === 0);
  }
});

Deno.test("one that is removed while all are gone through costs none of the others its turn", () => {
  for (const removed of [[0], [1], [2], [0, 1], [0, 1, 2], [2, 0], [1, 2]]) {
    const members = Array.from({ length: 3 }, () => new Member());
    const ring = new Ring<Member>();
    for (const member of members) ring.add(member);
    const seen: number[] = [];
    for (const member of ring) {
      const index = members.indexOf(member);
      seen.push(index);
      if (removed.includes(index)) ring.remove(member);
    }
    assertEquals(seen, [0, 1, 2], `${removed}`);
    assertEquals([...ring].length, 3 - removed.length);
  }
});
