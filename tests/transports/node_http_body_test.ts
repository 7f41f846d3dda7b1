import { assertEquals } from "@std/assert";
import { Socket } from "node:net";
import { RequestBody } from "../../transports/node_http_body.ts";

/** A part of this many bytes. */
const part = (bytes: number) => new Uint8Array(bytes).fill(120);

Deno.test("small parts of a body are handed over together, in order with large ones", async () => {
  const body = new RequestBody(new Socket(), () => {});
  for (let i = 0; i < 100; i++) body.add(part(1));
  body.add(part(5000));
  for (let i = 0; i < 3; i++) body.add(part(10));
  body.flush();
  body.add(part(2));
  body.end();
  const lengths: number[] = [];
  for await (const { length } of body.stream) lengths.push(length);
  assertEquals(lengths, [100, 5000, 30, 2]);
});

Deno.test("a body that is not read takes no more than a little, and what comes of one that nobody wants is freed", () => {
  const body = new RequestBody(new Socket(), () => {});
  assertEquals([1, 2].map(() => body.add(part(40_000))), [true, false]);
  body.drop();
  const rest = part(40_000);
  assertEquals([body.add(rest), rest.byteLength], [true, 0]);
  body.add(part(10));
  body.end();
});
