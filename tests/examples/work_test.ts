/**
 * The examples of workers.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "@dsmq/server";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { Program } from "../support/program.ts";

const run = (name: string, ...args: string[]) =>
  new Program(["-A", `examples/work/${name}`, ...args]);

Deno.test("two processes of the example of a worker share the mails, and each finishes what it has", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await using first = run("worker.ts", server.url);
  await using second = run("worker.ts", server.url);
  for (const worker of [first, second]) assertEquals(await worker.line(), "working on mails");
  const mails = Array.from({ length: 20 }, (_, i) => ({
    body: JSON.stringify({ to: `user${i}@example.org` }),
    key: "k",
  }));
  await mq.putMany("mails", [...mails, '{"from":"nobody"}']);
  while ((await mq.groups())[0]!.done < 20) await Promise.resolve();
  for (const { child } of [first, second]) child.kill("SIGINT");
  const ends = [await first.end(), await second.end()];
  assertEquals(ends.map(({ code }) => code), [0, 0]);
  const done = ends.map(({ stdout }) => Number(/stopped after (\d+) mails/.exec(stdout)![1]));
  assertEquals(done[0]! + done[1]!, 20);
  const reasons = await Array.fromAsync(mq.deadJobs("mails"), ({ reason }) => reason);
  assertEquals(reasons, ["it has no address"]);
});

Deno.test({
  ...ignoredIf(noPosix, "the example of a shell script works for dsmq work"),
  async fn() {
    await using server = await openServer();
    await using mq = await connect(server.url);
    await mq.put("mails", '{"to":"alice"}', { key: "alice" });
    await mq.put("mails", "{}");
    const options = ["mails", "--url", server.url, "--attempts", "1"];
    const args = ["-A", "cli.ts", "work", ...options, "--", "examples/work/send.sh"];
    await using worker = new Program(args);
    assertEquals(await worker.line(), "sent message 1, key alice, attempt 1");
    assertEquals(await worker.errorLine(), "it has no address");
    assertMatch((await worker.errorLine())!, /failed with exit code 65, and is dead$/);
    worker.child.kill("SIGINT");
    assertEquals((await worker.end()).code, 0);
    const reasons = await Array.fromAsync(mq.deadJobs("mails"), ({ reason }) => reason);
    assertEquals(reasons, ["it has no address"]);
  },
});

Deno.test("of two clocks that tick, one message a tick is stored", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url, { since: "start" });
  await using first = run("tick.ts", server.url, "0.2", "3");
  await using second = run("tick.ts", server.url, "0.2", "3");
  const reports: string[] = [];
  for (const clock of [first, second]) {
    const { code, stdout } = await clock.end();
    assertEquals(code, 0);
    reports.push(...stdout.split("\n"));
  }
  assertEquals(reports.length, 6);
  const { messages } = (await mq.topics())[0]!;
  assertEquals(messages, new Set(reports.map((line) => line.split(" ").at(-1))).size);
  assertEquals(messages, new Set(reports.map((line) => line.split(" ")[1])).size);
});

Deno.test("the example of fencing keeps the result of the later delivery", async () => {
  await using example = run("fenced.ts");
  const { code, stdout } = await example.end();
  assertEquals([code, stdout], [
    0,
    "attempt 2 stored: true\nattempt 1 stored: false\nthe report",
  ]);
});
