/**
 * The client when something answers that is not dsmq.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, type Connection, DsmqError } from "@dsmq/server";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A WebSocket server that is not ours. */
class ForeignServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #closed: Promise<unknown>[] = [];

  constructor(handlers: { onOpen?(socket: WebSocket): void; onMessage?(socket: WebSocket): void }) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      this.#closed.push(new Promise((resolve) => socket.onclose = resolve));
      socket.onopen = () => handlers.onOpen?.(socket);
      socket.onmessage = () => handlers.onMessage?.(socket);
      return response;
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Resolves only if the client has closed all that it opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    await withTimeout(Promise.all(this.#closed));
    await this.#server.shutdown();
  }
}

async function assertUnreachable(url: string): Promise<void> {
  const connecting = connect(url, { timeout: 500 });
  const error = await assertRejects(() => withTimeout(connecting), DsmqError);
  assertStringIncludes(error.message, url);
  assertEquals(error.code, "unreachable", error.message);
}

Deno.test("a WebSocket server that stays silent is unreachable", async () => {
  await using server = new ForeignServer({});
  const error = await assertRejects(
    () => withTimeout(connect(server.url, { timeout: 50 })),
    DsmqError,
  );
  assertEquals(error.code, "unreachable");
  assertStringIncludes(error.message, server.url);
});

Deno.test("a WebSocket server that disconnects at once is unreachable", async () => {
  await using server = new ForeignServer({ onOpen: (socket) => socket.close() });
  await assertUnreachable(server.url);
});

Deno.test("a server that gives the connection up before it has answered hello is tried again", async () => {
  let opened = 0;
  await using server = new ForeignServer({
    onOpen: () => opened++,
    onMessage: (socket) => socket.close(4408, "given up"),
  });
  const error = await assertRejects(
    () => withTimeout(connect(server.url, { timeout: 300 })),
    DsmqError,
  );
  assertStringIncludes(error.message, "it broke before hello was answered");
  assert(opened > 1, `${opened}`);
});

Deno.test("a WebSocket server that disconnects on hello is unreachable", async () => {
  await using server = new ForeignServer({ onMessage: (socket) => socket.close(1008, "go away") });
  await assertUnreachable(server.url);
});

Deno.test("the cause of the error holds the server's close code and reason", async () => {
  await using server = new ForeignServer({ onMessage: (socket) => socket.close(1008, "go away") });
  const error = await assertRejects(
    () => withTimeout(connect(server.url, { timeout: 2000 })),
    DsmqError,
  );
  assertInstanceOf(error.cause, DsmqError);
  assertStringIncludes(error.cause.message, "1008, go away");
});

const junk: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>> = {
  "text that is not JSON": "hello, world",
  "binary frames": new Uint8Array([1, 2, 3]),
  "JSON that is not an object": "[1,2]",
  "an answer that is not a welcome": '{"id":1}',
  "a welcome of another version": JSON.stringify({ ...WELCOME, id: 1, protocol: 2 }),
};

for (const [name, frame] of Object.entries(junk)) {
  Deno.test(`a WebSocket server that answers hello with junk is unreachable: ${name}`, async () => {
    await using server = new ForeignServer({ onMessage: (socket) => socket.send(frame) });
    await assertUnreachable(server.url);
  });
}

Deno.test("a WebSocket server that sends foreign JSON is unreachable", async () => {
  await using server = new ForeignServer({
    onMessage: (socket) => socket.send('{"type":"welcome","id":"x","sub":"y","bodies":"z"}'),
  });
  await assertUnreachable(server.url);
});

Deno.test("a web server without WebSockets is unreachable", async () => {
  await using web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("a web page"),
  );
  await assertUnreachable(`ws://127.0.0.1:${web.addr.port}`);
});

Deno.test("a port that accepts connections and stays silent is unreachable", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  await assertUnreachable(`ws://127.0.0.1:${listener.addr.port}`);
  using conn = await accepting;
  // The client has disconnected: what it sent comes to an end.
  const buffer = new Uint8Array(4096);
  while (await withTimeout(conn.read(buffer)) !== null);
});

Deno.test("a server that refuses hello is unreachable, and the refusal is the cause", async () => {
  await using server = new ForeignServer({
    onMessage: (socket) =>
      socket.send('{"id":1,"error":{"code":"bad_request","message":"only version 2 here"}}'),
  });
  const error = await assertRejects(
    () => withTimeout(connect(server.url, { timeout: 2000 })),
    DsmqError,
  );
  assertStringIncludes(error.message, "only version 2 here");
});

Deno.test("a foreign server that does not answer the close frame is not waited for", async () => {
  const script = new ScriptedServer({ answersClose: false });
  const connecting = connect(undefined, {
    timeout: 50,
    dial() {
      const socket = script.dial();
      socket.send = () => {};
      return socket;
    },
  });
  assertEquals((await assertRejects(() => withTimeout(connecting), DsmqError)).code, "unreachable");
  assertEquals(script.closeCode, 1000);
  // It disconnects at last, and nothing is left running.
  script.hangUp();
});

const laterJunk: Readonly<Record<string, unknown>> = {
  "text that is not JSON": "what?",
  "a list of numbers": "[1]",
  "an answer to no request": { id: 999, body: "" },
  "an invalid id": { id: null, error: { code: "bad_request", message: "?" } },
  "a stream without a subscriber": { sub: 999, prev: 0, bodies: [] },
  "a stream without messages": { sub: "SUB", prev: 0, bytes: 0, seqs: [], times: [], bodies: [] },
  "a stream with invalid messages": { sub: "SUB", prev: 0, seqs: [1], times: [1], bodies: 5 },
  "a stream of nulls": { sub: "SUB", prev: 0, bytes: 0, seqs: [1], times: [1], bodies: [null] },
  "a stream whose lists differ": { sub: "SUB", prev: 0, seqs: [1, 2], times: [1], bodies: ["m"] },
  "invalid sequence numbers": { id: "PUT", seqs: 5 },
  "an error without a text": { id: "PUT", error: 5 },
};

for (const [name, frame] of Object.entries(laterJunk)) {
  Deno.test(`junk from a server fails calls at most, and never the program: ${name}`, async () => {
    const script = new ScriptedServer();
    await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
    await using stream = mq.subscribe("t", { since: "now" });
    const settled = Promise.allSettled([mq.putMany("t", ["one"]), stream.next()]);
    const [sub, request] = [await script.next(), await script.next()];
    await script.send({ id: sub.id, sub: sub.id, start: 0 });
    const text = typeof frame === "string" ? frame : JSON.stringify(frame);
    // Nothing is thrown into the socket's event handler, where it would end the program.
    try {
      await script.send(text.replace('"SUB"', String(sub.id)).replace('"PUT"', String(request.id)));
    } finally {
      script.hangUp();
      await withTimeout(settled);
    }
  });
}

const calls: Readonly<Record<string, (mq: Connection) => Promise<unknown>>> = {
  put: (mq) => mq.put("t", "one"),
  putMany: (mq) => mq.putMany("t", ["one", "two"]),
  get: (mq) => mq.get("t"),
  getLatest: (mq) => mq.getLatest("t"),
  getWait: (mq) => mq.getWait("t"),
  subscribe: (mq) => mq.subscribe("t").next(),
  topics: (mq) => mq.topics(),
};

for (const [name, call] of Object.entries(calls)) {
  Deno.test(`an answer that does not fit ${name} is an error, never a success, and ends the connection`, async () => {
    const script = new ScriptedServer();
    await using mq = await connect(script.url, { dial: script.dial });
    const refused = assertRejects(() => call(mq), DsmqError);
    const { id } = await script.next();
    await script.send({ id });
    assertEquals((await withTimeout(refused)).code, "protocol_error");
    assertEquals([mq.status, script.dials], ["closed", 1]);
  });
}
