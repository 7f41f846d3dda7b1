/**
 * What the writer of replies tells the line to its peer.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import * as says from "../protocol/answers.ts";
import { ReplyWriter } from "../queue/reply_writer.ts";

/** A line that notes what it is told. */
function noted() {
  const told: string[] = [];
  const wire = {
    send: (frame: string) => void told.push(frame),
    cannotTell: () => void told.push("cannot tell"),
  };
  return { told, replies: new ReplyWriter(wire) };
}

Deno.test("a client of dsmq 1.x cannot say that it has read, and the line is told so once", () => {
  const { told, replies } = noted();
  for (const message of ["one", "two"]) {
    replies.beginFrame(false);
    replies.addPlain(`{"message":"${message}"}`);
    replies.endFrame();
  }
  assertEquals(told, ["cannot tell", '{"message":"one"}', '{"message":"two"}']);
});

Deno.test("of a client whose requests have ids the line is told no such thing", () => {
  const { told, replies } = noted();
  replies.beginFrame(false);
  replies.add('{"id":2,"message":"one"}');
  replies.endFrame();
  assertEquals(told, ['{"id":2,"message":"one"}']);
});

const MOST = Number.MAX_SAFE_INTEGER;
const ERROR = { code: "trimmed", message: '"through":5}', position: 3, floor: 4, last: 5 } as const;
const stored = (seq: number) => ({ seq, time: MOST, body: '"\\"through\\":42}"' });
const streamed = (count: number) =>
  says.streamBody(Array.from({ length: count }, (_, i) => stored(MOST - count + i)), MOST);

for (
  const [what, only, named] of [
    ["a put", says.putAnswer(MOST, 42, false), { answers: MOST, through: 42 }],
    ["a put that is repeated", says.putAnswer(2, 42, true), { answers: 2, through: 42 }],
    ["a list of puts", says.putManyAnswer(2, [42, 43], false), { answers: 2 }],
    ["a message", says.readAnswer(MOST, stored(MOST), MOST), { answers: MOST, through: MOST }],
    ["a large message", `${says.readHead(2, stored(41), 42)}""}`, { answers: 2, through: 42 }],
    ["no message", says.readAnswer(2, undefined, 7), { answers: 2, through: 7 }],
    ["a gap", says.errorAnswer(2, ERROR, 38), { answers: 2, through: 38 }],
    ["an error", says.errorAnswer(2, ERROR), { answers: 2 }],
    ["an error of no id", says.errorAnswer(null, ERROR), {}],
    ["what is done", says.answer(2), { answers: 2 }],
    ["a stream", says.answer(2, { sub: 2, start: 5, through: 4 }), { answers: 2, through: 4 }],
    ["topics", says.answer(2, { topics: [], more: false }), { answers: 2 }],
    ["one streamed message", says.streamFrame(MOST, MOST, streamed(1)), {
      sub: MOST,
      through: MOST - 1,
    }],
    ["several streamed messages", says.streamFrame(2, 1, streamed(2)), {}],
    ["the end of a stream", says.streamError(2, ERROR, 38), { sub: 2, through: 38 }],
    ["an end without a number", says.streamError(2, ERROR), { sub: 2 }],
    ["a heartbeat", says.heartbeat({ heartbeat: 1, time: 2, last: 3, floor: 4 }), {}],
  ] as const
) {
  Deno.test(`who wants to know what comes is told of ${what}, and nothing is parsed for that`, () => {
    const { told, replies } = noted();
    replies.names = true;
    const { parse } = JSON;
    JSON.parse = () => {
      throw new Error("parsed");
    };
    try {
      replies.sendFrame(only, 1234);
    } finally {
      JSON.parse = parse;
    }
    assertEquals(told.map((frame) => parse(frame)), [{ ahead: 1234, ...named }, parse(only)]);
  });
}

Deno.test("of several answers in one frame none is named, and one in an array is", () => {
  for (const [count, named] of [[1, { answers: 0, through: 7 }], [2, {}]] as const) {
    const { told, replies } = noted();
    replies.names = true;
    replies.beginFrame(true);
    for (let id = 0; id < count; id++) replies.addAscii(says.putAnswer(id, 7, false));
    replies.endFrame();
    assertEquals(JSON.parse(told[0]!), { ahead: told[1]!.length - 1, ...named });
  }
});
