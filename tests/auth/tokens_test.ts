/**
 * Tokens in use: sent by our client, refused, late, and never revealed.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, type ConnectOptions, type ServeOptions } from "@dsmq/server";
import { failure, headers } from "./auth_support.ts";
import { RawClient } from "../support/raw_client.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { WebSocketPeer } from "../support/ws_peer.ts";

/** As a client in a web page, which cannot set headers. */
const dial = (url: string, protocols: string[]) => new WebSocket(url, protocols);

Deno.test("our client sends its token in a header, and from pages in a subprotocol", async () => {
  const token = "a~token/with+all_sorts=of?characters>>";
  await using server = await openServer({ auth: token });
  for (const by of [{}, { dial }]) {
    await using mq = await connect(server.url, { token, ...by });
    assert(await mq.put("t", "message") > 0);
    assertEquals(await mq.get("t"), "message");
  }
});

Deno.test("a subprotocol and its token are found however a client writes the list", async () => {
  const token = `dsmq.token.${btoa("good").replaceAll("=", "")}`;
  for (const transport of ["builtin", "hardened"] as const) {
    await using server = await openServer({ transport, auth: "good" });
    const lists = [`dsmq,${token}`, `${token},dsmq`, `x , dsmq,\t${token}`, `dsmq, ${token}`];
    for (const list of lists) {
      using handshake = await RawClient.handshake(server.port, {
        ...headers(server.port),
        "Sec-WebSocket-Protocol": list,
      });
      const [head] = handshake.received;
      assert(/^sec-websocket-protocol: dsmq\r?$/im.test(head!), `${transport}, ${list}: ${head}`);
      const { id, seq } = await handshake.request({
        action: "put",
        id: 1,
        topic: "t",
        body: "m",
      });
      assert(id === 1 && seq > 0);
    }
  }
});

Deno.test("without a valid token, connect rejects at once and says why", async () => {
  await using server = await openServer({ auth: "good" });
  for (const by of [{}, { dial }]) {
    const cases: [Partial<ConnectOptions>, RegExp][] = [
      [{}, /the server needs a token, and none was given$/],
      [{ token: "secret-bad" }, /the server does not accept the token$/],
    ];
    for (const [options, reason] of cases) {
      let dials = 0;
      const counted = "dial" in by
        ? { dial: (...args: Parameters<typeof dial>) => (dials++, dial(...args)) }
        : {};
      const begin = performance.now();
      const error = await failure(connect(server.url, { ...options, ...counted }));
      assertEquals(error.code, "unauthorized");
      assert(reason.test(error.message), error.message);
      assert(!Deno.inspect(error).includes("secret-bad"));
      if ("dial" in by) assertEquals(dials, 1);
      assert(performance.now() - begin < 4000);
    }
  }
});

Deno.test("a server that refuses is not asked again, and the error has its answer", async () => {
  const server = new WebSocketPeer();
  const connecting = failure(connect(server.url));
  await server.accept();
  await server.send("HTTP/1.1 403 Forbidden\r\n\r\n");
  const { code, message } = await connecting;
  assertEquals(code, "unreachable");
  assertStringIncludes(message, "the answer is 403 Forbidden");
  server[Symbol.dispose]();
});

Deno.test("an invalid token is refused without being shown", async () => {
  const wrong: [unknown, typeof TypeError | typeof RangeError][] = [
    ["secret with blanks", RangeError],
    ["", RangeError],
    ["secret\r\nHost: evil.test", RangeError],
    ["sécret", RangeError],
    [5, TypeError],
    [null, TypeError],
  ];
  for (const [token, ErrorClass] of wrong) {
    const error = await assertRejects(
      () => connect(undefined, { token: token as string, timeout: 1 }),
      ErrorClass,
      "1 to 8192 visible characters of ASCII",
    );
    assert(!error.message.includes("cret"), error.message);
    for (const options of [{ auth: token }, { auth: { tokens: [{ token }] } }] as ServeOptions[]) {
      const error = await assertRejects(
        () => openServer(options),
        ErrorClass,
        "1 to 8192 visible characters of ASCII",
      );
      assert(!error.message.includes("cret"), error.message);
    }
  }
});

Deno.test("a token and a name in the address cannot be used together", async () => {
  const error = await assertRejects(
    () => connect("ws://name:password@127.0.0.1:1", { token: "secret" }),
    RangeError,
    "only one of both can be sent",
  );
  assert(!/secret|password@/.test(error.message));
});

Deno.test("a connection without its token is closed when its time is over, and one that sends it stays", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ auth: "good", clock });
  using late = await RawClient.handshake(server.port, headers(server.port));
  using good = await RawClient.handshake(server.port, headers(server.port));
  assertEquals((await late.request({ action: "hello", id: 1 })).error.code, "unauthorized");
  assertEquals((await late.request([{ action: "hello", id: 2 }]))[0].error.code, "unauthorized");
  const welcome = await good.request({ action: "hello", id: 1, token: "good" });
  assertEquals([welcome.id, welcome.start], [1, 0]);
  clock.advance(4999);
  assertEquals((await late.request({ action: "hello", id: 3 })).error.code, "unauthorized");
  clock.advance(1);
  assertEquals(await late.closeCode(), 4401);
  assertEquals(await good.request({ action: "put", topic: "t", body: "m", id: 3 }), {
    id: 3,
    seq: 1,
  });
  // It does not answer the close, and is dropped.
  clock.advance(2000);
  assertEquals(server.stats().connections, 1);
});

Deno.test("a client that sends its token late reads what was stored since it connected", async () => {
  await using server = await openServer({ auth: "good" });
  using late = await RawClient.handshake(server.port, headers(server.port));
  assertEquals(late.status, 101);
  await using mq = await connect(server.url, { token: "good" });
  await mq.put("t", "meanwhile");
  const frame = [{ action: "hello", id: 1, token: "good" }, { action: "get", topic: "t", id: 2 }];
  const [welcome, read] = await late.request(frame);
  assertEquals([welcome.start, read.body], [0, "meanwhile"]);
});

Deno.test("no token appears in a log, a frame, a reply, an error or an inspected server", async () => {
  const secrets = ["good-secret-1", "bad-secret-2", "hello-secret-3", "gone-secret-4"];
  const [good, bad, hello, gone] = secrets as [string, string, string, string];
  const logged: string[] = [];
  const record = (...data: unknown[]) =>
    void logged.push(data.map((item) => Deno.inspect(item)).join());
  const clock = new ManualClock();
  const log = { info: record, warn: record, error: record };
  const auth = { tokens: [{ token: good }, { token: gone }, { token: hello }] };
  const options = { auth, log, clock };
  await using server = await openServer(options);
  const b64 = (token: string) => `dsmq.token.${btoa(token).replace(/=+$/, "")}`;
  const handshake = async (more: Record<string, string>, path?: string, ...frames: unknown[]) => {
    clock.advance(1000);
    using handshake = await RawClient.handshake(
      server.port,
      { ...headers(server.port), ...more },
      path,
    );
    for (const request of frames) {
      const reply = await handshake.requestOrCode(request);
      if (typeof reply === "number") break;
    }
    logged.push(...handshake.received);
  };
  const helloRequest = { action: "hello", id: 1 };
  await handshake({ Authorization: `Bearer ${bad}` }, "/", helloRequest);
  await handshake({ Authorization: `Bearer ${bad}`, "Sec-WebSocket-Protocol": "x" });
  await handshake({ "Sec-WebSocket-Protocol": `dsmq, ${b64(bad)}` }, "/", helloRequest);
  await handshake({ "Sec-WebSocket-Protocol": `dsmq, ${b64(good)}` }, "/", helloRequest);
  await handshake({ Authorization: `Bearer ${good}` }, "/", helloRequest, {
    action: "dance",
    id: 2,
  });
  await handshake({ Authorization: `Bearer ${good}`, Host: "evil.test" });
  await handshake({ Authorization: `Bearer ${good}`, Origin: "http://evil.test" });
  await handshake({ Authorization: `Bearer ${good}`, Upgrade: "nothing" }, "/health");
  await handshake({ Authorization: `Bearer ${good}`, "Sec-WebSocket-Version": "1" });
  await handshake({}, `/?token=${good}`, helloRequest);
  await handshake({}, "/", { ...helloRequest, token: bad }, helloRequest);
  await handshake({}, "/", { ...helloRequest, token: hello }, {
    ...helloRequest,
    token: hello,
    protocol: 99,
  });
  await handshake({}, "/", { ...helloRequest, token: [bad] }, { ...helloRequest, token: { bad } });
  await handshake({}, "/", { ...helloRequest, token: `${bad} `.repeat(1000) });
  const mq = await connect(server.url, { token: gone });
  const waiting = failure(mq.getWait("t"));
  await mq.get("t");
  await server.setAuth(good);
  record(await waiting, await failure(mq.get("t")), mq);
  record(await failure(connect(server.url, { token: bad })), server);
  await mq.close();
  clock.advance(10_000);
  assert(logged.some((text) => text.includes("refused a request")), "the log was heard");
  for (const secret of secrets.flatMap((secret) => [secret, btoa(secret).replace(/=+$/, "")])) {
    assertEquals(logged.filter((text) => text.includes(secret)), []);
  }
});
