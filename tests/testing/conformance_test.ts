/**
 * The conformance run: our servers pass it, and a server that does something wrong does not.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { checkServer, WIRE_CHECKS } from "@dsmq/server/testing";
import { openMounted } from "../support/mounted_server.ts";
import { openServer } from "../support/open_server.ts";
import { as } from "../support/untyped.ts";
import { type Change, FAULTS, MISUNDERSTOOD } from "../support/wire_faults.ts";

/** The checks that fail, and why. */
async function failures(...args: Parameters<typeof checkServer>): Promise<string[]> {
  const results = await checkServer(...args);
  assertEquals(results.map(({ check }) => check), Object.keys(args[1]?.checks ?? WIRE_CHECKS));
  return results.flatMap(({ check, error }) => error ? [`${check}: ${error.message}`] : []);
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: a server passes every check of the wire`, async () => {
    await using server = await openServer({ transport });
    assertEquals(await failures(server.url), []);
  });
}

Deno.test("a handler passes every check of the wire, also with a token for some topics", async () => {
  const auth = {
    tokens: [{ token: "t+/=", permissions: ["read", "write", "work"], prefixes: ["mine."] }],
  };
  await using mounted = openMounted({ path: "/mq", auth: as(auth) });
  assertEquals(await failures(mounted.url, { token: "t+/=", prefix: "mine." }), []);
});

const unchanged: Change = (object) => object;

/** JSON with a change in it; undefined if nothing is left. */
function changed(data: string, change: Change): string | undefined {
  const objects = [JSON.parse(data)].flat().map(change).filter((object) => object !== undefined);
  return objects.length > 0 ? JSON.stringify(objects) : undefined;
}

/** A request as it is changed; what is no JSON passes. */
function changedRequest(data: string, change: Change): string {
  try {
    const request = JSON.parse(data);
    return Array.isArray(request) ? changed(data, change)! : JSON.stringify(change(request));
  } catch {
    return data;
  }
}

/** A server between the checks and a real one, which changes what that one sends, and what it gets. */
async function wrongServer(change: Change, changeRequest: Change) {
  const server = await openServer();
  const wrong = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const offered = request.headers.get("sec-websocket-protocol") === "dsmq";
    const { socket, response } = Deno.upgradeWebSocket(
      request,
      offered ? { protocol: "dsmq" } : {},
    );
    const real = new WebSocket(server.url, offered ? ["dsmq"] : []);
    const opened = new Promise((resolve) => real.onopen = resolve);
    socket.onmessage = ({ data }) =>
      void opened.then(() => real.send(changedRequest(data, changeRequest)));
    real.onmessage = ({ data }) => {
      const text = changed(data, change);
      if (text !== undefined) socket.send(text);
    };
    real.onclose = ({ code }) => {
      if (socket.readyState === WebSocket.OPEN) socket.close(code < 3000 ? 1000 : code);
    };
    socket.onclose = () => real.close();
    return response;
  });
  return {
    url: `ws://127.0.0.1:${wrong.addr.port}`,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await wrong.shutdown();
    },
  };
}

Deno.test("what a server does wrong is found, by the check that says so", async () => {
  const misunderstood = MISUNDERSTOOD.map(([what, change, sentence]) =>
    [what, unchanged, sentence, change as Change] as const
  );
  const faults = [...FAULTS.map((fault) => [...fault, unchanged] as const), ...misunderstood];
  for (const [what, change, sentence, changeRequest] of faults) {
    await using wrong = await wrongServer(change, changeRequest);
    const [name, prove] = Object.entries(WIRE_CHECKS).find(([name]) => name.startsWith(sentence))!;
    const found = await failures(wrong.url, { checks: { [name]: prove } });
    assertEquals(found.length, 1, `${what}: ${name}`);
  }
  // Passing everything on as it is, it is no wrong server.
  await using right = await wrongServer(unchanged, unchanged);
  assertEquals(await failures(right.url), []);
});

Deno.test("who makes a store or a server adds checks of their own", async () => {
  await using server = await openServer();
  const checks = {
    ...WIRE_CHECKS,
    async "a topic of its own"(wire: Parameters<typeof WIRE_CHECKS[string]>[0]) {
      const mq = await wire.connect();
      const reply = await mq.request({ action: "put", id: 1, topic: wire.topic("x"), body: "m" });
      assert(reply.seq > 0);
    },
  };
  assertEquals(await failures(server.url, { checks }), []);
});

Deno.test("a server that is not there is one error, and the password of its address is not shown", async () => {
  const checks = () => checkServer("ws://me:secret@127.0.0.1:1/?secret");
  const { message } = await assertRejects(checks, Error);
  assertEquals(
    message,
    "Cannot check a server: the server accepts no connection at ws://127.0.0.1:1/?…",
  );
});

Deno.test("a server that answers no request to connect is one error, and nothing of that is left open", async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const accepted = listener.accept();
  const checks = () => checkServer(`ws://127.0.0.1:${listener.addr.port}`);
  const { message } = await assertRejects(checks, Error);
  assert(message.includes("opening a connection did not come within 5000 ms"), message);
  using silent = await accepted;
  const rest = new Uint8Array(4096);
  // Its request, and then the end.
  while (await silent.read(rest).catch(() => null) !== null);
});
