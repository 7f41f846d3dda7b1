/**
 * A function that returns the token: it is asked for each connection, and whatever it does, the client goes on or says why.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";
import { withTimeout } from "../support/with_timeout.ts";

const dial = (url: string, names: string[]) => new WebSocket(url, names);

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a function is asked for the token of each connection, at once or later (${transport})`, async () => {
    await using server = await openServer({ transport, auth: "good" });
    for (const more of [{}, { dial }]) {
      let asked = 0;
      const functions = [() => (asked++, "good"), () => (asked++, Promise.resolve("good"))];
      for (const token of functions) {
        await using mq = await connect(server.url, { token, ...more });
        assert(await mq.put("t", "m") > 0);
      }
      assertEquals(asked, 2);
    }
  });

  Deno.test(`a token of the greatest length arrives in a header, as a subprotocol or in hello (${transport})`, async () => {
    for (const length of [4096, 4097, 8192]) {
      const token = "x".repeat(length);
      await using server = await openServer({ transport, auth: token });
      for (const more of [{}, { dial }]) {
        await using mq = await connect(server.url, { token, ...more });
        assert(await mq.put("t", "m") > 0);
      }
      const other = `${"x".repeat(length - 1)}y`;
      for (const more of [{}, { dial }]) {
        const refused = await assertRejects(
          () => connect(server.url, { token: other, ...more }),
          DsmqError,
        );
        assertEquals(refused.code, "unauthorized");
      }
    }
  });
}

Deno.test("a function that fails is asked again, and if it goes on failing its error is the cause", async () => {
  await using server = await openServer({ auth: "good" });
  let asked = 0;
  const retries: DsmqError[] = [];
  const onRetry = (error: DsmqError) => void retries.push(error);
  const failing = new Error("the application is not there");
  const token = () => {
    if (++asked === 1) throw failing;
    return asked === 2 ? Promise.reject(failing) : "good";
  };
  await using mq = await connect(server.url, { token, onRetry });
  assertEquals(await mq.get("t"), "");
  assertEquals(asked, 3);
  for (const error of retries) {
    assertEquals([error.code, error.reason, error.cause], ["unreachable", "no_token", failing]);
  }
  const error = await assertRejects(
    () => connect(server.url, { token: () => Promise.reject(failing), timeout: 100 }),
    DsmqError,
    "there is no token, because the function token was asked, and it failed: the application is not there",
  );
  assertEquals([error.code, error.reason, error.cause], ["unreachable", "no_token", failing]);
  // Anything can be thrown, also what has no text.
  const textless = () => Promise.reject(Object.create(null));
  const other = await assertRejects(
    () => connect(server.url, { token: textless, timeout: 100 }),
    DsmqError,
    "and it failed: an object",
  );
  assertEquals(other.reason, "no_token");
});

Deno.test("what a function returns that is no token is named without being shown", async () => {
  await using server = await openServer({ auth: "good" });
  const cases: [unknown, string][] = [
    [undefined, "got nothing"],
    [5, "got a number"],
    [{ token: "s3cret" }, "got an object"],
    ["", "got an empty text"],
    ["s3cret\n", "got one that ends with a newline"],
    ["s3cr\u00e9t", "got one with other characters"],
    ["s3cret".repeat(2000), "got one of 12000 characters"],
  ];
  for (const [value, got] of cases) {
    const error = await assertRejects(
      () => connect(server.url, { token: () => value as string, timeout: 50 }),
      DsmqError,
      `it must return 1 to 8192 visible characters of ASCII, ${got}`,
    );
    assert(!`${error.stack}`.includes("s3cr"), error.message);
  }
});

Deno.test("a function that hangs is given up in time, and the next attempt asks it again", async () => {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    let asked = 0;
    const token = () => ++asked === 1 ? new Promise<string>(() => {}) : "good";
    const began = performance.now();
    const mq = await connect(server.url, { dial: server.dial, token, timeout: 60_000 });
    const took = performance.now() - began;
    assert(took >= 10_000 && took < 11_500, `${took}`);
    await mq.close();
    const hanging = connect(server.url, {
      dial: server.dial,
      token: () => new Promise<string>(() => {}),
      timeout: 2000,
    });
    const error = await assertRejects(
      () => hanging,
      DsmqError,
      "it returned no token within 2.0 s",
    );
    assertEquals(error.reason, "no_token");
  });
});

Deno.test("connecting can be cancelled while a function is asked", async () => {
  const server = new ScriptedServer();
  const controller = new AbortController();
  const connecting = connect(server.url, {
    dial: server.dial,
    token: () => {
      queueMicrotask(() => controller.abort(new Error("enough")));
      return new Promise<string>(() => {});
    },
    signal: controller.signal,
  });
  await assertRejects(() => connecting, Error, "enough");
  assertEquals(server.dials, 0);
});

Deno.test("when a server refuses a fresh token on reconnecting, a function is asked once more before that is the end", async () => {
  for (const accepts of [true, false]) {
    let server = await openServer({ auth: "one" });
    const { port, url } = server;
    const tokens = ["old", accepts ? "two" : "older", "never"];
    let asked = 0;
    const restart: { done?: Promise<void> } = {};
    const token = async () => {
      if (!restart.done) return "one";
      await restart.done;
      return tokens[asked++]!;
    };
    const reconnect = { minDelay: 0, maxDelay: 5 };
    await using mq = await connect(url, { token, reconnect });
    await mq.put("t", "before");
    const { promise, resolve } = Promise.withResolvers<void>();
    restart.done = promise;
    await server.shutdown();
    server = await openServer({ port, auth: "two" });
    await using _ = server;
    resolve();
    if (accepts) {
      assert(await withTimeout(mq.put("t", "after")) > 0);
    } else {
      const error = await assertRejects(() => withTimeout(mq.put("t", "after")), DsmqError);
      assertEquals(error.code, "unauthorized");
      assertEquals((await mq.closed).code, "unauthorized");
    }
    assertEquals(asked, 2);
  }
});

Deno.test("without reconnecting a function is asked once, and a refused token is refused", async () => {
  await using server = await openServer({ auth: "good" });
  let asked = 0;
  const token = () => (asked++, "bad");
  const error = await assertRejects(() => connect(server.url, { token }), DsmqError);
  assertEquals([error.code, asked], ["unauthorized", 1]);
});
