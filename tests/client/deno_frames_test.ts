/**
 * Frames of RFC 6455, as the client for Deno writes and reads them.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  FrameError,
  FrameReader,
  MessageReader,
  OPCODE,
  type WebSocketFrame,
} from "../../client/deno/frame_reader.ts";
import { FrameWriter } from "../../client/deno/frame_writer.ts";
import { clientFrames, serverFrame } from "../support/ws_peer.ts";

const bytes = new TextEncoder();

/** Text of any kind, with lengths around those at which a header changes its size. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
  fc.tuple(
    fc.constantFrom(40, 62, 63, 120, 125, 126, 127, 21_845, 32_768),
    fc.constantFrom("m", "ä", "€"),
  )
    .map(([length, letter]) => letter.repeat(length)),
  fc.constantFrom(65_535, 65_536, 70_000, 300_000).map((length) => "m".repeat(length)),
);

Deno.test("what is written is read by the other end, byte for byte, masked with another key each time", () => {
  const writer = new FrameWriter();
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (texts) => {
      for (const one of texts) writer.text(one);
      const { frames, rest } = clientFrames(writer.take());
      assertEquals(rest.length, 0);
      assertEquals(frames.map(({ final, opcode }) => [final, opcode]), texts.map(() => [true, 1]));
      texts.forEach((one, i) => assertEquals(frames[i]!.payload, bytes.encode(one)));
      assert(!writer.hasData);
    }),
    { numRuns: 200 },
  );
  const keys = new Set(Array.from({ length: 100 }, () => {
    writer.text("m");
    return writer.take().slice(2, 6).join();
  }));
  assert(keys.size > 95, `${keys.size} keys`);
});

Deno.test("frames that were taken stay valid while more are written", () => {
  const writer = new FrameWriter();
  writer.text("one");
  const taken = writer.take();
  const before = taken.slice();
  for (let i = 0; i < 1000; i++) writer.text("more");
  assertEquals(taken, before);
  assertEquals(clientFrames(writer.take()).frames.length, 1000);
});

Deno.test("frames are read however they are split", () => {
  const frame = fc.oneof(
    fc.tuple(fc.constantFrom(1, 2, 0), text, fc.boolean()),
    fc.tuple(fc.constantFrom(8, 9, 10), fc.string({ maxLength: 30 }), fc.constant(true)),
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), cuts, (frames, cuts) => {
      const sent = frames.map(([opcode, payload, final]) =>
        serverFrame(opcode, payload, { final })
      );
      const read = readAll(new Uint8Array(sent.flatMap((one) => [...one])), cuts);
      assertEquals(
        read,
        frames.map(([opcode, payload, final]) => ({
          opcode,
          final,
          payload: bytes.encode(payload),
        })),
      );
    }),
    { numRuns: 60 },
  );
});

/** Feeds bytes to a reader in pieces, and takes out what is complete after each. */
function readAll(all: Uint8Array, cuts: readonly number[]): WebSocketFrame[] {
  const reader = new FrameReader();
  const read: WebSocketFrame[] = [];
  for (let at = 0, i = 0; at < all.length; i++) {
    const space = reader.freeSpace();
    assert(space.length > 0);
    const piece = all.subarray(at, at + Math.min(space.length, cuts[i % cuts.length]!));
    space.set(piece);
    reader.advance(piece.length);
    at += piece.length;
    for (let frame; (frame = reader.next());) {
      read.push({ ...frame, payload: frame.payload.slice() });
    }
  }
  return read;
}

const LENGTH_64 = (length: number) =>
  new Uint8Array([
    0x82,
    127,
    ...new Uint8Array(new BigUint64Array([BigInt(length)]).buffer).reverse(),
  ]);

for (
  const [fault, frame, code] of [
    ["with reserved bits", serverFrame(1, "m", { reserved: 0x40 }), 1002],
    ["that is masked", serverFrame(1, "m", { masked: true }), 1002],
    ["of an unknown kind", serverFrame(3, "m"), 1002],
    ["of an unknown control kind", serverFrame(11, "m"), 1002],
    ["of control whose payload is too long", serverFrame(9, "m".repeat(126)), 1002],
    ["of control in parts", serverFrame(9, "m", { final: false }), 1002],
    ["of more than 64 MiB", LENGTH_64(64 * 1024 * 1024 + 1), 1009],
    ["of more bytes than a number can hold", LENGTH_64(Number.MAX_SAFE_INTEGER), 1009],
  ] as const
) {
  Deno.test(`a frame ${fault} is refused with ${code}`, () => {
    const error = assertThrows(() => readAll(frame, [1000]), FrameError);
    assertEquals(error.code, code);
  });
}

Deno.test("a message is assembled from its fragments", () => {
  const messages = new MessageReader();
  const take = (opcode: number, final: boolean, ...payload: number[]) =>
    messages.take({ opcode, final, payload: new Uint8Array(payload) });
  for (let time = 0; time < 2; time++) {
    // A letter of three bytes, cut in the middle.
    assertEquals(take(OPCODE.text, false, 0x61, 0xe2), undefined);
    assertEquals(take(OPCODE.continuation, false), undefined);
    assertEquals(take(OPCODE.continuation, true, 0x82, 0xac), "a€");
  }
  assertEquals(take(OPCODE.binary, true, 1, 2), new Uint8Array([1, 2]).buffer);
  assertEquals(take(OPCODE.text, true), "");
});

Deno.test("text is read exactly: a byte order mark at its beginning, and replacement characters", () => {
  const messages = new MessageReader();
  for (const text of ["\ufeffmark", "\ufffd", "a\ufffd\ufeff", "\u0000\u{10ffff}"]) {
    const payload = new TextEncoder().encode(text);
    assertEquals(messages.take({ opcode: OPCODE.text, final: true, payload }), text);
  }
  // Next to invalid bytes, it does not hide them.
  for (const bytes of [[0xef, 0xbf, 0xbd, 0xc3], [0x61, 0xc3], [0x61, 0xff, 0x61]]) {
    const payload = new Uint8Array(bytes);
    const take = () => messages.take({ opcode: OPCODE.text, final: true, payload });
    assertEquals(assertThrows(take, FrameError).code, 1007);
  }
});

Deno.test("fragments that do not belong together, are too large or not UTF-8 are refused", () => {
  const part = (opcode: number, final: boolean, payload = new Uint8Array([0x6d])) => ({
    ...{ opcode, final, payload },
  });
  const half = new Uint8Array(32 * 1024 * 1024 + 1);
  for (
    const [frames, code] of [
      [[part(OPCODE.continuation, true)], 1002],
      [[part(OPCODE.text, false), part(OPCODE.text, true)], 1002],
      [
        [
          part(OPCODE.text, false),
          part(OPCODE.continuation, true),
          part(OPCODE.continuation, true),
        ],
        1002,
      ],
      [[part(OPCODE.binary, false, half), part(OPCODE.continuation, false, half)], 1009],
      [[part(OPCODE.text, true, new Uint8Array([0xff]))], 1007],
      [[part(OPCODE.text, false, new Uint8Array([0xe2])), part(OPCODE.continuation, true)], 1007],
    ] as const
  ) {
    const messages = new MessageReader();
    const error = assertThrows(() => frames.forEach((frame) => messages.take(frame)), FrameError);
    assertEquals(error.code, code);
  }
});
