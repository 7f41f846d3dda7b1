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

/** The end of a request is reached in fewer steps than this. */
const MAX_STEPS = 60;

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

/** It may read all topics of the test: what it may do is checked for each request. */
const SOME = new Permissions("", { prefixes: [..."0123456789"] });

const read = (action: string, topic: string, fields = {}) => ({ action, id: 9, topic, ...fields });

const numbered = (count: number, request: (i: number) => object) =>
  Array.from({ length: count }, (_, i) => ({ ...request(i), id: 10 + i }));

/** The topic `t` has three messages, the others none. */
const REQUESTS: Readonly<Record<string, object>> = {
  "a get": read("get", "t"),
  "a get from a position": read("get", "t", { since: { after: 1 } }),
  "a get_latest": read("get_latest", "t"),
  "a list of gets": numbered(70, () => read("get", "t")),
  "a list of gets of many topics": numbered(
    8,
    (i) => read("get", ["t", "a", "b", "empty"][i % 4]!),
  ),
  "a get_wait": read("get_wait", "t"),
  "a list of get_waits that have to wait": numbered(2, (i) => read("get_wait", ["empty", "a"][i]!)),
  "a get_wait with timeout 0": read("get_wait", "empty", { timeout: 0 }),
  "a list of get_waits": numbered(4, (i) => read("get_wait", "t", { timeout: i % 2 ? 0 : 60_000 })),
  "a subscribe": read("subscribe", "t", { since: "start", messages: 9, bytes: 999 }),
  "a subscribe without a position": read("subscribe", "t", { messages: 9, bytes: 999 }),
  "a list of topics": { action: "topics", id: 9 },
  "a hello": { action: "hello", id: 9, session: "0123456789abcdef0123", try: 1, heartbeat: 1000 },
  "a close": { action: "close", id: 9 },
  "a list of puts": numbered(70, () => read("put", "t", { body: "m" })),
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

const WAITING = read("get_wait", "empty", { id: 1, timeout: 60_000 });

/**
 * Sends a request, ends the connection after some microtasks, and checks that nothing more arrives and what remains.
 *
 * @returns whether the request was finished before, or its last part waited
 */
async function endAfter(
  steps: number,
  host: TestServer,
  request: object,
  end: (connection: ClientConnection) => unknown,
  hasWaiting: boolean,
): Promise<boolean> {
  const ownTopics = (frame: object) =>
    JSON.stringify(frame).replaceAll('"topic":"', `"topic":"${steps}.`);
  await store(host, `${steps}.t`, "1", "2", "3");
  const topics = ["t", "a", "b", "empty"].map((topic) => `${steps}.${topic}`);
  // Beside another reader of each: it would be missing if one of this connection ended twice.
  for (const topic of topics) host.queue.readers.add({ topic });
  const peer = new ManualPeer(host, { permissions: SOME });
  if (hasWaiting) peer.sendFrame(ownTopics(WAITING));
  await turns(1);
  const { length } = peer.received;
  const listened = host.queue.listenedTopics;
  peer.sendFrame(ownTopics(request));
  for (let i = 0; i < steps; i++) await undefined;
  const replies = peer.received.length - length;
  const isDone = replies >= [request].flat().length || host.queue.listenedTopics > listened;
  end(peer.connection);
  await turns(1);
  assert(peer.closedWith !== CLOSE_CODE.internalError, "a request failed unexpectedly");
  for (const topic of topics) await store(host, topic, "too late");
  peer.connection.end();
  await turns(1);
  assertEquals(
    [
      host.queue.listenedTopics,
      ...Array.from(host.queue.readers.of(topics), ({ readers }) => readers),
      ...BUDGETS.map((name) => host.budgets.of(name).holders),
    ],
    [0, ...topics.map(() => 1), ...BUDGETS.map(() => 0)],
    `listeners, readers, and ${BUDGETS.join(", ")}`,
  );
  assert(peer.closedWith !== CLOSE_CODE.internalError, "its end failed unexpectedly");
  const errors = peer.received.filter(({ error }) => error && !END_ERRORS.has(error.code));
  assertEquals([errors, peer.messages.includes("too late")], [[], false]);
  return isDone;
}

for (const [what, request] of Object.entries(REQUESTS)) {
  Deno.test(`${what} leaves nothing behind, and gets nothing more, at whatever moment its connection ends`, async () => {
    for (const [how, end] of Object.entries(ENDS)) {
      for (const hasWaiting of [false, true]) {
        await using host = await testServer(inMemory());
        let done = 0;
        for (let steps = 0; done < 3; steps++) {
          const where = `${how}, after ${steps} steps${hasWaiting ? ", beside a wait" : ""}`;
          assert(steps < MAX_STEPS, `it does not end: ${where}`);
          try {
            if (await endAfter(steps, host, request, end, hasWaiting)) done++;
          } catch (error) {
            throw new Error(`${where}: ${error}`, { cause: error });
          }
        }
      }
    }
  });
}
