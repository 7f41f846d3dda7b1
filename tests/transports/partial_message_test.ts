import { assertEquals } from "@std/assert";
import { PartialMessage } from "../../transports/partial_message.ts";
import { clientFrame } from "../support/raw_socket.ts";
import { seeded } from "../../testing/seeded.ts";

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

Deno.test("complete frames hold no memory, however they are split", () => {
  const random = seeded(7);
  const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 100_000];
  for (let round = 0; round < 200; round++) {
    const frames = Array.from({ length: 6 }, () => {
      const text = "x".repeat(sizes[random(sizes.length)]!);
      const kind = random(3);
      if (kind === 0) return clientFrame(9, "ping");
      if (kind === 1) return clientFrame(1, text);
      return concat(
        clientFrame(1, text, { final: false }),
        clientFrame(10, ""),
        clientFrame(0, "", { final: false }),
        clientFrame(0, "end"),
      );
    });
    const bytes = concat(...frames);
    const scan = new PartialMessage();
    for (let at = 0; at < bytes.length;) {
      const length = random(3) === 0 ? 1 : 1 + random(70_000);
      scan.scan(bytes.subarray(at, at + length));
      at += length;
    }
    assertEquals(scan.held, 0);
  }
});

Deno.test("a partial frame is held until it is complete", () => {
  const scan = new PartialMessage();
  const frame = clientFrame(1, "x".repeat(100_000));
  scan.scan(concat(clientFrame(1, "before"), frame.subarray(0, 60_000)));
  assertEquals(scan.held, 60_000 + 512);
  scan.scan(frame.subarray(60_000, 90_000));
  assertEquals(scan.held, 90_000 + 2 * 512);
  scan.scan(concat(frame.subarray(90_000), clientFrame(1, "after")));
  assertEquals(scan.held, 0);
});

Deno.test("each piece of a message takes more than its bytes, whether it is a fragment or a packet", () => {
  const pieces = new PartialMessage();
  pieces.scan(clientFrame(1, "x", { final: false }));
  for (let i = 0; i < 1000; i++) pieces.scan(clientFrame(0, "x", { final: false }));
  assertEquals(pieces.held > 1000 * 512, true);
  pieces.scan(clientFrame(0, ""));
  assertEquals(pieces.held, 0);
  const packets = new PartialMessage();
  const frame = clientFrame(1, "x".repeat(1000));
  for (const byte of frame.subarray(0, 1000)) packets.scan(Uint8Array.of(byte));
  assertEquals(packets.held, 1000 * 513);
});

Deno.test("a ping between the fragments of a message does not hide them", () => {
  const scan = new PartialMessage();
  scan.scan(clientFrame(1, "x".repeat(10_000), { final: false }));
  scan.scan(clientFrame(9, ""));
  assertEquals(scan.held >= 10_000, true);
});

Deno.test("each byte of many complete frames is scanned once", () => {
  const frames = concat(...Array.from({ length: 10_000 }, () => clientFrame(1, "")));
  let reads = 0;
  const counted = new Proxy(frames, {
    get(target, name) {
      if (typeof name === "string" && /^\d+$/.test(name)) reads++;
      return Reflect.get(target, name, target);
    },
  });
  new PartialMessage().scan(counted);
  assertEquals(reads, 2 * 10_000);
});
