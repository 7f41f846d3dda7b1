/**
 * `dsmq put` and its standard input: what is put is reported, and what is not put is never skipped.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "@dsmq/server";
import { BadLine, lines } from "../../cli/lines.ts";
import { runCommands } from "../support/run_commands.ts";
import { openServer } from "../support/open_server.ts";
import { Program, ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const encoder = new TextEncoder();

function dsmq(...args: string[]): Program {
  return new Program(["--allow-net", "cli.ts", ...args]);
}

Deno.test("an overlong line is read no further than its limit, and the lines before it are returned", async () => {
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pulled === 100) return controller.close();
      controller.enqueue(encoder.encode(pulled++ === 0 ? "one\ntwo\nthr" : "e".repeat(100)));
    },
  });
  const found: string[] = [];
  const reading = async () => {
    for await (const batch of lines(endless, () => 1000)) found.push(...batch);
  };
  await assertRejects(reading, BadLine, "it is longer than the limit of 1000 bytes");
  assertEquals(found, ["one", "two"]);
  assert(pulled < 20, `${pulled} pieces were read`);
});

Deno.test("lines of the maximal length are accepted, in chunks of any size", async () => {
  const texts = ["", "\ufeffa\r", "\0", "é".repeat(500), "", "x".repeat(1000), "y"];
  const bytes = encoder.encode(texts.join("\n"));
  for (const size of [1, 7, 999, 4096]) {
    const pieces = ReadableStream.from(
      Array.from(
        { length: Math.ceil(bytes.length / size) },
        (_, i) => bytes.subarray(i * size, (i + 1) * size),
      ),
    );
    const found: string[] = [];
    for await (const batch of lines(pieces, () => 1000)) found.push(...batch);
    assertEquals(found, texts, `${size} bytes at a time`);
  }
});

Deno.test("put refuses a line that exceeds the server's limit before its end, and puts those before it", async () => {
  await using server = await openServer({ limits: { messageBytes: 5000 } });
  await using program = dsmq("put", "t", "-", "--json", "--url", server.url);
  await program.input(`one\n${"x".repeat(200_000)}`).catch(() => {});
  const { code, stdout, stderr } = await program.end();
  assertEquals(
    stderr,
    "dsmq: Cannot put line 2 (the lines before it were put): it is longer than the limit of 5000 bytes",
  );
  assertEquals([code, stdout], [1, '{"topic":"t","seq":1}']);
});

Deno.test("put names the line that is too large for the server that has come back, and not its place in a list", async () => {
  const server = await openServer({ limits: { messageBytes: 1000 } });
  await using program = dsmq("put", "t", "-", "--json", "--url", server.url);
  const input = program.child.stdin.getWriter();
  await input.write(encoder.encode("one\n"));
  assertEquals(await program.line(), '{"topic":"t","seq":1}');
  await server.shutdown();
  // It knows that the server is away.
  await program.errorLine();
  await input.write(encoder.encode(`${"x".repeat(200)}\n`));
  await input.close();
  await using _again = await openServer({ port: server.port, limits: { messageBytes: 100 } });
  const { code, stderr } = await program.end();
  const what = "Cannot put line 2 (the lines before it were put)";
  const error = `dsmq: ${what}: it is 202 bytes as JSON, the limit is 100 now`;
  assertEquals([code, stderr.split("\n").at(-1)], [1, error], stderr);
});

Deno.test("put goes on when nobody reads its numbers any more, because the rest would not be put", async () => {
  await using server = await openServer();
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "-q", "cli.ts", "put", "t", "--json", "--url", server.url],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  const output = child.stdout.getReader();
  await input.write(encoder.encode("first\n"));
  await withTimeout(output.read());
  await output.cancel();
  await input.write(encoder.encode("x\n".repeat(20_000)));
  await input.close();
  assertEquals(await withTimeout(new Response(child.stderr).text()), "");
  assertEquals((await child.status).code, 0);
  await using mq = await connect(server.url);
  assertEquals((await mq.topics()).map(({ messages }) => messages), [20_001]);
});

Deno.test("when the numbers cannot be written, put fails, and reports what is put", async () => {
  await using server = await openServer();
  const { stderr, code } = await withTimeout(
    new Deno.Command("sh", {
      args: [
        "-c",
        '"$@" one >/dev/full; seq 3 | "$@" >/dev/full; code=$?; "$@" </ >/dev/null; echo $code $?',
        "sh",
        Deno.execPath(),
        ...["run", "--allow-net", "-q", "cli.ts", "put", "t", "--json", "--url", server.url],
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output(),
    20_000,
  );
  assertEquals(new TextDecoder().decode(stderr).split("\n"), [
    "dsmq: Cannot print: No space left on device (os error 28); the message was put",
    "dsmq: Cannot print: No space left on device (os error 28); 3 lines were put",
    "dsmq: Cannot read standard input: Is a directory (os error 21); 0 lines were put",
    "",
  ]);
  assertEquals(code, 0);
});

Deno.test("a message that is a dash goes behind --", async () => {
  await using server = await openServer();
  const [put, got, input] = await runCommands([
    ["put", "t", "--url", server.url, "--", "-"],
    ["get", "t", "--url", server.url],
    ["put", "-", "--url", server.url],
  ]);
  assertEquals([put!.code, got!.stdout, input!.code], [0, "-", 0]);
});
