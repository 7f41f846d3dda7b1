/**
 * A start whose signal aborts, at each of its stages: it rejects with the reason of the signal, and leaves nothing open.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import { connect, createHandler, DsmqError, serve, type ServeOptions } from "@dsmq/server";
import { SECRET } from "../auth/jwt_support.ts";
import { FileFolder } from "../support/file_folder.ts";
import { quiet } from "../support/open_server.ts";
import { freePort } from "../support/free_port.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** What a start does in the end. */
type Start = (options: ServeOptions) => Promise<{ readonly finished: Promise<void> }>;

const handler: Start = async ({ port: _, transport: _t, cert: _c, key: _k, ...options }) => {
  const handler = createHandler(options);
  await handler.ready;
  return handler;
};

/** The clock of the machine, which calls a function each time it is used. */
function watchedClock(onUse: () => void) {
  return {
    now: () => (onUse(), Date.now()),
    monotonic: () => (onUse(), performance.now()),
    after(ms: number, callback: () => void) {
      onUse();
      const timer = setTimeout(callback, ms);
      Deno.unrefTimer(timer);
      return () => clearTimeout(timer);
    },
  };
}

/** Aborts at the n-th use of the clock. */
function atUse(n: number, abort: () => void): ServeOptions {
  let uses = 0;
  return { clock: watchedClock(() => ++uses === n && abort()) };
}

/** Aborts after so many turns of the event loop, the first time at once. */
function afterTurns(n: number, abort: () => void): ServeOptions {
  const next = (left: number) => left === 0 ? abort() : void setImmediate(() => next(left - 1));
  queueMicrotask(() => next(n - 1));
  return {};
}

const [cert, key] = await Promise.all(
  ["cert", "key"].map((name) => Deno.readTextFile(`tests/fixtures/localhost_${name}.pem`)),
);

const STARTS: readonly (readonly [string, Start, ServeOptions])[] = [
  ["serve", serve, {}],
  ["serve with hardened", serve, { transport: "hardened" }],
  ["serve with TLS", serve, { cert: cert!, key: key! }],
  ["serve with hardened and TLS", serve, { transport: "hardened", cert: cert!, key: key! }],
  ["serve with auth.jwt", serve, { auth: { jwt: { secret: SECRET } } }],
  ["createHandler", handler, {}],
];

for (const kind of ["memory", "file"] as const) {
  for (const [name, start, options] of STARTS) {
    Deno.test(`${name} (${kind}) rejects with the reason of a signal that aborts while it starts, and leaves nothing open`, async () => {
      using folder = new FileFolder();
      const store: ServeOptions = kind === "file" ? { store: `sqlite:${folder.path}` } : {};
      const port = freePort();
      for (const after of [atUse, afterTurns]) {
        let aborted = 0;
        // The first one that has started before is the last.
        for (let n = 1, started = false; !started; n++) {
          const controller = new AbortController();
          const reason = new Error(`stop ${n}`);
          const { signal } = controller;
          const more = { ...store, ...options, ...after(n, () => controller.abort(reason)) };
          const starting = start({ port, signal, log: quiet, ...more });
          try {
            const { finished } = await withTimeout(starting, 10_000);
            started = !signal.aborted;
            controller.abort();
            await withTimeout(finished);
          } catch (error) {
            assert(error === reason, `${after.name} ${n}: ${error}`);
            aborted++;
          }
          // The port and the lock of the file are free at once.
          Deno.listen({ port, hostname: "127.0.0.1" }).close();
          if (kind === "file") await folder.open()[Symbol.asyncDispose]();
        }
        assert(aborted > 0, `${after.name} never aborted a start`);
      }
    });
  }
}

Deno.test("a start that is aborted while it listens rejects once its port and its file are free", async () => {
  using folder = new FileFolder();
  const { serve: open } = Deno;
  const store = `sqlite:${folder.path}` as const;
  for (const tls of [{}, { cert: cert!, key: key! }]) {
    const controller = new AbortController();
    const port = freePort();
    // deno-lint-ignore no-explicit-any -- one of many forms
    Deno.serve = (...args: any[]) => {
      // deno-lint-ignore no-explicit-any
      const server = (open as any)(...args);
      controller.abort();
      return server;
    };
    try {
      const starting = serve({ port, store, signal: controller.signal, log: quiet, ...tls });
      const error = await starting.then(() => "started", (error) => error);
      assert(error === controller.signal.reason, `${error}`);
    } finally {
      Deno.serve = open;
    }
    Deno.listen({ port, hostname: "127.0.0.1" }).close();
    await folder.open()[Symbol.asyncDispose]();
  }
});

Deno.test("a start that has been aborted touches no file and opens no port", async () => {
  using folder = new FileFolder();
  const store = `sqlite:${folder.path}` as const;
  for (const start of [serve, handler] as const) {
    const controller = new AbortController();
    const { signal } = controller;
    const starting = start({ port: 0, store, engine: "node:sqlite", signal, log: quiet });
    controller.abort();
    assert(await starting.catch((error) => error) === signal.reason);
    assertEquals(folder.names(), []);
  }
  const { serve: open } = Deno;
  let late = false;
  try {
    for (let n = 1, started = false; !started; n++) {
      const controller = new AbortController();
      const { signal } = controller;
      // deno-lint-ignore no-explicit-any -- one of many forms
      Deno.serve = (...args: any[]) => {
        late ||= signal.aborted;
        // deno-lint-ignore no-explicit-any
        return (open as any)(...args);
      };
      const clock = atUse(n, () => controller.abort());
      const error = await serve({ port: 0, signal, log: quiet, ...clock }).catch((error) => error);
      started = !signal.aborted;
      controller.abort();
      if (started) await error.finished;
      else assert(error === signal.reason);
      assert(!late, `a port was opened, though the signal had aborted at use ${n} of the clock`);
    }
  } finally {
    Deno.serve = open;
  }
});

Deno.test("the reason of a signal stays what it is, also if it looks like an error of ours", async () => {
  for (const reason of [new DsmqError("full", "mine"), "a text", undefined]) {
    for (const start of [serve, handler] as const) {
      const controller = new AbortController();
      const starting = start({ port: 0, signal: controller.signal, log: quiet });
      controller.abort(reason);
      const { reason: expected } = controller.signal;
      assert(await starting.then(() => "started", (error) => error) === expected);
    }
    const controller = new AbortController();
    const connecting = connect("ws://127.0.0.1:1", { signal: controller.signal });
    controller.abort(reason);
    const error = await connecting.then(() => "connected", (error) => error);
    assert(error === controller.signal.reason, `${error}`);
  }
});

Deno.test("a start that fails for itself says why, also if it has a signal", async () => {
  const port = freePort();
  using _taken = Deno.listen({ port, hostname: "127.0.0.1" });
  const { signal } = new AbortController();
  const error = await serve({ port, signal, log: quiet }).catch((error) => error);
  assertEquals(error.code, "address_in_use");
});
