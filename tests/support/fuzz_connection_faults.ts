/**
 * The faults of a fuzzer's connection.
 *
 * @module
 */

import type { ConnectionFaults } from "./fuzz_network.ts";
import type { Random } from "../../testing/seeded.ts";

/**
 * Draws what happens to a connection.
 *
 * @param random draws
 * @param heartbeat the heartbeat interval, in milliseconds: if it is long, a client must learn of a cut
 * @returns a cut at a byte or a time, one that only one end learns of, or one direction that loses everything from a byte on
 */
export function randomFaults(random: Random, heartbeat: number): ConnectionFaults {
  const noticeDelay = () => [0, random(30), random(400), Infinity][random(4)]!;
  const faults = {
    delay: [0.5, 2, 10, 40][random(4)]!,
    clientNotices: heartbeat < 1000 ? noticeDelay() : random(50),
    serverNotices: noticeDelay(),
  };
  // The answer to hello is some 800 bytes.
  const bytes = () => [random(1200), 800 + random(600), 800 + random(4000)][random(3)]!;
  switch (random(8)) {
    case 0:
    case 1:
      return { ...faults, cutAfterDown: bytes() };
    case 2:
    case 3:
      return { ...faults, cutAfterUp: 100 + random(1500) };
    case 4:
      return { ...faults, dropAfterDown: bytes(), cutAfter: random(600) };
    case 5:
      return { ...faults, dropAfterUp: 100 + random(1500), cutAfter: random(600) };
    case 6:
      return { ...faults, cutAfter: random(500) };
    default:
      return random(6) === 0
        ? { ...faults, unanswered: true }
        : { ...faults, cutAfter: random(3000) };
  }
}
