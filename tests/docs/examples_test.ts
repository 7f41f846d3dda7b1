import { assertEquals, assertMatch } from "@std/assert";
import { Program } from "../support/program.ts";

const TEXTS = [1, 2, 3, 4, 5].map((i) => `hello number ${i}`);

Deno.test("the examples of server, put client and get client work together", async () => {
  await using server = new Program(["--allow-net", "--no-prompt", "examples/server.ts", "0"]);
  const url = (await server.line())!.replace("listening on ", "");
  assertMatch(url, /^ws:/);

  await using getter = new Program(["--allow-net", "--no-prompt", "examples/get_client.ts", url]);
  assertEquals(await getter.line(), "waiting for greetings");
  await using putter = new Program(["--allow-net", "--no-prompt", "examples/put_client.ts", url]);
  const put = await putter.end();
  assertEquals([put.code, put.stdout], [0, TEXTS.map((text) => `put: ${text}`).join("\n")]);
  for (const text of TEXTS) assertEquals(await getter.line(), `got: ${text}`);

  server.child.kill("SIGTERM");
  assertEquals(await server.end(), { code: 0, stdout: "stopped", stderr: "" });
});

Deno.test("the get client ends by itself when no more messages come", async () => {
  await using server = new Program(["--allow-net", "--no-prompt", "examples/server.ts", "0"]);
  const url = (await server.line())!.replace("listening on ", "");
  await using getter = new Program(["--allow-net", "--no-prompt", "examples/get_client.ts", url]);
  assertEquals((await getter.end()).code, 0);
});

Deno.test("the example of a server in its own process stops it", async () => {
  await using example = new Program(["-A", "examples/server_process.ts"]);
  const { code, stdout, stderr } = await example.end();
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout.split("\n").filter((line) => !line.startsWith("listening on ")), [
    "stored in another process",
    "stopped",
    "the server exited with code 0",
  ]);
});
