import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "@dsmq/server";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { serverFrame, WebSocketPeer } from "../support/ws_peer.ts";

const code = (error: { code: string }) => error.code;

Deno.test("a put in the turn in which the connection breaks is answered, too", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const before = mq.put("t", "one").catch(code);
  script.hangUp();
  const after = mq.put("t", "two").catch(code);
  // It had not been sent yet: so it is certain that it is not stored.
  assertEquals(await withTimeout(before), "closed");
  assertEquals(await withTimeout(after), "closed");
});

Deno.test("a put in the turn of close is refused", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const before = mq.put("t", "one");
  const closing = mq.close();
  const after = mq.put("t", "two").catch(code);
  const { id, body } = await script.next();
  assertEquals(body, "one");
  await script.send({ id, seq: 1 });
  assertEquals(await before, 1);
  await closing;
  assertEquals(await withTimeout(after), "closed");
});

Deno.test("puts beside an answer and a close frame in one packet are answered, each", async () => {
  using peer = new WebSocketPeer();
  const connecting = connect(peer.url, { reconnect: false });
  await peer.open();
  const nextRequest = async () =>
    JSON.parse(new TextDecoder().decode((await peer.next())!.payload));
  const { id } = await nextRequest();
  const welcome = { id, protocol: 1, epoch: "e", start: 0, limits: { messageBytes: 1000 } };
  await peer.send(serverFrame(1, JSON.stringify(welcome)));
  const mq = await connecting;
  const wrapped = async (message: string) => await mq.put("t", message);
  const second: string[] = [];
  const callers = Promise.all([wrapped, (message: string) => mq.put("t", message)].map(
    async (put) => {
      await put("1");
      second.push(await put("2").then(() => "stored", code));
    },
  ));
  const put = await nextRequest();
  const reply = serverFrame(1, JSON.stringify({ id: put.id, seqs: [1, 2] }));
  const closeFrame = serverFrame(8, new Uint8Array([1012 >> 8, 1012 & 0xff]));
  await peer.send(new Uint8Array([...reply, ...closeFrame]));
  await withTimeout(callers);
  assert(second.every((end) => end === "unknown_outcome" || end === "closed"), `${second}`);
});

for (const outcomes of [[1, null, 1.5], [1, 2], [1, { code: "__proto__", message: "" }, 3], {}]) {
  Deno.test(`invalid outcomes end the connection: ${JSON.stringify(outcomes)}`, async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial, reconnect: false });
    const puts = ["one", "two", "three"].map((message) => mq.put("t", message).catch(code));
    const got = mq.get("t").catch(code);
    const [put, get] = [await script.next(), await script.next()];
    const error = { code: "unavailable", message: "x", outcomes };
    await script.send([{ id: put.id, error }, { id: get.id, body: "m", seq: 5 }]);
    const ends = new Set(await withTimeout(Promise.all(puts)));
    assertEquals([ends.size, ends.has("protocol_error") || ends.has("unknown_outcome")], [1, true]);
    assertEquals(await withTimeout(got), "protocol_error");
  });
}

Deno.test("a subscription on a closed connection leaves no listener behind", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await mq.close();
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  signal.addEventListener = (_: string, listener: unknown) => void listeners.add(listener);
  signal.removeEventListener = (_: string, listener: unknown) => void listeners.delete(listener);
  await assertRejects(() => mq.subscribe("t", { signal }).next(), Error, "closed");
  assertEquals(listeners.size, 0);
});

Deno.test("what arrives late beside a getLatest that fails goes to the waiting get", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const abort = new AbortController();
  const waiting = mq.getWait("t", { signal: abort.signal }).catch(() => {});
  const late = await script.next();
  abort.abort();
  await waiting;
  await script.next();
  const latest = mq.getLatest("t").catch(code);
  const get = mq.get("t");
  const [newest, oldest] = [await script.next(), await script.next()];
  await script.reply(late, { seq: 1, body: "one" });
  await script.send({ id: newest.id, error: { code: "unavailable", message: "no" } });
  await script.reply(oldest, { seq: 2, body: "two" });
  assertEquals(await latest, "unavailable");
  assertEquals([await withTimeout(get), await withTimeout(mq.get("t"))], ["one", "two"]);
});

Deno.test("a socket that cannot be written to is a broken connection", async () => {
  const script = new ScriptedServer();
  const mq = await connect(undefined, {
    reconnect: false,
    dial() {
      const socket = script.dial();
      const send = socket.send.bind(socket);
      socket.send = (text) => {
        if (`${text}`.includes('"put"')) throw new Error("the pipe is gone");
        send(text);
      };
      return socket;
    },
  });
  const error = await assertRejects(() => withTimeout(mq.put("t", "m")), Error, "the pipe is gone");
  assertEquals((error as unknown as { code: string }).code, "unknown_outcome");
  assertEquals(await withTimeout(mq.get("t").catch(code)), "closed");
});

Deno.test("many gets at once get one message each, oldest first", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const gets = Array.from({ length: 200 }, () => mq.get("t"));
  for (let seq = 1; seq <= 200; seq++) {
    await script.reply(await script.next(), { seq, body: `${seq}` });
  }
  assertEquals(
    await withTimeout(Promise.all(gets)),
    Array.from({ length: 200 }, (_, i) => `${i + 1}`),
  );
});

Deno.test({
  name: "without network permission connect reports it, and does not blame the server",
  permissions: { net: false },
  async fn() {
    await assertRejects(() => withTimeout(connect({ port: 9 })), Deno.errors.NotCapable);
  },
});
