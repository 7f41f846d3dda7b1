/**
 * Runs once what a server does for its first clients, before they come.
 *
 * @module
 */

import { Permissions } from "../auth/permissions.ts";
import { DEFAULT_LIMITS, PROTOCOL_VERSION } from "../protocol/limits.ts";
import { ConnectionDirectory } from "../connection/connection_directory.ts";
import { SessionOwners } from "../connection/session_owners.ts";
import type { Clock } from "../queue/clock.ts";
import { Heartbeats } from "../connection/heartbeats.ts";
import { Queue } from "../queue/queue.ts";
import { TokenExpiry } from "../connection/token_expiry.ts";
import { ClientConnection } from "../connection/client_connection.ts";
import { afterNetworkPoll } from "../budgets/after_network_poll.ts";
import { SharedBudgets } from "../budgets/shared_budgets.ts";
import type { Peer } from "../transports/peer.ts";

/** The first frames of most clients: of dsmq 1.x, and of our own. */
const FRAMES = [
  '{"action":"put","topic":"t","message":"m"}',
  '{"action":"put","topic":"t","message":"m"}',
  '{"action":"get","topic":"t"}',
  '{"action":"get_latest","topic":"t"}',
  '{"action":"put","id":1,"topic":"t","body":"m"}',
  '{"action":"get","id":2,"topic":"t"}',
];

/** How the last reply begins. */
const LAST_REPLY_PREFIX = '{"id":2,';

/** Has no timers: nothing of this continues, or keeps a process alive. */
const clock: Clock = { now: () => Date.now(), after: () => () => {} };

/**
 * Does what the first requests of a process need, on a store of its own that is closed again: V8 compiles code when it runs
 * for the first time, which takes many times as long as running it.
 *
 * @param open opens the store
 * @param isFinished whether the server has stopped, and nobody needs this any more
 * @param pause is awaited between any two parts, so that a client that has come meanwhile goes first. Default: until the
 *   event loop has polled the network
 */
export async function warmUp(
  open: (options: { retention: number; clock: Clock }) => Queue["store"],
  isFinished: () => boolean,
  pause: () => Promise<void> = networkPolled,
): Promise<void> {
  const retention = 1000;
  await pause();
  if (isFinished()) return;
  const store = open({ retention, clock });
  await pause();
  const queue = await Queue.open(store, clock, { write() {} });
  try {
    await request(queue, retention, isFinished, pause);
  } finally {
    await queue[Symbol.asyncDispose]();
  }
}

function networkPolled(): Promise<void> {
  return new Promise(afterNetworkPoll);
}

/** Puts and gets, as the first clients do. */
async function request(
  queue: Queue,
  retention: number,
  isFinished: () => boolean,
  pause: () => Promise<void>,
): Promise<void> {
  const replied = Promise.withResolvers<void>();
  const peer: Peer = {
    send: (frame) => frame.startsWith(LAST_REPLY_PREFIX) && replied.resolve(),
    buffered: 0,
    drained: () => Promise.resolve(),
    close: () => {},
    closeAndStopReading: () => {},
    drop: () => {},
  };
  const { id, epoch, durability } = queue.store;
  const connection = new ClientConnection(
    {
      queue,
      welcome: {
        protocol: PROTOCOL_VERSION,
        server: "",
        store: id,
        epoch,
        durability,
        retention,
        limits: DEFAULT_LIMITS,
      },
      errorsPerMinute: Infinity,
      accessControl: {
        check: () => Promise.resolve({ kind: "refused" }),
        permissionsOf: () => undefined,
      },
      sessionOwners: new SessionOwners(),
      directory: new ConnectionDirectory(() => clock.now()),
      tokenExpiry: new TokenExpiry(queue.clock),
      heartbeats: new Heartbeats(queue),
      budgets: new SharedBudgets(DEFAULT_LIMITS),
      shutdown: undefined,
      onRefused: () => {},
      onClosed: () => {},
    },
    peer,
    0,
    new Permissions("", {}),
  );
  for (const frame of FRAMES) {
    await pause();
    if (isFinished()) break;
    connection.receive(frame);
  }
  if (!isFinished()) await replied.promise;
  await connection.close();
}
