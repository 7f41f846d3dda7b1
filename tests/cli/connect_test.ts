/**
 * The command line without a server: it reports why at once, and for how long it retries.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "@dsmq/server";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { freePort } from "../support/free_port.ts";
import { openServer } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { serverRequests } from "../support/server_requests.ts";
import { WELCOME } from "../support/scripted_server.ts";

function dsmq(...args: string[]): Program {
  return new Program(["--allow-net", "--no-prompt", "cli.ts", ...args]);
}

/** What a command prints, its exit code, and how long it takes (ms). */
async function ran(...args: string[]) {
  const begin = performance.now();
  await using program = dsmq(...args);
  const { code, stdout, stderr } = await program.end();
  return { code, stdout, stderr: stderr.split("\n"), took: performance.now() - begin };
}

const unreachable = (port: string) =>
  `dsmq: Cannot connect to ws://127.0.0.1:${port}: nothing listens there; to start a server: dsmq serve --port ${port}`;

Deno.test("a command that finds no server reports it at once, retries for 3 s, and fails", async () => {
  const port = `${freePort()}`;
  const commands = [["put", "t", "m"], ["get", "t"], ["topics"], ["shutdown"]];
  const ends = await Promise.all(commands.map((args) => ran(...args, "--port", port)));
  for (const { code, stdout, stderr, took } of ends) {
    assertEquals([code, stdout, stderr[0]], [1, "", `${unreachable(port)}; retrying for 3 s`]);
    assert(stderr[1]!.startsWith(unreachable(port)), stderr[1]);
    assertMatch(stderr[1]!, / \(\d+ tries in 3\.\d s\)$/);
    assertEquals(stderr.length, 2);
    assert(took >= 3000, `${took} ms`);
  }
});

Deno.test("a command that starts before its server succeeds once the server is up", async () => {
  const port = `${freePort()}`;
  await using tail = dsmq("tail", "t", "--since", "start", "--count", "1", "--port", port);
  assertEquals(await tail.errorLine(), `${unreachable(port)}; retrying until Ctrl-C`);
  await using put = dsmq("put", "t", "m", "--port", port);
  assertEquals(await put.errorLine(), `${unreachable(port)}; retrying for 3 s`);
  await using server = await openServer({ port: Number(port) });
  const { code, stderr } = await put.end();
  assertEquals([code, stderr], [0, `${unreachable(port)}; retrying for 3 s`]);
  assertEquals(await tail.line(), "m");
  assertEquals((await tail.end()).code, 0);
  assertEquals(server.stats().stored, 1);
});

Deno.test("wait ends with code 3 when its timeout has passed, even if there is no server, or a silent one", async () => {
  const port = `${freePort()}`;
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [absent, unanswered] = await Promise.all([
    ran("wait", "t", "--timeout", "700ms", "--port", port),
    ran("wait", "t", "--timeout", "1500ms", "--port", String(silent.addr.port)),
  ]);
  assertEquals([absent.code, absent.stderr[0]], [
    3,
    `${unreachable(port)}; retrying for 0.7 s`,
  ]);
  assertEquals(unanswered.code, 3);
  assertEquals(unanswered.stderr[0], "dsmq: no answer yet, still trying to connect");
  assertMatch(
    unanswered.stderr[1]!,
    /accepted there, but the request for a WebSocket is not answered/,
  );
  assert(absent.took < 4000 && unanswered.took < 5000, `${absent.took} and ${unanswered.took} ms`);
});

Deno.test("wait ends when its timeout has passed, even if its server goes away meanwhile", async () => {
  using requests = serverRequests();
  await using server = await openServer();
  await using wait = dsmq("wait", "t", "--timeout", "1500ms", "--url", server.url);
  await requests.until("get_wait");
  await server.shutdown();
  const begin = performance.now();
  const { code, stderr } = await wait.end();
  assertEquals(code, 3);
  assertMatch(stderr, /^dsmq: lost the connection to /);
  assert(stderr.includes(unreachable(String(server.port))), stderr);
  assert(performance.now() - begin < 3500);
});

Deno.test("a command whose server goes away before it has answered retries for 3 s, and fails", async () => {
  const requested = Promise.withResolvers<void>();
  let expected = 3;
  const sockets: WebSocket[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "dsmq" });
    sockets.push(socket);
    socket.onmessage = ({ data }) => {
      const { action, id } = JSON.parse(data);
      if (action === "hello") socket.send(JSON.stringify({ ...WELCOME, id }));
      else if (--expected === 0) requested.resolve();
    };
    return response;
  });
  const port = String(server.addr.port);
  const commands = [["put", "t", "m"], ["get", "t"], ["topics"]];
  const ends = Promise.all(commands.map((args) => ran(...args, "--port", port)));
  await requested.promise;
  const stopped = server.shutdown();
  for (const socket of sockets) socket.close(1001);
  await stopped;
  const result = performance.now();
  for (const { code, stderr: [lost, retry, error, ...others] } of await ends) {
    assertEquals([code, others], [1, []]);
    assertMatch(
      lost!,
      /^dsmq: lost the connection to .* it was closed: Server shutting down; reconnecting$/,
    );
    assertEquals(retry, `${unreachable(port)}; retrying for 3 s`);
    assertMatch(
      error!,
      /^dsmq: Cannot (tell whether the message is stored|get|list topics): .*\(given up after 3\.\d s\)$/,
    );
  }
  const took = performance.now() - result;
  assert(took > 2900 && took < 6000, `${took} ms`);
});

Deno.test("tail waits for its server until Ctrl-C", async () => {
  const port = `${freePort()}`;
  await using tail = dsmq("tail", "t", "--port", port);
  assertEquals(await tail.errorLine(), `${unreachable(port)}; retrying until Ctrl-C`);
  // One that begins later, and gives up after 3 s: by then tail would have given up too, if it did.
  assertEquals((await ran("get", "t", "--port", port)).code, 1);
  tail.child.kill("SIGINT");
  const { code, stderr } = await tail.end();
  assertEquals([code, stderr], [0, `${unreachable(port)}; retrying until Ctrl-C`]);
});

Deno.test("the same refusal is printed once, whatever else its body holds", async () => {
  let requests = 0;
  await using busy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(`request ${++requests}`, { status: 503 }),
  );
  const { code, stderr } = await ran(
    ...["wait", "t", "--timeout", "1", "--port", String(busy.addr.port)],
  );
  assertEquals([code, stderr.length, requests > 3], [3, 2, true]);
  assertMatch(
    stderr[0]!,
    /the answer is 503 Service Unavailable: request 1; retrying for 1 s$/,
  );
});

Deno.test("an error that retrying cannot fix ends a command at once, with the reason", async () => {
  await using locked = await openServer({ auth: "good" });
  const cases: [string[], number, RegExp][] = [
    [["tail", "t", "--url", "ws://no-such-host.invalid"], 1, /there is no host "no-such-host\.in/],
    [["wait", "t", "--timeout", "0", "--url", locked.url], 1, /needs a token, and none was giv/],
  ];
  for (const [args, expected, reason] of cases) {
    const { code, stderr, took } = await ran(...args);
    assertEquals([code, stderr.length], [expected, 1], stderr.join("\n"));
    assertMatch(stderr[0]!, reason);
    assert(took < 4000);
  }
});

Deno.test({
  ...ignoredIf(noPosix, "a process that was stopped continues with the time that was left"),
  async fn() {
    const port = `${freePort()}`;
    const args = ["t", "--since", "start", "--timeout", "3", "--port", port];
    await using wait = dsmq("wait", ...args);
    assertEquals(await wait.errorLine(), `${unreachable(port)}; retrying for 3 s`);
    wait.child.kill("SIGSTOP");
    // The same command begins later and is not stopped: when it gives up, all the time of the first has passed.
    assertEquals((await ran("wait", ...args)).code, 3);
    await using server = await openServer({ port: Number(port) });
    await using mq = await connect(server.url);
    await mq.put("t", "late");
    wait.child.kill("SIGCONT");
    const { code, stdout } = await wait.end();
    assertEquals([code, stdout], [0, "late"]);
  },
});
