/**
 * `deno serve`, which has the port: with the module of the package, and with one of three lines.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { Program, ROOT } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Starts `deno serve` on any free port; resolves once it listens. */
async function denoServe(...args: string[]): Promise<{ program: Program; port: number }> {
  const program = new Program(args, {}, ["serve", "--allow-net", "--no-prompt", "--port", "0"]);
  for (;;) {
    const line = await withTimeout(program.errorLine(), 20_000);
    const port = /Listening on http:.*:(\d+)\//.exec(line ?? "")?.[1];
    if (port !== undefined) return { program, port: Number(port) };
    if (line === undefined) throw new Error(`it ended: ${JSON.stringify(await program.end())}`);
  }
}

/** A module that imports `createHandler`, in a file. */
function handlerModule(source: string): Disposable & { readonly path: string } {
  const path = Deno.makeTempFileSync({ suffix: ".ts" });
  const server = new URL("server.ts", ROOT).href;
  Deno.writeTextFileSync(
    path,
    `import { createHandler } from ${JSON.stringify(server)};\n${source}`,
  );
  return { path, [Symbol.dispose]: () => Deno.removeSync(path) };
}

Deno.test("deno serve with ./fetch is a server, with no permission but the network", async () => {
  const { program, port } = await denoServe("fetch.ts");
  await using _program = program;
  await using mq = await connect(`ws://localhost:${port}`);
  assertEquals(await mq.put("t", "hello"), 1);
  assertEquals(await mq.get("t"), "hello");
  assertEquals(await (await fetch(`http://127.0.0.1:${port}/health`)).text(), "ok\n");
});

Deno.test("a module of three lines is a server with options of its own", async () => {
  using module = handlerModule(
    `export default createHandler({ path: "/mq", auth: "a-secret" });`,
  );
  const { program, port } = await denoServe(module.path);
  await using _program = program;
  await using mq = await connect(`ws://localhost:${port}/mq`, { token: "a-secret" });
  assertEquals(await mq.put("t", "hello"), 1);
  assertEquals((await (await fetch(`http://localhost:${port}/`)).json()).code, "not_found");
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    ...ignoredIf(noPosix, `deno serve ends at ${signal} with code 0, also with connections`),
    async fn() {
      const { program, port } = await denoServe("fetch.ts");
      await using _program = program;
      await using raw = await RawClient.open(`ws://localhost:${port}`);
      assertEquals((await raw.request({ action: "put", id: 1, topic: "t", body: "x" })).seq, 1);
      program.child.kill(signal);
      assertEquals((await withTimeout(program.end(), 10_000)).code, 0);
      // Its clients come back to the next server.
      assert([1001, 1006].includes((await raw.closed).code));
    },
  });
}

Deno.test({
  ...ignoredIf(
    noPosix,
    "deno serve ends at SIGTERM, though clients left before they were answered",
  ),
  async fn() {
    using module = handlerModule(
      `const gate = Promise.withResolvers();
       const verify = async () => {
         console.error("checking");
         await gate.promise;
         return { permissions: ["read"] };
       };
       const mq = createHandler({ auth: { verify } });
       export default {
         fetch(request, info) {
           if (new URL(request.url).pathname !== "/go") return mq.fetch(request, info);
           gate.resolve();
           return new Response("gone\\n");
         },
       };`,
    );
    const { program, port } = await denoServe(module.path);
    await using _program = program;
    {
      using client = await RawSocket.connect(port);
      await client.send(upgradeRequest("Authorization: Bearer abc"));
      while (await withTimeout(program.errorLine()) !== "checking") { /* the next */ }
    }
    assertEquals(await (await fetch(`http://localhost:${port}/go`)).text(), "gone\n");
    program.child.kill("SIGTERM");
    const { code, stderr } = await withTimeout(program.end(), 10_000);
    assertEquals([code, stderr.includes("request.signal")], [0, false], stderr);
  },
});

Deno.test("deno serve --parallel would run several queues: it ends with a sentence that says so", async () => {
  const args = ["serve", "--allow-net", "--no-prompt", "--port", "0", "--parallel"];
  await using program = new Program(["fetch.ts"], { DENO_JOBS: "2" }, args);
  const { code, stderr } = await withTimeout(program.end(), 20_000);
  assertEquals(code, 1);
  assertStringIncludes(
    stderr,
    "dsmq: --parallel would run several queues that know nothing of each other: leave it out",
  );
});

Deno.test("a program's own handler says so, too, but not because one thread has several handlers, or workers that have some", async () => {
  const server = JSON.stringify(new URL("server.ts", ROOT).href);
  const worker = `import { createHandler } from ${server};
    await createHandler().ready;
    self.postMessage("ready");`;
  const url = `data:application/typescript,${encodeURIComponent(worker)}`;
  using module = handlerModule(
    `const first = createHandler({ path: "/mq", auth: "a-secret" });
     await createHandler().ready;
     const worker = new Worker(${JSON.stringify(url)}, { type: "module" });
     await new Promise((resolve) => worker.onmessage = resolve);
     // What was said before this is heard by now.
     const [here, there] = [1, 2].map(() => new BroadcastChannel("test"));
     await new Promise((resolve) => {
       there.onmessage = resolve;
       here.postMessage("");
     });
     for (const channel of [here, there]) channel.close();
     console.error("all are here");
     export default first;`,
  );
  const args = ["serve", "--allow-all", "--no-prompt", "--port", "0"];
  for (const [threads, lines] of [[1, 0], [2, 1]] as const) {
    const more = threads > 1 ? ["--parallel"] : [];
    const program = new Program([module.path], { DENO_JOBS: `${threads}` }, [...args, ...more]);
    await using _ = program;
    const seen: string[] = [];
    const isSaid = (text: string) => seen.filter((line) => line.includes(text)).length;
    const sentence =
      "dsmq: --parallel would run several queues that know nothing of each other: leave it out";
    while (isSaid("all are here") < threads || isSaid(sentence) < lines) {
      seen.push(await withTimeout(program.errorLine(), 20_000) ?? "it ended");
      assert(seen.at(-1) !== "it ended", seen.join("\n"));
    }
    if (lines === 0) assertEquals(isSaid(sentence), 0, seen.join("\n"));
  }
});

Deno.test("a module that imports ./fetch may end", async () => {
  const file = new URL("fetch.ts", ROOT).href;
  const code = `import handler from ${JSON.stringify(file)}; console.log(typeof handler.fetch);`;
  const module = `data:application/typescript,${encodeURIComponent(code)}`;
  await using program = new Program(["-A", module]);
  const { stdout } = await withTimeout(program.end(), 20_000);
  assertEquals(stdout, "function");
});
