/**
 * Who may wait to be admitted when more come than there are seats, and for whom the last places are kept.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Places } from "../server/places.ts";
import { WaitingRoom } from "../server/waiting_room.ts";

/** A room in which those who come are counted. */
class Crowded {
  readonly room: WaitingRoom;
  readonly putOut: string[] = [];

  constructor(seats: number) {
    this.room = new WaitingRoom(seats);
  }

  enter(from: string): (admitted: boolean) => void {
    return this.room.enter(from, () => this.putOut.push(from));
  }

  /** How many come one after another, from these addresses in turn, until the honest one is put out. */
  outlasts(honest: string, addresses: number, most: number): number {
    this.enter(honest);
    for (let i = 0; i < most; i++) {
      this.enter(`10.0.${i % addresses >> 8}.${i % addresses & 255}`);
      if (this.putOut.includes(honest)) return i;
    }
    return most;
  }
}

for (const addresses of [1, 8, 250]) {
  Deno.test(`one who waits is not put out, however many come from ${addresses} addresses`, () => {
    const crowded = new Crowded(100);
    // Those of the attack come first, and go on.
    for (let i = 0; i < 1000; i++) crowded.enter(`10.0.0.${i % addresses}`);
    assertEquals(crowded.outlasts("192.0.2.1", addresses, 20_000), 20_000);
    assertEquals(crowded.room.count, 100);
  });
}

Deno.test("of ten thousand addresses, each new, none is put out before so many more came as there are seats", () => {
  assertEquals(new Crowded(100).outlasts("192.0.2.1", 10_000, 20_000), 99);
});

Deno.test("addresses of one network of IPv6 are one, and who was admitted does not count against its address", () => {
  const crowded = new Crowded(3);
  for (let i = 0; i < 100; i++) crowded.enter("192.0.2.1")(true);
  crowded.enter("2001:db8::1");
  crowded.enter("192.0.2.1");
  crowded.enter("2001:db8::2");
  crowded.enter("192.0.2.2");
  assertEquals(crowded.putOut, ["2001:db8::1"]);
  // Nor does who left long ago.
  for (let i = 0; i < 65_536; i++) crowded.enter("198.51.100.1")(false);
  assertEquals(crowded.room.count, 2);
  for (let i = 0; i < 2; i++) crowded.enter("198.51.100.1");
  assertEquals(crowded.putOut.at(-1), "198.51.100.1");
});

Deno.test("where all come from one address, as through a proxy, the oldest has to go", () => {
  const crowded = new Crowded(50);
  let gone = 0;
  crowded.room.enter("192.0.2.1", () => gone++);
  for (let i = 0; i < 49; i++) crowded.enter("192.0.2.1");
  assertEquals(gone, 0);
  crowded.enter("192.0.2.1");
  assertEquals([gone, crowded.room.count], [1, 50]);
});

Deno.test("a seat that was left, or put out, is left once, and nothing is kept of who left long ago", () => {
  const crowded = new Crowded(1);
  const first = crowded.enter("192.0.2.1");
  const second = crowded.enter("192.0.2.2");
  for (const leave of [first, second, second, first]) leave(false);
  assertEquals([crowded.room.count, crowded.putOut], [0, ["192.0.2.1"]]);
  for (let i = 0; i < 70_000; i++) crowded.enter(`10.${i >> 16}.${i >> 8 & 255}.${i & 255}`)(false);
  assertEquals(crowded.room.known, 65_536);
});

Deno.test("where a token is asked for the last places are kept for those who have few", () => {
  const places = new Places({ connections: 100, connectionsPerAddress: 100 });
  const taken = (holder?: string) => {
    let count = 0;
    for (let place; typeof (place = places.take("192.0.2.1", holder)) === "function";) {
      leaving.push(place);
      count++;
    }
    return count;
  };
  const leaving: (() => void)[] = [];
  // One has half of the last ten, the next half of what is left, and so on.
  assertEquals(["@192.0.2.1", "weak", "other", "good"].map(taken), [95, 3, 1, 1]);
  const refused = places.take("192.0.2.1", "weak");
  assert("error" in refused);
  assertEquals([refused.error.code, refused.error.limit], ["too_many", 100]);
  for (const leave of leaving.splice(0)) leave();
  assertEquals(["weak", undefined].map(taken), [95, 5]);
});
