import { assertEquals } from "@std/assert";
import { Socket } from "node:net";
import { RequestBody } from "../../transports/node_http_body.ts";
import { BoundedRequest, currentRequest } from "../../transports/node_http_request.ts";

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

Deno.test("what comes of a body whose reader has cancelled it is freed, and more may come", async () => {
  const body = new RequestBody(new Socket(), () => {});
  body.add(part(70_000));
  await body.stream.cancel();
  const rest = part(70_000);
  assertEquals([body.add(rest), rest.byteLength], [true, 0]);
});

Deno.test("a body that is wanted or dropped lets its connection go on, unless that waits for responses to be read", async () => {
  for (const isHeldBack of [false, true]) {
    let resumed = 0;
    const socket = {
      ...{ _paused: isHeldBack, readable: true },
      isPaused: () => true,
      resume: () => resumed++,
    };
    const open = () => new RequestBody(socket as unknown as Socket, () => {});
    open().drop();
    await open().stream.cancel();
    void open().stream.getReader().read();
    await Promise.resolve();
    assertEquals(resumed, isHeldBack ? 0 : 3);
  }
});

Deno.test("what comes of a request whose body nobody has asked for is counted and freed, also once it is answered", () => {
  const socket = new Socket();
  const request = new BoundedRequest(socket);
  request.rawHeaders = ["Content-Length", "100000"];
  assertEquals(request.bytesLeft, 100_000);
  for (const left of [60_000, 20_000]) {
    const some = part(40_000);
    request.push(some);
    assertEquals([request.bytesLeft, some.byteLength], [left, 0]);
    // As Node does at the end of the response. It would push nothing more.
    request._dump();
    assertEquals((request as { readonly _dumped?: boolean })._dumped ?? false, false);
  }
  socket.destroy();
});

Deno.test("a request is that of its connection until all of it has come, and is not kept any longer", () => {
  const socket = new Socket();
  assertEquals(currentRequest(socket), undefined);
  const request = new BoundedRequest(socket);
  assertEquals(currentRequest(socket), request);
  request.push(null);
  assertEquals(currentRequest(socket), undefined);
  socket.destroy();
});
