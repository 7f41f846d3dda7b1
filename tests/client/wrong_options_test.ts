/**
 * Wrong use of the library: an invalid option is reported by name, before anything is sent.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { as } from "../support/untyped.ts";

type Class = typeof TypeError | typeof RangeError;
type Call = (mq: Connection) => unknown;

const EPOCH = "9b2f4c3e-6a0d-4e0f-8f52-1d6a4b1c7e90";

/** A call, and its error. */
const WRONG: readonly [Call, Class, string][] = [
  [
    (mq) => mq.getWait("t", as({ timout: 5 })),
    TypeError,
    'no option "timout" (there are: timeout, signal)',
  ],
  [(mq) => mq.getWait("t", as({ mode: "wait" })), TypeError, 'no option "mode"'],
  [
    (mq) => mq.read("t", as({ timout: 5 })),
    TypeError,
    'no option "timout" (there are: wait, latest, signal)',
  ],
  [(mq) => mq.read("t", as({ Wait: 5 })), TypeError, 'no option "Wait"'],
  [
    (mq) => mq.read("t", as({ toString: 1 })),
    TypeError,
    'no option "toString" (there are: wait, latest, signal)',
  ],
  [
    (mq) => mq.read("t", as({ mode: "newest" })),
    TypeError,
    'no option "mode": { latest: true } reads the newest message, { wait: 5000 } waits for one',
  ],
  [
    (mq) => mq.read("t", as({ timeout: 5000 })),
    TypeError,
    'no option "timeout": how long to wait is { wait: 5000 }',
  ],
  [(mq) => mq.read("t", as({ since: 5 })), TypeError, 'no option "since"'],
  [
    (mq) => mq.subscribe("t", as({ sinse: "start" })),
    TypeError,
    '"sinse" (there are: since, onGap, signal)',
  ],
  [(mq) => mq.subscribe("t", as({ timeout: 5 })), TypeError, 'no option "timeout"'],
  [(mq) => mq.subscribe("t", as({ "a\x1b[2J": 5 })), TypeError, '"a\\u001b[2J"'],
  ...[null, [], 5000, "5", true, () => {}].flatMap((options): [Call, Class, string][] => [
    [
      (mq) => mq.getWait("t", as(options)),
      TypeError,
      "Cannot get: options must be an object, got ",
    ],
    [(mq) => mq.read("t", as(options)), TypeError, "Cannot read: options must be an object, got "],
    [
      (mq) => mq.subscribe("t", as(options)),
      TypeError,
      "Cannot subscribe: options must be an object, got ",
    ],
  ]),
  [
    (mq) => mq.getWait("t", as(new AbortController().signal)),
    TypeError,
    "must be an object, got an AbortSignal",
  ],
  ...[-1, NaN, -Infinity].flatMap((timeout): [Call, Class, string][] => [
    [
      (mq) => mq.getWait("t", { timeout }),
      RangeError,
      `milliseconds from 0, or Infinity, got ${timeout}`,
    ],
    [(mq) => mq.read("t", { wait: timeout }), RangeError, `got ${timeout}`],
    [(mq) => mq.read("t", { wait: timeout, latest: true }), RangeError, `got ${timeout}`],
  ]),
  ...["5", null, {}, 5n].flatMap((timeout): [Call, Class, string][] => [
    [(mq) => mq.getWait("t", { timeout: as(timeout) }), TypeError, "Cannot get: timeout must be "],
    [
      (mq) => mq.read("t", { wait: as(timeout) }),
      TypeError,
      "Cannot read: wait must be milliseconds from 0, or Infinity, got ",
    ],
  ]),
  ...[null, {}, 5, "now", new AbortController(), new EventTarget()].flatMap((
    signal,
  ): [Call, Class, string][] => [
    [
      (mq) => mq.getWait("t", { signal: as(signal) }),
      TypeError,
      "Cannot get: signal must be an AbortSignal, got ",
    ],
    [
      (mq) => mq.read("t", { wait: 5, signal: as(signal) }),
      TypeError,
      "Cannot read: signal must be",
    ],
    [
      (mq) => mq.read("t", { latest: true, signal: as(signal) }),
      TypeError,
      "Cannot read: signal must be",
    ],
    [
      (mq) => mq.subscribe("t", { signal: as(signal) }),
      TypeError,
      "Cannot subscribe: signal must be",
    ],
  ]),
  ...["newest", "", null, 1].map((latest): [Call, Class, string] => [
    (mq) => mq.read("t", { latest: as(latest) }),
    TypeError,
    "Cannot read: latest must be true or false, got ",
  ]),
  ...["newest", "", null, 5, {}, ["now"]].map((onGap): [Call, Class, string] => [
    (mq) => mq.subscribe("t", { onGap: as(onGap) }),
    typeof onGap === "string" ? RangeError : TypeError,
    'onGap must be "oldest", "now" or a function, got ',
  ]),
  ...["first", "", null, {}, [], "5", true].map((since): [Call, Class, string] => [
    (mq) => mq.subscribe("t", { since: as(since) }),
    typeof since === "string" ? RangeError : TypeError,
    'since must be "start", "now", a Date, { ago }, a message\'s position (EPOCH:SEQ) or a sequence number, got ',
  ]),
  ...[":5", "seq:5", "12:30", `${"e".repeat(129)}:5`, `${EPOCH} :5`, ` ${EPOCH}:5`, `${EPOCH}:x:5`]
    .map((
      since,
    ): [Call, Class, string] => [
      (mq) => mq.subscribe("t", { since }),
      RangeError,
      `(EPOCH:SEQ), whose epoch is 16 to 128 letters, digits, - and _, got "`,
    ]),
  ...[
    "",
    " 5",
    "5 ",
    "-1",
    "+5",
    "05",
    "1.5",
    "1e3",
    "0x1",
    "٣",
    "9007199254740992",
    "9".repeat(400),
  ]
    .map((number): [Call, Class, string] => [
      (mq) => mq.subscribe("t", { since: `${EPOCH}:${number}` }),
      RangeError,
      `(EPOCH:SEQ), whose number is whole, from 0 to 9007199254740991, got "`,
    ]),
  ...[-1, 1.5, NaN, Infinity, new Date(NaN)].map((since): [Call, Class, string] => [
    (mq) => mq.subscribe("t", { since }),
    RangeError,
    "since must be a ",
  ]),
  ...[null, 5, {}, ["a"], true].map((prefix): [Call, Class, string] => [
    (mq) => mq.topics(as(prefix)),
    TypeError,
    "prefix must be a string, got ",
  ]),
  [(mq) => mq.topics("\ud800"), RangeError, "prefix must have no lone surrogates"],
  ...[5, null, undefined, {}, ["m"], new Uint8Array(1)].map((message): [Call, Class, string] => [
    (mq) => mq.put("t", as(message)),
    TypeError,
    "Cannot put message: it must be a string, got ",
  ]),
  ...["m", null, undefined, new Set(["m"]), { length: 1 }].map((
    messages,
  ): [Call, Class, string] => [
    (mq) => mq.putMany("t", as(messages)),
    TypeError,
    "Cannot put messages: they must be an array, got ",
  ]),
  [
    (mq) => as(mq).topics("t", { timeout: 5 }),
    TypeError,
    "topics takes a prefix alone, got an object",
  ],
  [(mq) => as(mq).shutdownServer({ timeout: 5 }), TypeError, "shutdownServer takes no options"],
  [(mq) => mq.subscribe("t", { since: as({ ago: 5, unit: "s" }) }), TypeError, "since.unit"],
  [(mq) => as(mq).put("t", "m", { kye: "k" }), TypeError, 'there is no option "kye"'],
  [
    (mq) => as(mq).putMany("t", ["m"], {}),
    TypeError,
    "Cannot put messages: putMany takes the options of each message in the list",
  ],
  [(mq) => as(mq).get("t", { timeout: 5 }), TypeError, "Cannot get: get takes no options"],
  [
    (mq) => as(mq).getLatest("t", { timeout: 5 }),
    TypeError,
    "Cannot get: getLatest takes no options",
  ],
];

Deno.test("misspelt and ill-typed options of every call are refused by name, and nothing is sent", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  for (const [call, ErrorClass, reason] of WRONG) {
    const sync = /subscribe/.test(String(call));
    const error = sync
      ? assertThrows(() => call(mq), ErrorClass, reason, String(call))
      : await withTimeout(
        assertRejects(async () => await call(mq), ErrorClass, reason, String(call)),
      );
    assert(error.message.startsWith("Cannot "), error.message);
  }
  assertEquals(script.frames, []);
});
