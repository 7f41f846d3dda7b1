/**
 * What the writer of replies reports to the connection's peer.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import * as encode from "../../protocol/encode_replies.ts";
import { ReplyWriter } from "../../connection/reply_writer.ts";

/** A peer that records what it is told. */
function recordingWriter() {
  const sent: string[] = [];
  const wire = {
    send: (frame: string) => void sent.push(frame),
    cannotConfirmReads: () => void sent.push("cannot tell"),
  };
  return { sent, replies: new ReplyWriter(wire) };
}

Deno.test("a client of dsmq 1.x cannot confirm that it has read, and the peer is told so once", () => {
  const { sent, replies } = recordingWriter();
  for (const message of ["one", "two"]) {
    replies.beginFrame(false);
    replies.addLegacy(`{"message":"${message}"}`);
    replies.endFrame();
  }
  assertEquals(sent, ["cannot tell", '{"message":"one"}', '{"message":"two"}']);
});

Deno.test("for a client whose requests have ids the peer is not told so", () => {
  const { sent, replies } = recordingWriter();
  replies.beginFrame(false);
  replies.add('{"id":2,"body":"one"}');
  replies.endFrame();
  assertEquals(sent, ['{"id":2,"body":"one"}']);
});

const MAX = Number.MAX_SAFE_INTEGER;
const ERROR = { code: "trimmed", message: '"through":5}', after: 3, floor: 4, last: 5 } as const;
const stored = (seq: number) => ({ seq, time: MAX, body: '"\\"through\\":42}"' });
const streamed = (count: number) =>
  encode.streamBody(Array.from({ length: count }, (_, i) => stored(MAX - count + i)), MAX);

for (
  const [what, only, named] of [
    ["a put", encode.putReply(MAX, 42, false), { answers: MAX, through: 42 }],
    ["a repeated put", encode.putReply(2, 42, true), { answers: 2, through: 42 }],
    ["a list of puts", encode.putManyReply(2, [42, 43], false), { answers: 2 }],
    ["a message", encode.readReply(MAX, stored(MAX), MAX), { answers: MAX, through: MAX }],
    ["a large message", `${encode.readReplyHead(2, stored(41), 42)}""}`, {
      answers: 2,
      through: 42,
    }],
    ["no message", encode.readReply(2, undefined, 7), { answers: 2, through: 7 }],
    ["a gap", encode.errorReply(2, ERROR, 38), { answers: 2, through: 38 }],
    ["an error", encode.errorReply(2, ERROR), { answers: 2 }],
    ["an error without an id", encode.errorReply(null, ERROR), {}],
    ["a success", encode.successReply(2), { answers: 2 }],
    ["a stream", encode.successReply(2, { sub: 2, start: 5, through: 4 }), {
      answers: 2,
      through: 4,
    }],
    ["topics", encode.successReply(2, { topics: [], more: false }), { answers: 2 }],
    ["one streamed message", encode.streamFrameHead(MAX, MAX) + streamed(1), {
      sub: MAX,
      through: MAX - 1,
    }],
    ["several streamed messages", encode.streamFrameHead(2, 1) + streamed(2), {}],
    ["the end of a stream", encode.streamError(2, ERROR, 38), { sub: 2, through: 38 }],
    ["an end without a number", encode.streamError(2, ERROR), { sub: 2 }],
    ["a heartbeat", encode.heartbeatFrame({ heartbeat: 1, time: 2, last: 3, floor: 4 }), {}],
  ] as const
) {
  Deno.test(`a client that wants announcements is told of ${what}, without any parsing`, () => {
    const { sent, replies } = recordingWriter();
    replies.announcesFrames = true;
    const { parse } = JSON;
    JSON.parse = () => {
      throw new Error("parsed");
    };
    try {
      replies.sendFrame(only, 1234);
    } finally {
      JSON.parse = parse;
    }
    assertEquals(sent.map((frame) => parse(frame)), [{ ahead: 1234, ...named }, parse(only)]);
  });
}

Deno.test("several answers in one frame are not announced by id, and one in an array is", () => {
  for (const [count, named] of [[1, { answers: 0, through: 7 }], [2, {}]] as const) {
    const { sent, replies } = recordingWriter();
    replies.announcesFrames = true;
    replies.beginFrame(true);
    for (let id = 0; id < count; id++) replies.addAscii(encode.putReply(id, 7, false));
    replies.endFrame();
    assertEquals(JSON.parse(sent[0]!), { ahead: sent[1]!.length - 1, ...named });
  }
});
