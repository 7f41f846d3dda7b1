/**
 * A `connect` that is aborted, or that fails, leaves nothing behind: no socket, no timer, no listener.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { DenoSocket } from "../../client/deno/deno_socket.ts";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";

const pass = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A port that accepts connections, sends what it is told to, and notices the end of each. */
class AcceptingServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly ends: Promise<void>[] = [];
  readonly #done: Promise<void>;
  /** Called with the port of each client. */
  #onAccepted: (port: number) => void = () => {};

  constructor(greeting?: string) {
    this.#done = this.#serve(greeting);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#listener.addr.port}`;
  }

  async #serve(greeting: string | undefined): Promise<void> {
    for await (const conn of this.#listener) {
      this.ends.push(this.#hold(conn, greeting));
      this.#onAccepted((conn.remoteAddr as Deno.NetAddr).port);
    }
  }

  async #hold(conn: Deno.Conn, greeting: string | undefined): Promise<void> {
    using _ = conn;
    const buffer = new Uint8Array(1024);
    try {
      if (greeting !== undefined) await conn.write(new TextEncoder().encode(greeting));
      while (await conn.read(buffer) !== null);
    } catch {
      // A reset is an end, too.
    }
  }

  /** Resolves once no connection is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    // An aborted one may still be on its way in: those that came before this one are accepted before it.
    const { port } = this.#listener.addr;
    const last = await Deno.connect({ hostname: "127.0.0.1", port });
    await new Promise<void>((resolve) => {
      const ours = (last.localAddr as Deno.NetAddr).port;
      this.#onAccepted = (port) => port === ours && resolve();
    });
    last.close();
    this.#listener.close();
    await this.#done;
    await withTimeout(Promise.all(this.ends));
  }
}

/** A signal whose listeners can be counted. */
function counted() {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      listeners++;
      return addEventListener.apply(signal, args);
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      listeners--;
      return removeEventListener.apply(signal, args);
    },
  });
  return { controller, signal, listeners: () => listeners };
}

Deno.test("a connect that is aborted at any time leaves no socket behind", async () => {
  await using server = new AcceptingServer();
  let aborted = 0;
  for (let i = 0; i < 400; i++) {
    const controller = new AbortController();
    const connecting = connect(server.url, { signal: controller.signal });
    setTimeout(() => controller.abort(), Math.random() * 1.5);
    await connecting.catch(() => aborted++);
  }
  assertEquals(aborted, 400);
  assert(server.ends.length > 0);
});

Deno.test("a connection that is established at the moment of the abort is closed", async () => {
  // As Deno does it: an abort that the system does not know of gives an error, and nobody gets the connection.
  let closed = 0;
  const accepted = Promise.withResolvers<void>();
  const socket = new DenoSocket(
    {
      async connect({ signal }) {
        try {
          await accepted.promise;
          return {
            read: () => Promise.resolve(null),
            write: (bytes) => Promise.resolve(bytes.length),
            close: () => closed++,
            setNoDelay() {},
          };
        } finally {
          signal.throwIfAborted();
        }
      },
      startTls: () => Promise.reject(new Error("no TLS here")),
    },
    "ws://127.0.0.1:1",
    [],
  );
  accepted.resolve();
  socket.close();
  await pass(0);
  assertEquals(closed, 1);
});

Deno.test("a connect that times out in the middle of the handshake leaves no socket behind", async () => {
  await using server = new AcceptingServer();
  await assertRejects(() => connect(server.url, { timeout: 100 }), Error, "not answered");
  assertEquals(server.ends.length, 1);
});

Deno.test("a refused connect leaves no socket behind, nor do the redirects that led to it", async () => {
  for (
    const reply of [
      "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 403 No\r\n\r\n",
      "HTTP/1.1 302 On\r\nLocation: /\r\n\r\n",
      "SSH-2.0-x\r\n",
    ]
  ) {
    await using server = new AcceptingServer(reply);
    await assertRejects(() => connect(server.url), Error);
    assert(server.ends.length > 0);
  }
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a connect that is aborted frees its place at the server: ${transport}`, async () => {
    await using server = await openServer({ transport });
    for (const dial of [undefined, (url: string, ps: string[]) => new WebSocket(url, ps)]) {
      for (let i = 0; i < 40; i++) {
        const controller = new AbortController();
        const connecting = connect(server.url, {
          signal: controller.signal,
          ...(dial && { dial }),
        });
        setTimeout(() => controller.abort(), Math.random() * 4);
        await connecting.then((mq) => mq.close(), () => {});
      }
    }
    await withTimeout((async () => {
      while (server.stats().connections > 0) await pass(5);
    })());
  });

  Deno.test(`a client that is closed while it reconnects leaves nothing behind: ${transport}`, async () => {
    const server = await openServer({ transport });
    const mq = await connect(server.url, { reconnect: { minDelay: 1, maxDelay: 2 } });
    const { port } = server;
    await server.shutdown();
    await using _late = await openServer({ transport, port });
    await withTimeout(mq.close());
    assertEquals(mq.status, "closed");
    await withTimeout((async () => {
      while (_late.stats().connections > 0) await pass(5);
    })());
  });
}

Deno.test("the caller's signal has no listener left, however connect ended", async () => {
  const script = new ScriptedServer();
  const done = counted();
  await using _mq = await connect(script.url, { dial: script.dial, signal: done.signal });
  assertEquals(done.listeners(), 0);
  const failed = counted();
  await assertRejects(
    () => connect("ws://127.0.0.1:1", { signal: failed.signal, timeout: 50 }),
    Error,
  );
  assertEquals(failed.listeners(), 0);
  const aborted = counted();
  const connecting = connect("ws://127.0.0.1:1", { signal: aborted.signal });
  aborted.controller.abort();
  await assertRejects(() => connecting, DOMException);
  assertEquals(aborted.listeners(), 0);
});

Deno.test("a dialled socket is closed when connect is aborted, open or not", () =>
  inVirtualTime(async () => {
    for (const opens of [false, true]) {
      const script = new ScriptedServer();
      const controller = new AbortController();
      let closed = 0;
      const dial = () => {
        const socket = script.dial();
        const close = socket.close.bind(socket);
        socket.send = () => {};
        socket.close = (code) => (closed++, close(code));
        return socket;
      };
      const connecting = connect(undefined, { dial, signal: controller.signal });
      const settled = assertRejects(() => connecting, DOMException);
      if (opens) await pass(1);
      controller.abort();
      await settled;
      assert(closed > 0);
    }
  }));

Deno.test("a socket of the caller's own that throws on close ends no program", async () => {
  const script = new ScriptedServer();
  const dial = () =>
    Object.assign(script.dial(), {
      close() {
        throw new Error("it does not close");
      },
    });
  script.stuck = true;
  const error = await assertRejects(
    () => withTimeout(connect(undefined, { dial, timeout: 20 })),
    DsmqError,
  );
  assertEquals(error.code, "unreachable");
  script.stuck = false;
  const mq = await connect(undefined, { dial, reconnect: false });
  const put = assertRejects(() => mq.put("t", "m"), DsmqError);
  await script.send("junk");
  assertEquals((await withTimeout(put)).code, "protocol_error");
  await withTimeout(mq.close());
});
