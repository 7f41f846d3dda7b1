/**
 * Values in a request of dsmq 1.x that are not strings, and what Python accepts as JSON; nothing else is changed.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { refuseFrame, scanFrame } from "../../protocol/request_frame.ts";
import { decodeFrame } from "../support/decode_frame.ts";

/** What is put or read, or the code of the refusal; for a frame that is parsed as a whole, and in parts. */
function decoded(json: string): unknown[][] {
  return [json, json + " ".repeat(100_000)].map((frame) =>
    decodeFrame(frame, DEFAULT_LIMITS).requests.map((request) =>
      request.action === "put"
        ? [request.topic, request.encode(request.bodies[0]!).body]
        : request.action === "refused"
        ? request.error.code
        : [request.action, (request as { topic?: string }).topic]
    )
  );
}

const twice = (expected: unknown[]) => [expected, expected];
const put = (topic: string, message: string) =>
  `{"action": "put", "topic": ${topic}, "message": ${message}}`;
const get = (topic: string) => `{"action": "get", "topic": ${topic}}`;

/** What Python writes, and what SQLite 3.40 made of it in the original. */
const NUMBERS: [written: string, text: string][] = [
  ["7", "7"],
  ["-7", "-7"],
  ["0", "0"],
  ["-0", "0"],
  ["9007199254740993", "9007199254740993"],
  ["9223372036854775807", "9223372036854775807"],
  ["-9223372036854775808", "-9223372036854775808"],
  // The original closes the connection at these two.
  ["9223372036854775808", "9223372036854775808"],
  ["-12345678901234567890123", "-12345678901234567890123"],
  // Too large for a float: still not an infinity.
  ["1" + "0".repeat(200), "1" + "0".repeat(200)],
  ["-" + "9".repeat(200), "-" + "9".repeat(200)],
  ["7.0", "7.0"],
  ["0.0", "0.0"],
  ["-0.0", "0.0"],
  ["0.10", "0.1"],
  ["-2.5", "-2.5"],
  ["123456789.123456789", "123456789.123457"],
  ["2.718281828459045", "2.71828182845905"],
  ["0.0001", "0.0001"],
  ["0.00012345678901234567", "0.000123456789012346"],
  ["1e-05", "1.0e-05"],
  ["1.5e-07", "1.5e-07"],
  ["1E2", "100.0"],
  ["100000000000000.0", "100000000000000.0"],
  ["999999999999999.0", "999999999999999.0"],
  ["999999999999999.9", "1.0e+15"],
  ["1000000000000000.0", "1.0e+15"],
  ["1e+16", "1.0e+16"],
  ["12345678901234567890.5", "1.23456789012346e+19"],
  ["1.5e300", "1.5e+300"],
  ["5e-324", "4.94065645841247e-324"],
  ["1.7976931348623157e308", "1.79769313486232e+308"],
  ["1e400", "Inf"],
  ["-1E400", "-Inf"],
  ["Infinity", "Inf"],
  ["-Infinity", "-Inf"],
  ["true", "1"],
  ["false", "0"],
];

Deno.test("a number or a boolean of dsmq 1.x becomes the text that the original's SQLite made of it, as message and as topic", () => {
  for (const [written, text] of NUMBERS) {
    assertEquals(decoded(put('"t"', written)), twice([["t", `"${text}"`]]), written);
    assertEquals(decoded(put(written, '"m"')), twice([[text, '"m"']]), written);
    assertEquals(decoded(get(written)), twice([["get", text]]), written);
    assertEquals(decoded(`[${put(written, written)}, ${get('"x"')}]`), [
      [[text, `"${text}"`], ["get", "x"]],
      [[text, `"${text}"`], ["get", "x"]],
    ], written);
  }
  const mixed = `[${put('"t"', "1.0")},${put('"t"', '"m"')} , ${put(" 5 ", " 2e0 ")}]`;
  assertEquals(decoded(mixed), twice([["t", '"1.0"'], ["t", '"m"'], ["5", '"2.0"']]));
});

Deno.test("a whole number that is larger than any float is not an infinity as a message", () => {
  for (const digits of ["1" + "0".repeat(309), "-" + "7".repeat(4000)]) {
    assertEquals(decoded(put('"t"', digits)), twice([["t", `"${digits}"`]]));
    assertEquals(decoded(`[${put('"t"', digits)},${put('"NaN"', "NaN")}]`), [
      [["t", `"${digits}"`], ["NaN", '"\\u006eull"']],
      [["t", `"${digits}"`], ["NaN", '"\\u006eull"']],
    ]);
  }
});

Deno.test("None and NaN of dsmq 1.x are messages of their own, and not topics", () => {
  const none = '"\\u006eull"';
  for (const value of ["null", "NaN"]) {
    assertEquals(decoded(put('"t"', value)), twice([["t", none]]));
    assertEquals(decoded(put(value, '"m"')), twice(["bad_topic"]));
    assertEquals(decoded(get(value)), twice(["bad_topic"]));
  }
  // A client that sends the text as a string sends a text.
  assertEquals(decoded(put('"t"', none)), twice([["t", '"null"']]));
  assertEquals(decoded(`[${put('"t"', "null")},${put('"t"', '"null"')}]`), [
    [["t", none], ["t", '"null"']],
    [["t", none], ["t", '"null"']],
  ]);
});

Deno.test("when a field occurs twice the last one counts, however its name is spelled", () => {
  const escaped =
    '{"action":"get","\\u0061ction":"put","topic":"t","message":"a" , "mess\\u0061ge" : 1.0}';
  assertEquals(decoded(escaped), twice([["t", '"1.0"']]));
  assertEquals(
    decoded('{"action":"put","topic":"t","message":1.0,"message":"b"}'),
    twice([["t", '"b"']]),
  );
  const inner =
    '{"more":{"message":1,"topic":2},"a":["message",3],"action":"put","topic":4,"message":5,"rest":{"topic":6,"message":7}}';
  assertEquals(decoded(inner), twice([["4", '"5"']]));
});

Deno.test("a request with an id is unchanged, and so is what is neither number, boolean nor null", () => {
  const others = [
    '{"action":"put","id":1,"topic":"t","body":5}',
    '{"action":"put","id":1,"topic":"t","body":null}',
    '{"action":"get","id":1,"topic":5}',
    '{"action":"get","id":1,"topic":""}',
    '{"action":"put","topic":"t","message":[5]}',
    '{"action":"put","topic":"t","message":{"message":5}}',
    '{"action":"put","topic":["t"],"message":"m"}',
    '{"action":"put","topic":"t","bodies":[5],"more":{"message":5}}',
    '{"action":"put","topic":5}',
    '{"action":"get","topic":"t","message":5}',
    "5",
    "true",
    '[{"action":"get","topic":5}]',
  ];
  const expected = [
    ...["bad_message", "bad_message", "bad_topic", "bad_topic"],
    ...["bad_message", "bad_message", "bad_topic", "bad_message", "bad_message"],
    ["get", "t"],
    ...["bad_request", "bad_request", "bad_request"],
  ];
  assertEquals(decoded(`[${others}]`), twice(expected));
  assertEquals(decoded(`[${others},${put('"t"', "7")}]`), twice([...expected, ["t", '"7"']]));
});

Deno.test("fields that dsmq 1.x does not know may hold anything in its requests", () => {
  const more = '"n":-1,"body":7,"bodies":[8],"since":[],"timestamp":NaN,"timeout":"x"';
  assertEquals(
    decoded(`{"action":"put",${more},"topic":"t","message":"m"}`),
    twice([["t", '"m"']]),
  );
  assertEquals(decoded(`{"action":"get",${more},"topic":"t"}`), twice([["get", "t"]]));
});

Deno.test("strings are exact in a frame with NaN, even those that look like it", () => {
  const texts = ["NaN", "-Infinity", 'a "NaN" \\', ": NaN,", "\\NaN\u0000é😀\ud800", "[NaN]"];
  const puts = texts.map((text) => put('"t"', JSON.stringify(text)));
  const expected = texts.map((text) => ["t", JSON.stringify(text)]);
  assertEquals(decoded(`[${puts},${get('"x"')}]`), twice([...expected, ["get", "x"]]));
  assertEquals(
    decoded(`[{"x":NaN,"action":"get","topic":"NaN"},${puts},${get("-Infinity")}]`),
    twice([["get", "NaN"], ...expected, ["get", "-Inf"]]),
  );
});

Deno.test("what is not JSON for Python either is refused, and with an id it is refused even if Python accepts it", () => {
  const values = ["1NaN", "NaN1", "-NaN", "+Infinity", "--Infinity", "1Infinity", "Infinity5"];
  values.push("1.Infinity", "1-Infinity", "nan", "inf", "True", "None", "NaN NaN", "0x10", "'NaN'");
  for (const value of values) {
    for (const request of [put('"t"', value), get(value), `[${get('"t"')},${get(value)}]`]) {
      const [whole, parts] = decoded(request);
      assertEquals(whole, ["bad_request"], request);
      assertEquals([...new Set(parts)], ["bad_request"], request);
    }
  }
  const strict = '{"action":"put","id":7,"topic":"t","body":"m","more":NaN}';
  assertEquals(decoded(strict), twice(["bad_request"]));
  const [whole, parts] = decoded(`[${get("NaN")},${strict}]`);
  assertEquals([whole, parts], [["bad_request"], ["bad_request", "bad_request"]]);
  // A JSON request with an id may share a frame with one of dsmq 1.x.
  const both = '[{"action":"get","id":7,"topic":"t"},{"action":"get","topic":Infinity}]';
  assertEquals(decoded(both), twice([["get", "t"], ["get", "Inf"]]));
});

Deno.test("a get in a frame with NaN is answered even if there is no room for it", () => {
  const error = { code: "limit_exceeded", message: "" } as const;
  for (const rest of ["", " ".repeat(100_000)]) {
    const frame = `[${get("NaN")},{"x":NaN,"action":"get_latest","topic":"t"},${
      put("NaN", "NaN")
    }]`;
    const { remaining, unanswered } = refuseFrame(
      scanFrame(frame + rest, Infinity),
      DEFAULT_LIMITS,
      error,
    );
    assertEquals([remaining.length, unanswered.length], [2, 1]);
    for (const request of remaining) {
      assertEquals(request, { action: "refused", id: undefined, needsReply: true, error });
    }
  }
});
