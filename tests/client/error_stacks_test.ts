/**
 * Errors that the server answered: the stack that they carry, and how they are printed if nobody catches them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Connection, DsmqError, isDsmqError, serve } from "@dsmq/server";
import { connect } from "@dsmq/server/client";
import { openServer, quiet } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";

/** Calls as programs make them, each in a function of its own name. */
const CALLS: Readonly<Record<string, (mq: Connection) => Promise<unknown>>> = {
  async puts(mq) {
    await mq.put("t", "message");
  },
  async awaitsLater(mq) {
    const put = mq.put("t", "message");
    await null;
    await put;
  },
  async awaitsOneOfMany(mq) {
    await Promise.all([mq.put("t", "message")]);
  },
  async putsMany(mq) {
    await mq.putMany("t", ["message"]);
  },
  async gets(mq) {
    await mq.get("t");
  },
  async getsLatest(mq) {
    await mq.getLatest("t");
  },
  async getsWaiting(mq) {
    await mq.getWait("t");
  },
  async reads(mq) {
    await mq.read("t", { latest: true });
  },
  async lists(mq) {
    await mq.topics();
  },
  async stops(mq) {
    await mq.shutdownServer();
  },
  async loops(mq) {
    for await (const message of mq.subscribe("t")) assert(message);
  },
};

Deno.test("an error from the server carries the caller's stack", async () => {
  for (const [name, call] of Object.entries(CALLS)) {
    const script = new ScriptedServer();
    await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
    const failed = call(mq).then(() => undefined, (error: unknown) => error);
    const { id } = await script.next();
    await script.send({ id, error: { code: "full", message: "no room", limit: 5 } });
    const error = await failed;
    assert(error instanceof DsmqError, name);
    assertEquals([error.code, error.message, error.limit], ["full", "no room", 5], name);
    assert(new RegExp(`at async .*${name}`).test(error.stack!), `${name}: ${error.stack}`);
    assert(error.stack!.startsWith("DsmqError [full]: no room\n"), error.stack);
  }
});

Deno.test("each of many puts that fail together has an error of its own, with its own caller", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  async function first() {
    await mq.put("t", "one");
  }
  async function second() {
    await mq.put("t", "two");
  }
  const both = Promise.allSettled([first(), second()]);
  const { id, bodies } = await script.next();
  assertEquals(bodies, ["one", "two"]);
  await script.send({ id, error: { code: "full", message: "no room" } });
  const [one, two] = (await both).map((put) => (put as PromiseRejectedResult).reason as Error);
  assert(one !== two && one!.stack!.includes("first") && two!.stack!.includes("second"));
});

Deno.test("the reason with which a signal aborts a wait is passed on unchanged", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  for (const reason of [new DOMException("no more", "AbortError"), "a word", 0]) {
    const control = new AbortController();
    const wait = mq.getWait("t", { signal: control.signal }).catch((error) => error);
    const next = mq.subscribe("t", { signal: control.signal }).next().catch((error) => error);
    control.abort(reason);
    assert(await wait === reason && await next === reason);
  }
});

Deno.test("an uncaught error is printed with its code", async () => {
  const program = `
    import { DsmqError } from "./protocol/errors.ts";
    import { rejectWithCallerStack } from "./client/rejection.ts";
    new Promise((resolve) => setTimeout(rejectWithCallerStack, 0, resolve, new DsmqError("too_large", "Cannot put")));`;
  const root = new URL("../..", import.meta.url);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const printed = new TextDecoder().decode(stderr);
  assert(printed.includes("DsmqError [too_large]: Cannot put"), printed);
  assertEquals(code, 1);
});

Deno.test("the errors of serve and connect carry the caller's stack", async () => {
  await using server = await openServer();
  const calls = {
    async serves() {
      await serve({ port: server.port, log: quiet });
    },
    async servesFromAFile() {
      await openServer({ store: "sqlite:/not/there/queue.db" });
    },
    async connects() {
      await connect("ws://127.0.0.1:1", { timeout: 50 });
    },
  };
  for (const [name, call] of Object.entries(calls)) {
    const error: unknown = await call().catch((error) => error);
    assert(isDsmqError(error), `${name}: ${error}`);
    assert(
      error.stack!.includes(`at async ${name}`) || error.stack!.includes(`.${name}`),
      `${name}: ${error.stack}`,
    );
    assert(error.stack!.startsWith(`DsmqError [${error.code}]: `), error.stack);
  }
});
