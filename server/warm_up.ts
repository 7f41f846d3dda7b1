/**
 * What a server does for its first clients, done once before they come.
 *
 * @module
 */

import { Leave } from "../door/leave.ts";
import { PROTOCOL, USUAL_LIMITS } from "../protocol/limits.ts";
import { Claims } from "../queue/claims.ts";
import type { Clock } from "../queue/clock.ts";
import { Pulses } from "../queue/pulses.ts";
import { Queue } from "../queue/queue.ts";
import { Session } from "../queue/session.ts";
import { Budgets } from "../queue/shares.ts";
import type { Wire } from "../queue/wire.ts";

/** What clients mostly say first: of dsmq 1.x, and of our own. */
const FRAMES = [
  '{"action":"put","topic":"t","message":"m"}',
  '{"action":"put","topic":"t","message":"m"}',
  '{"action":"get","topic":"t"}',
  '{"action":"get_latest","topic":"t"}',
  '{"action":"put","id":1,"topic":"t","message":"m"}',
  '{"action":"get","id":2,"topic":"t"}',
];

/** How the last answer begins. */
const LAST = '{"id":2,';

/** Has no timers: nothing of this goes on, or keeps a process alive. */
const clock: Clock = { now: () => Date.now(), after: () => () => {} };

/**
 * Does what the first requests of a process ask for, on a store of its own that is closed again: V8 compiles what is done
 * for the first time, which takes many times as long as to do it.
 *
 * @param open opens the store
 */
export async function warmUp(
  open: (options: { retention: number; clock: Clock }) => Queue["store"],
): Promise<void> {
  const retention = 1000;
  const store = open({ retention, clock });
  const queue = await Queue.open(store, clock, { info() {}, warn() {}, error() {} });
  const answered = Promise.withResolvers<void>();
  const wire: Wire = {
    send: (frame) => frame.startsWith(LAST) && answered.resolve(),
    buffered: 0,
    drained: () => Promise.resolve(),
    close: () => {},
    drop: () => {},
  };
  const { id, epoch, kept } = store;
  const session = new Session(
    {
      queue,
      welcome: {
        protocol: PROTOCOL,
        server: "",
        store: id,
        epoch,
        kept,
        retention,
        limits: USUAL_LIMITS,
      },
      errorsPerMinute: Infinity,
      door: { digestOf: () => Promise.resolve(new Uint8Array()), leaveOf: () => undefined },
      claims: new Claims(),
      pulses: new Pulses(queue),
      budgets: new Budgets(USUAL_LIMITS),
      shutdown: undefined,
      refused: () => {},
    },
    wire,
    0,
    new Leave("", {}),
  );
  for (const frame of FRAMES) session.receive(frame);
  await answered.promise;
  await session.close();
  await queue[Symbol.asyncDispose]();
}
