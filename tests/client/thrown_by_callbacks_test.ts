/**
 * Functions of the caller may throw anything, also what has no text: it ends what it must, and never the program.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, DsmqError, isDsmqError } from "@dsmq/server";
import type { Socket } from "../../client.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { connected, functionSchema } from "../support/typed_topics.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** What can be thrown, and how a sentence shows it. */
const THROWN: readonly (readonly [thrown: unknown, text: string])[] = [
  [Object.create(null), "an object"],
  [Symbol("odd"), "Symbol(odd)"],
  [undefined, "undefined"],
  [null, "null"],
  ["a text", "a text"],
  [
    {
      toString() {
        throw new Error("no text");
      },
    },
    "an object",
  ],
  [
    new Proxy({}, {
      get() {
        throw new Error("no text");
      },
    }),
    "an object",
  ],
];

const thrower = (thrown: unknown) => () => {
  throw thrown;
};

const rejectingLater = (thrown: unknown) => async () => {
  await pass(1);
  throw thrown;
};

const reconnect = { minDelay: 0, maxDelay: 0 };

for (const [thrown, text] of THROWN) {
  Deno.test(`onRetry and dial that throw ${text} while reconnecting, and onRetry that rejects with it, end the connection, which says so`, async () => {
    for (const what of ["onRetry", "dial", "onRetry rejects"]) {
      const server = new ScriptedServer();
      let throws = false;
      const mq = await connect(server.url, {
        dial: () => what === "dial" && throws ? thrower(thrown)() : server.dial(),
        onRetry: () => {
          if (!throws || what === "dial") return;
          return what === "onRetry" ? thrower(thrown)() : Promise.reject(thrown);
        },
        reconnect,
      });
      const waiting = mq.getWait("t", { timeout: Infinity }).catch((error) => error);
      throws = server.unreachable = true;
      server.hangUp();
      const { code, error } = await withTimeout(mq.closed);
      assertEquals([code, error?.code], ["closed", "closed"]);
      assert(error!.message.endsWith(`; ${text}`), error!.message);
      assert(isDsmqError(await withTimeout(waiting), "closed"));
      await mq.close();
    }
  });

  Deno.test(`a token function that throws ${text} while reconnecting is asked again until the time is over`, async () => {
    await inVirtualTime(async () => {
      const server = new ScriptedServer();
      let asked = 0;
      const token = () => ++asked === 1 ? "good" : Promise.reject(thrown);
      const mq = await connect(server.url, {
        dial: server.dial,
        token,
        reconnect: { ...reconnect, timeout: 1000 },
      });
      server.hangUp();
      const { code, reason } = await mq.closed;
      assertEquals([code, asked > 2], ["closed", true]);
      assert(reason.includes(`and it failed: ${text}`), reason);
    });
  });

  Deno.test(`a validator, onInvalid and onGap that throw ${text} reach their caller, and the connection goes on`, async () => {
    await using context = await connected();
    const { mq } = context;
    await mq.put("t", "1");
    for (
      const schema of [
        functionSchema(thrower(thrown)),
        functionSchema(async () => await thrower(thrown)()),
      ]
    ) {
      const error = await withTimeout(mq.topic("t", schema).put(as(1))).catch((error) => error);
      assert(isDsmqError(error, "invalid_value"), `${text}`);
      assertEquals([error.cause, error.issues[0]?.message], [
        thrown,
        `the schema failed: ${text}`,
      ]);
      for (const onInvalid of [thrower(thrown), () => Promise.reject(thrown)]) {
        await using stream = mq.topic("t", schema).subscribe({ since: "start", onInvalid });
        const outcome = await withTimeout(Promise.allSettled([stream.next()]));
        assertEquals(outcome, [{ status: "rejected", reason: thrown }]);
      }
    }
    await mq.purge("t");
    await using gapped = mq.subscribe("t", { since: 0, onGap: thrower(thrown) });
    const [outcome] = await withTimeout(Promise.allSettled([gapped.next()]));
    const { reason } = outcome as PromiseRejectedResult;
    if (thrown === undefined || thrown === null) {
      assertEquals([reason.constructor, reason.message], [
        TypeError,
        `Cannot read on: onGap threw ${thrown}`,
      ]);
    } else assertEquals(reason, thrown);
    assertEquals([mq.status, await mq.put("t", "2")], ["connected", 2]);
  });

  Deno.test(`onRetry that throws ${text}, or rejects with it, before the first connection rejects connect with that`, async () => {
    for (const onRetry of [thrower(thrown), () => Promise.reject(thrown), rejectingLater(thrown)]) {
      const server = new ScriptedServer();
      server.unreachable = true;
      const connecting = connect(server.url, { dial: server.dial, onRetry });
      const outcome = await withTimeout(Promise.allSettled([connecting]));
      assertEquals(outcome, [as({ status: "rejected", reason: thrown })]);
      assert(!(thrown instanceof DsmqError));
    }
  });

  Deno.test(`what is not waited for may reject with ${text}, and nothing comes of it`, async () => {
    const server = new ScriptedServer();
    const dial = () => as(Promise.reject(thrown));
    const error = await connect(server.url, { dial: as(dial) }).catch((error) => error);
    assert(error.message.endsWith("dial must return a WebSocket, got a promise"), error.message);
    // The connection is there by the time at which onRetry rejects.
    await inVirtualTime(async () => {
      server.unreachable = true;
      const connecting = connect(server.url, {
        dial: server.dial,
        onRetry: async () => {
          server.unreachable = false;
          await pass(60_000);
          throw thrown;
        },
      });
      await using mq = await connecting;
      await pass(70_000);
      assertEquals([mq.status, server.dials], ["connected", 2]);
    });
    // Of two addresses, the second ends connecting.
    const both = [() => Promise.reject(thrown), thrower("the second")];
    server.unreachable = true;
    const failed = connect([server.url, "ws://127.0.0.2"], {
      dial: server.dial,
      onRetry: () => both.shift()!(),
    });
    assertEquals(await withTimeout(failed.catch((error) => error)), "the second");
    await using context = await connected();
    const { mq } = context;
    await mq.put("t", "no JSON");
    const held = Promise.withResolvers<void>();
    const called = Promise.withResolvers<void>();
    const onInvalid = async () => {
      called.resolve();
      await held.promise;
      throw thrown;
    };
    const stream = mq.topic("t").subscribe({ since: "start", onInvalid });
    const next = stream.next();
    await called.promise;
    await stream.return!();
    held.resolve();
    assertEquals(await withTimeout(next), { done: true, value: undefined });
    await mq.purge("t");
    const onGap = () => as(Promise.reject(thrown));
    const gapped = mq.subscribe("t", { since: 0, onGap: as(onGap) });
    const [outcome] = await withTimeout(Promise.allSettled([gapped.next()]));
    const { message } = (outcome as PromiseRejectedResult).reason;
    assert(message.endsWith("at once, got a promise"), message);
  });
}

Deno.test("a promise of onRetry that never ends holds up neither connecting nor the end of it", async () => {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    server.unreachable = true;
    let called = 0;
    const onRetry = () => {
      called++;
      return new Promise(() => {});
    };
    const failing = connect(server.url, { dial: server.dial, onRetry, timeout: 1000 });
    const error = await failing.catch((error) => error);
    assert(isDsmqError(error, "unreachable") && called > 3, `${error} after ${called}`);
    server.unreachable = false;
    await using mq = await connect(server.url, { dial: server.dial, onRetry, reconnect });
    server.unreachable = true;
    const before = called;
    server.hangUp();
    while (called < before + 5) await pass(1);
    server.unreachable = false;
    while (mq.status !== "connected") await pass(1);
  });
});

Deno.test("a socket that a promise of dial brings is closed, and an error of it harms nobody", async () => {
  for (const isOpen of [false, true]) {
    const closed = Promise.withResolvers<Socket>();
    const socket: Socket = {
      ...new ScriptedServer().dial(),
      close() {
        closed.resolve(this);
      },
    };
    const dial = async () => {
      if (isOpen) await new Promise((resolve) => setTimeout(resolve, 0));
      return socket;
    };
    const error = await connect("ws://127.0.0.1:1", { dial: as(dial) }).catch((error) => error);
    assert(error.message.endsWith("dial must return a WebSocket, got a promise"), error.message);
    // As npm:ws does it, where an error that nobody handles ends the program.
    const { onerror } = await withTimeout(closed.promise);
    onerror!.call(as(socket), new Event("error"));
  }
});
