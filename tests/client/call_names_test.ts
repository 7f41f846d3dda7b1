/**
 * An error names the call that was made, whatever goes wrong with it.
 *
 * @module
 */

import { assert } from "@std/assert";
import { connect, type Connection, isDsmqError } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A call: how it is made, with a topic and something else that is wrong. */
interface NamedCall {
  /** What its errors begin with. */
  readonly says: RegExp;
  readonly make: (mq: Connection, topic: string) => unknown;
  /** The same with an option, or an argument, that there is not. */
  readonly wrong: (mq: Connection, topic: string) => unknown;
  /** It names no topic. */
  readonly isGlobal?: boolean;
  /** What the server says if the token does not permit it, unless everybody may. */
  readonly needs?: RegExp;
}

const READ = /^Cannot read topic "t": permission denied$/;
const WRITE = /^Cannot put into topic "t": permission denied$/;
const signal = AbortSignal.timeout(60_000);
const other = as({ other: 1 });

const CALLS: Readonly<Record<string, NamedCall>> = {
  put: {
    says: /^Cannot put( message)?: /,
    make: (mq, topic) => mq.put(topic, "m"),
    wrong: (mq, topic) => mq.put(topic, "m", other),
    needs: WRITE,
  },
  putMany: {
    says: /^Cannot put( messages)?: /,
    make: (mq, topic) => mq.putMany(topic, ["m"]),
    wrong: (mq, topic) => as(mq).putMany(topic, ["m"], {}),
    needs: WRITE,
  },
  get: {
    says: /^Cannot get: /,
    make: (mq, topic) => mq.get(topic),
    wrong: (mq, topic) => as(mq).get(topic, {}),
    needs: READ,
  },
  getLatest: {
    says: /^Cannot get: /,
    make: (mq, topic) => mq.getLatest(topic),
    wrong: (mq, topic) => as(mq).getLatest(topic, {}),
    needs: READ,
  },
  getWait: {
    says: /^Cannot get: /,
    make: (mq, topic) => mq.getWait(topic, { timeout: 60_000 }),
    wrong: (mq, topic) => mq.getWait(topic, other),
    needs: READ,
  },
  read: {
    says: /^Cannot read: /,
    make: (mq, topic) => mq.read(topic),
    wrong: (mq, topic) => mq.read(topic, other),
    needs: READ,
  },
  "read with a signal": {
    says: /^Cannot read: /,
    make: (mq, topic) => mq.read(topic, { signal }),
    wrong: (mq, topic) => mq.read(topic, { signal: other }),
    needs: READ,
  },
  "read of the latest": {
    says: /^Cannot read: /,
    make: (mq, topic) => mq.read(topic, { latest: true }),
    wrong: (mq, topic) => mq.read(topic, { latest: other }),
    needs: READ,
  },
  "read that waits": {
    says: /^Cannot read: /,
    make: (mq, topic) => mq.read(topic, { wait: 60_000 }),
    wrong: (mq, topic) => mq.read(topic, { wait: -1 }),
    needs: READ,
  },
  "read that waits for the latest": {
    says: /^Cannot read: /,
    make: (mq, topic) => mq.read(topic, { latest: true, wait: 60_000 }),
    wrong: (mq, topic) => mq.read(topic, { latest: true, wait: -1 }),
    needs: READ,
  },
  subscribe: {
    says: /^Cannot subscribe: /,
    make: (mq, topic) => mq.subscribe(topic).next(),
    wrong: (mq, topic) => mq.subscribe(topic, { since: as("then") }),
    needs: READ,
  },
  "subscribe to a prefix": {
    says: /^Cannot subscribe: /,
    make: (mq, prefix) => mq.subscribe({ prefix }).next(),
    wrong: (mq, prefix) => mq.subscribe({ prefix }, { since: { ago: -1 } }),
    needs: /^Cannot read all topics that begin with "t": permission denied$/,
  },
  "put of a value": {
    says: /^Cannot (put( message)?|use topic): /,
    make: (mq, topic) => mq.topic(topic).put(1),
    wrong: (mq, topic) => mq.topic(topic).put(1, other),
    needs: WRITE,
  },
  "putMany of values": {
    says: /^Cannot (put( messages)?|use topic): /,
    make: (mq, topic) => mq.topic(topic).putMany([1]),
    wrong: (mq, topic) => mq.topic(topic).putMany([1], other),
    needs: WRITE,
  },
  "read of a value": {
    says: /^Cannot (read|use topic): /,
    make: (mq, topic) => mq.topic(topic).read(),
    wrong: (mq, topic) => mq.topic(topic).read(other),
    needs: READ,
  },
  "subscribe to values": {
    says: /^Cannot (subscribe|use topic): /,
    make: (mq, topic) => mq.topic(topic).subscribe().next(),
    wrong: (mq, topic) => mq.topic(topic).subscribe({ since: -1 }),
    needs: READ,
  },
  topics: {
    says: /^Cannot list topics: /,
    make: (mq) => mq.topics(),
    wrong: (mq) => mq.topics(other),
    isGlobal: true,
  },
  purge: {
    says: /^Cannot purge: /,
    make: (mq, topic) => mq.purge(topic),
    wrong: (mq, topic) => mq.purge(topic, { before: -1 }),
    needs: /^Cannot purge topic "t": permission denied$/,
  },
  connections: {
    says: /^Cannot list connections: /,
    make: (mq) => mq.connections(),
    wrong: (mq) => as(mq).connections({}),
    isGlobal: true,
    needs: /^Cannot list connections: permission denied$/,
  },
  disconnect: {
    says: /^Cannot disconnect: /,
    make: (mq) => mq.disconnect("1"),
    wrong: (mq) => mq.disconnect(other),
    isGlobal: true,
    needs: /^Cannot disconnect: permission denied$/,
  },
  backup: {
    says: /^Cannot back up: /,
    make: (mq) => mq.backup(),
    wrong: (mq) => as(mq).backup({}),
    isGlobal: true,
    needs: /^Cannot back up: permission denied$/,
  },
  shutdownServer: {
    says: /^Cannot shut down: /,
    make: (mq) => mq.shutdownServer(),
    wrong: (mq) => as(mq).shutdownServer({}),
    isGlobal: true,
    needs: /^Cannot shut down: permission denied$/,
  },
};

/** The sentence of the error with which a call fails. */
async function failure(call: () => unknown): Promise<string> {
  try {
    const value = await withTimeout(Promise.resolve(call()));
    throw new Error(`it does not fail: ${Deno.inspect(value)}`);
  } catch (error) {
    assert(error instanceof Error);
    return error.message;
  }
}

/** Makes each call, and checks what its error says. */
async function checkEach(fail: (call: NamedCall, name: string) => unknown): Promise<void> {
  for (const [name, call] of Object.entries(CALLS)) {
    const message = await failure(() => fail(call, name));
    assert(call.says.test(message), `${name}: ${message}`);
  }
}

Deno.test("a wrong topic, option or argument is an error that names the call", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  for (const topic of ["a\nb", as(5)]) {
    await checkEach(({ make, wrong, isGlobal }) => isGlobal ? wrong(mq, "t") : make(mq, topic));
  }
  await checkEach(({ wrong }) => wrong(mq, "t"));
});

Deno.test("a call of a closed connection, or beyond what may wait, is an error that names it", async () => {
  for (const isClosed of [true, false]) {
    const script = new ScriptedServer();
    const options = { dial: script.dial, reconnect: !isClosed, maxPendingBytes: 1 };
    await using mq = await connect(script.url, options);
    if (isClosed) await mq.close();
    const filling = isClosed ? undefined : mq.put("full", "m").catch(() => {});
    await checkEach(({ make }, name) => {
      // There is always room to stop a server.
      if (filling && name === "shutdownServer") throw new Error("Cannot shut down: no");
      return make(mq, "t");
    });
    if (!filling) continue;
    await script.send({ id: (await script.next()).id, seqs: [1] });
    await filling;
  }
});

Deno.test("a connection that breaks, and a reply of another kind, are errors that name the call", async () => {
  for (const isBroken of [true, false]) {
    for (const [name, { make, says }] of Object.entries(CALLS)) {
      const script = new ScriptedServer();
      await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
      const failed = failure(() => make(mq, "t"));
      const { id } = await script.next();
      if (isBroken) script.hangUp();
      else await script.send({ id, seqs: [1, 2] });
      const message = await failed;
      const isUnknown = /^Cannot tell (what was purged|whether the message is stored): /;
      assert(says.test(message) || isUnknown.test(message), `${name}: ${message}`);
    }
  }
});

Deno.test("what the server refuses names the call, or the permission that it needs", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  for (const [name, { make, says }] of Object.entries(CALLS)) {
    const failed = failure(() => make(mq, "t"));
    const { id, action } = await script.next();
    const message = `Cannot ${action}: there are 5 already`;
    await script.send({ id, error: { code: "limit_exceeded", message } });
    assert(says.test(await failed), `${name}: ${await failed}`);
  }
  await using server = await openServer({
    auth: { anonymous: { topics: ["nothing"] } },
    allowShutdown: true,
  });
  await using client = await connect(server.url, { reconnect: false });
  for (const [name, { make, needs }] of Object.entries(CALLS)) {
    if (!needs) continue;
    const message = await failure(() => make(client, "t"));
    assert(needs.test(message), `${name}: ${message}`);
  }
});

Deno.test("a connect that is wrong says that it cannot connect", async () => {
  const wrong: [unknown, unknown][] = [
    ["a b", {}],
    [{ port: 0 }, {}],
    [[], {}],
    [undefined, { since: "then" }],
    [undefined, { since: -1 }],
    [undefined, { since: { ago: -1 } }],
    [undefined, { since: { ago: 1, unit: "s" } }],
    [undefined, { since: new Date(NaN) }],
    [undefined, { since: "5:5" }],
    [undefined, { timeout: 0 }],
    [undefined, { reconnect: { minDelay: -1 } }],
    [undefined, other],
  ];
  for (const [address, options] of wrong) {
    const message = await failure(() => connect(as(address), as(options)));
    assert(message.startsWith("Cannot connect: "), message);
  }
  const away = await failure(() => connect("ws://127.0.0.1:1", { timeout: 100 }));
  assert(away.startsWith("Cannot connect to ws://127.0.0.1:1: "), away);
});

Deno.test("a limit of the server that a read reaches names the read", async () => {
  await using server = await openServer({ limits: { waits: 0, subscriptions: 0 } });
  await using mq = await connect(server.url);
  for (
    const [call, says] of [
      [() => mq.read("t", { wait: 5 }), "Cannot read: "],
      [() => mq.getWait("t", { timeout: 5 }), "Cannot get: "],
      [() => mq.subscribe("t").next(), "Cannot subscribe: "],
    ] as const
  ) {
    const error = await Promise.resolve(call()).then(() => undefined, (error: unknown) => error);
    assert(isDsmqError(error, "limit_exceeded") && error.message.startsWith(says), `${error}`);
  }
});
