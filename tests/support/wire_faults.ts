/**
 * What a server can do wrong on the wire, and which check has to find it.
 *
 * @module
 */

import type { WireObject } from "@dsmq/server/testing";

/** Changes an object on its way; `undefined` if nothing is left of it. */
export type Change = (object: Record<string, unknown>) => unknown;

/** A change of what is streamed. */
function streamed(change: (frame: WireObject) => object): Change {
  return (o) => "bodies" in o && "sub" in o ? { ...o, ...change(o) } : o;
}

/** A change of jobs. */
function jobs(change: (frame: WireObject) => object): Change {
  return (o) => "claims" in o && "sub" in o ? { ...o, ...change(o) } : o;
}

/** A change of the replies to hello. */
function greeting(change: (hello: WireObject) => object): Change {
  return (o) => "protocol" in o ? { ...o, ...change(o) } : o;
}

/** A change of errors with a code. */
function told(code: string, change: (reply: WireObject) => object): Change {
  return (o) => Object(o.error).code === code ? change(o) : o;
}

/** A change of the replies that tell where a stream begins. */
const opened = (change: (reply: WireObject) => object): Change => (o) =>
  "sub" in o && "id" in o && "start" in o ? { ...o, ...change(o) } : o;

/** What a wrong server does, and the check that has to find it. */
export const FAULTS: readonly (readonly [string, Change, string])[] = [
  ["errors have no codes", (o) => o.error ? { id: o.id, error: {} } : o, "what cannot be done"],
  [
    "ids are texts",
    (o) => "id" in o && o.id !== null ? { ...o, id: `${o.id}` } : o,
    "each request",
  ],
  ["bodies lose what is odd", (o) => o.body === "\0" ? { ...o, body: "" } : o, "every reader"],
  ["no through", ({ through: _, ...o }) => o, "every reader"],
  ["streams skip", (o) => "prev" in o ? { ...o, prev: Number(o.prev) + 1 } : o, "a stream brings"],
  ["repeated puts are not told", ({ dup: _, ...o }) => o, "a put that is repeated"],
  ["a messageId may come again", ({ dup: _, ...o }) => o, "a messageId that comes again"],
  ["1.x gets more", (o) => "message" in o ? { ...o, seq: 1 } : o, "a client of dsmq 1.x"],
  ["other epochs are taken", (o) => {
    const { code } = Object(o.error);
    return code === "epoch_changed" ? { id: o.id, body: "", through: 0 } : o;
  }, "a connection reads from its beginning"],
  [
    "heartbeats have no time",
    ({ time: _, ...o }) => o.heartbeat ? o : { ...o, time: _ },
    "a client that asked",
  ],
  [
    "streams lose U+0000",
    streamed(({ bodies }) => ({
      bodies: bodies.map((body: string) => body.replaceAll("\0", "")),
    })),
    "a stream brings each message exactly",
  ],
  [
    "streams mend lone surrogates",
    streamed(({ bodies }) => ({
      bodies: bodies.map((body: string) => body.toWellFormed()),
    })),
    "a stream brings each message exactly",
  ],
  [
    "streams tell other bytes",
    streamed(({ bytes }) => ({
      bytes: bytes + 1,
    })),
    "a stream brings each message exactly",
  ],
  [
    "streams tell other times",
    streamed(({ times }) => ({
      times: times.map((time: number) => Math.floor(time / 1000)),
    })),
    "a stream brings each message exactly",
  ],
  [
    "a session is always known",
    greeting(({ dedupComplete }) => (
      dedupComplete === undefined ? {} : { dedupComplete: true }
    )),
    "dedupComplete",
  ],
  [
    "a session is never known",
    greeting(({ dedupComplete }) => (
      dedupComplete === undefined ? {} : { dedupComplete: false }
    )),
    "dedupComplete",
  ],
  ["dedupComplete is missing", greeting(() => ({ dedupComplete: undefined })), "dedupComplete"],
  [
    "ahead is told as another epoch",
    told("ahead", ({ error, ...o }) => ({
      ...o,
      error: { ...error, code: "epoch_changed" },
    })),
    "a position beyond",
  ],
  ["ahead has no through", told("ahead", ({ through: _, ...o }) => o), "a position beyond"],
  [
    "an unknown epoch has no through",
    told("epoch_changed", ({ through: _, ...o }) => o),
    "a position of an unknown epoch is",
  ],
  ["the start is another", greeting(({ start }) => ({ start: start + 3 })), "hello tells where"],
  ["there is no last number", greeting(() => ({ last: 0 })), "hello tells where"],
  ["the floor is too high", greeting(() => ({ floor: 999 })), "hello tells where"],
  ["the cursor is not told", opened(() => ({ through: undefined })), "a stream without since"],
  ["claims do not grow", jobs(({ claims }) => ({ claims: claims.map(() => 7) })), "a worker gets"],
  ["attempts are not told", jobs(() => ({ attempts: undefined })), "a job that failed"],
  [
    "a release counts as an attempt",
    jobs(({ claims }) => ({ attempts: claims.map(() => 2) })),
    "a job that is released",
  ],
  ["topics of jobs are not told", jobs(() => ({ topics: undefined })), "a worker of a prefix"],
  [
    "dead jobs are not told",
    ({ dead, ...o }) => o.error || !dead ? { ...o, dead } : o,
    "a worker holds",
  ],
  ["lost claims are not told", ({ lost: _, ...o }) => o, "a worker that comes back"],
  ["lost leases are not told", ({ ended: _, ...o }) => o, "a worker that is silent"],
  ["groups are always new", (o) => "created" in o ? { ...o, created: true } : o, "a group begins"],
  [
    "who takes over is not told",
    (o) => Object(o.error).code === "session_taken_over" ? undefined : o,
    "a newer stream",
  ],
];

/** What a server does as if it had been asked something else, and the check that has to find it. */
export const MISUNDERSTOOD: readonly (readonly [string, (o: WireObject) => WireObject, string])[] =
  [
    [
      "times are taken as start",
      (o) => o.since?.time === undefined ? o : { ...o, since: "start" },
      "since takes a time",
    ],
    [
      "ago is taken as start",
      (o) => o.since?.ago === undefined ? o : { ...o, since: "start" },
      "since takes a time",
    ],
    [
      "ago is taken as now",
      (o) => o.since?.ago === undefined ? o : { ...o, since: "now" },
      "since takes a time",
    ],
    [
      "what is ahead is taken as now",
      (o) => o.since?.after > 1_000_000 ? { ...o, since: "now" } : o,
      "a position beyond",
    ],
    [
      "waits are short",
      (o) => o.action === "get_wait" ? { ...o, timeout: 100 } : o,
      "get_wait that finds nothing",
    ],
    [
      "streams begin at start",
      (o) => o.action === "subscribe" && o.since === undefined ? { ...o, since: "start" } : o,
      "a stream without since",
    ],
    [
      "credit is not counted",
      (o) => o.action === "work" ? { ...o, credit: 100 } : o,
      "a worker holds no more",
    ],
    [
      "groups are one",
      (o) => o.group === undefined ? o : { ...o, group: undefined },
      "each message goes to one",
    ],
    [
      "delays and keys are lost",
      ({ attributes: _, ...o }) => o,
      "a job whose time",
    ],
    [
      "what unsubscribes goes on",
      (o) => o.action === "unsubscribe" ? { ...o, sub: 99 } : o,
      "unsubscribe ends the stream of a worker",
    ],
    [
      "any group is there",
      (o) => o.action === "dead" ? { action: "heartbeat", id: o.id } : o,
      "what is no request about a group",
    ],
    ["positions of cursors are lost", ({ cursor: _, ...o }) => o, "a stream without since"],
  ];
