/**
 * A connection that ends at any moment of a request, to the microtask: nothing fails, and nothing of it remains.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Permissions } from "../../auth/permissions.ts";
import type { ClientConnection } from "../../connection/client_connection.ts";
import type { SharedLimit } from "../../protocol/limits.ts";
import { CLOSE_CODE } from "../../protocol/websocket.ts";
import { inMemory, store, type TestServer, testServer, turns } from "../support/bridge.ts";
import { ManualPeer } from "../support/manual_peer.ts";

/** No request takes more steps than this. */
const MAX_STEPS = 30;

const BUDGETS: readonly SharedLimit[] = [
  "totalCursors",
  "totalWaits",
  "totalSubscriptions",
  "totalInFlightBytes",
];

const TOKEN_GONE = { code: "unauthorized", message: "Cannot go on: the token is gone" } as const;

/** The errors of requests that end with their connection, or with their permission. */
const END_ERRORS: ReadonlySet<string> = new Set([
  "unauthorized",
  "permission_denied",
  "shutting_down",
]);

/** It may do nothing. */
const NOTHING = new Permissions("", { permissions: [] });

/** It may read two topics: what it may do is checked for each request. */
const SOME = new Permissions("", { topics: ["t", "empty"] });

const read = (action: string, topic: string, fields = {}) => ({ action, id: 9, topic, ...fields });

const REQUESTS: Readonly<Record<string, object>> = {
  "a get": read("get", "t"),
  "a get from a position": read("get", "t", { since: { after: 1 } }),
  "a get_latest": read("get_latest", "t"),
  "a list of gets": Array.from({ length: 70 }, (_, id) => ({ ...read("get", "t"), id: 10 + id })),
  "a list of gets of many topics": Array.from({ length: 70 }, (_, id) => ({
    ...read("get", id % 3 ? "t" : `other ${id}`),
    id: 10 + id,
  })),
  "a get_wait": read("get_wait", "t"),
  "a get_wait that has to wait": read("get_wait", "empty"),
  "a get_wait with timeout 0": read("get_wait", "empty", { timeout: 0 }),
  "a list of get_waits": Array.from({ length: 70 }, (_, id) => ({
    ...read("get_wait", "t", { timeout: id % 2 ? 0 : 60_000 }),
    id: 10 + id,
  })),
  "a subscribe": read("subscribe", "t", { since: "start", messages: 9, bytes: 999 }),
  "a subscribe without a position": read("subscribe", "t", { messages: 9, bytes: 999 }),
  "a list of topics": { action: "topics", id: 9 },
  "a hello": { action: "hello", id: 9, session: "0123456789abcdef0123", try: 1, heartbeat: 1000 },
  "a close": { action: "close", id: 9 },
  "a list of puts": Array.from({ length: 70 }, (_, id) => ({
    action: "put",
    id: 10 + id,
    topic: "t",
    body: "m",
  })),
};

const ENDS: Readonly<Record<string, (connection: ClientConnection) => unknown>> = {
  "its peer disconnects": (connection) => connection.end(),
  "its token is rejected": (connection) => connection.rejectToken(TOKEN_GONE),
  "its session is taken over": (connection) => connection.takenOver(),
  "it may do nothing any more": (connection) => connection.permissions = NOTHING,
  "its permissions change, and it is closed": (connection) => {
    connection.permissions = NOTHING;
    connection.closeGracefully(CLOSE_CODE.policyViolation, "enough");
  },
};

/** Sends a request, ends the connection after some microtasks, and checks what remains. Returns whether the request had ended before. */
async function endAfter(
  steps: number,
  host: TestServer,
  request: object,
  end: (connection: ClientConnection) => unknown,
  before: readonly object[],
): Promise<boolean> {
  const peer = new ManualPeer(host, { permissions: SOME });
  for (const frame of before) peer.sendFrame(frame);
  await turns(1);
  const { length } = peer.received;
  peer.sendFrame(request);
  for (let i = 0; i < steps; i++) await undefined;
  const replies = peer.received.length - length;
  end(peer.connection);
  await turns(1);
  assert(peer.closedWith !== CLOSE_CODE.internalError, "a request failed unexpectedly");
  peer.connection.end();
  await turns(1);
  assertEquals(
    [host.queue.listenedTopics, ...BUDGETS.map((name) => host.budgets.of(name).holders)],
    [0, ...BUDGETS.map(() => 0)],
    `listeners, and ${BUDGETS.join(", ")}, after ${steps} steps`,
  );
  assert(peer.closedWith !== CLOSE_CODE.internalError, "its end failed unexpectedly");
  const errors = peer.received.filter(({ error }) => error && !END_ERRORS.has(error.code));
  assertEquals(errors, [], `errors after ${steps} steps`);
  return replies >= [request].flat().length;
}

const WAITING = read("get_wait", "empty", { id: 1, timeout: 60_000 });

for (const [what, request] of Object.entries(REQUESTS)) {
  Deno.test(`${what} leaves nothing behind, at whatever moment its connection ends`, async () => {
    for (const [how, end] of Object.entries(ENDS)) {
      for (const before of [[], [WAITING]]) {
        await using host = await testServer(inMemory());
        await store(host, "t", "1", "2", "3");
        let done = 0;
        for (let steps = 0; steps < MAX_STEPS && done < 3; steps++) {
          try {
            if (await endAfter(steps, host, request, end, before)) done++;
          } catch (error) {
            throw new Error(`${how}, ${before.length} wait: ${error}`, { cause: error });
          }
        }
      }
    }
  });
}
