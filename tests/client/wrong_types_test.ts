/**
 * The class of the error of a wrong option: a `TypeError` for a wrong type, a `RangeError` for a wrong value, whichever it is.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, serve } from "@dsmq/server";
import { ScriptedServer } from "../support/scripted_server.ts";
import { as } from "../support/untyped.ts";

/** Takes a value in one place of one call. */
type Give = (value: unknown, mq: Connection, dial: ScriptedServer["dial"]) => unknown;

const option = (name: string): Give => (value, _, dial) =>
  connect(undefined, as({ dial, [name]: value }));
const reconnect = (name: string): Give => (value, _, dial) =>
  connect(undefined, as({ dial, reconnect: { [name]: value } }));

const NO_NUMBERS = ["5", null, {}, [5], true, 5n];
const NO_TEXTS = [5, null, {}, true];

/** Where values are given; those of a wrong type, and those of the right type that are wrong. */
const PLACES: Readonly<Record<string, readonly [Give, types: unknown[], values: unknown[]]>> = {
  "timeout of connect": [option("timeout"), NO_NUMBERS, [0, -1, NaN]],
  heartbeatInterval: [option("heartbeatInterval"), NO_NUMBERS, [99, 100.5, Infinity]],
  maxPending: [option("maxPending"), NO_NUMBERS, [0, 1.5, NaN]],
  maxPendingBytes: [option("maxPendingBytes"), NO_NUMBERS, [0, 1.5, NaN]],
  "reconnect.minDelay": [reconnect("minDelay"), NO_NUMBERS, [-1, NaN]],
  "reconnect.maxDelay": [reconnect("maxDelay"), NO_NUMBERS, [-1, NaN]],
  "reconnect.timeout": [reconnect("timeout"), NO_NUMBERS, [-1, NaN]],
  reconnect: [option("reconnect"), ["no", 5, null, []], []],
  signal: [option("signal"), ["no", 5, null, {}], []],
  dial: [(value) => connect(undefined, as({ dial: value })), ["no", 5, null, {}], []],
  onRetry: [option("onRetry"), ["no", 5, null, {}], []],
  token: [option("token"), [5, null, {}, []], ["", "a b", "x".repeat(8193)]],
  since: [
    option("since"),
    [null, {}, [], true],
    ["then", "", "5", "a:5", -1, 0.5, NaN, new Date(NaN)],
  ],
  "since.ago": [(ago, _, dial) => connect(undefined, as({ dial, since: { ago } })), NO_NUMBERS, [
    -1,
    0.5,
    NaN,
  ]],
  address: [(value, _, dial) => connect(as(value), { dial }), [5, null, true, [null]], [
    "",
    "a b",
    "ftp://a",
    [],
    ["a b"],
  ]],
  port: [(port, _, dial) => connect(as({ port }), { dial }), NO_NUMBERS, [0, 65536, 1.5]],
  host: [(host, _, dial) => connect(as({ host }), { dial }), NO_TEXTS, ["", "a b", "a:5"]],
  "topic of put": [(topic, mq) => mq.put(as(topic), "m"), NO_TEXTS, ["", "a\nb", "\ud800"]],
  "topic of read": [(topic, mq) => mq.read(as(topic)), NO_TEXTS, ["", "a\nb", "\ud800"]],
  "topic of values": [(topic, mq) => mq.topic(as(topic)), NO_TEXTS, ["", "a\nb"]],
  prefix: [(prefix, mq) => mq.subscribe({ prefix: as(prefix) }), NO_TEXTS, ["a\nb", "\ud800"]],
  "prefix of topics": [(prefix, mq) => mq.topics(as(prefix)), NO_TEXTS, ["\ud800"]],
  body: [(body, mq) => mq.put("t", as(body)), NO_TEXTS, []],
  messageId: [(messageId, mq) => mq.put("t", "m", as({ messageId })), NO_TEXTS, [""]],
  key: [(key, mq) => mq.putMany("t", [as({ body: "m", key })]), NO_TEXTS, ["", "x".repeat(257)]],
  headers: [(headers, mq) => mq.put("t", "m", as({ headers })), ["a", 5, null, { a: 1 }], [{
    "": "a",
  }]],
  delay: [(delay, mq) => mq.put("t", "m", as({ delay })), NO_NUMBERS, [-1, 0.5, NaN, Infinity]],
  wait: [(wait, mq) => mq.read("t", as({ wait })), NO_NUMBERS, [-1, NaN]],
  latest: [(latest, mq) => mq.read("t", as({ latest })), ["yes", 1, null], []],
  "timeout of getWait": [(timeout, mq) => mq.getWait("t", as({ timeout })), NO_NUMBERS, [-1, NaN]],
  "since of subscribe": [(since, mq) => mq.subscribe("t", as({ since })), [null, {}, true], [
    "then",
    -1,
  ]],
  onGap: [(onGap, mq) => mq.subscribe("t", as({ onGap })), [5, null, {}], ["newest", ""]],
  onInvalid: [
    (onInvalid, mq) => mq.topic("t").subscribe(as({ onInvalid })),
    [5, null, {}],
    ["skip", ""],
  ],
  "options of putMany": [(options, mq) => mq.topic("t").putMany([1], as(options)), NO_TEXTS, []],
  before: [(before, mq) => mq.purge("t", as({ before })), [null, {}, true, undefined], [
    "then",
    "a:5",
    -1,
    0.5,
    new Date(NaN),
  ]],
  "before.ago": [(ago, mq) => mq.purge("t", as({ before: { ago } })), NO_NUMBERS, [-1, 0.5]],
  id: [(id, mq) => mq.disconnect(as(id)), NO_TEXTS, []],
  "port of serve": [(port) => serve(as({ port })), NO_NUMBERS, [-1, 65536, 1.5]],
  "host of serve": [(host) => serve(as({ host, port: 0 })), NO_TEXTS, ["", "a b"]],
};

for (const [name, [give, types, values]] of Object.entries(PLACES)) {
  Deno.test(`${name}: a wrong type is a TypeError, a wrong value a RangeError`, async () => {
    const script = new ScriptedServer();
    await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
    const { dials } = script;
    script.frames.length = 0;
    for (const [ErrorClass, wrong] of [[TypeError, types], [RangeError, values]] as const) {
      for (const value of wrong) {
        const error: unknown = await (async () => await give(value, mq, script.dial))().then(
          () => undefined,
          (error: unknown) => error,
        );
        assert(error instanceof ErrorClass, `${Deno.inspect(value)}: ${error}`);
        assert(/^Cannot [a-z ]+: /.test(error.message), error.message);
      }
    }
    assertEquals([script.frames, script.dials], [[], dials], "nothing is sent or dialled");
  });
}
