/**
 * `dsmq work`: what a command gets, what its end means, and how a worker ends.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { WorkerScene } from "../support/cli_worker.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import type { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";
import { withTimeout } from "../support/with_timeout.ts";

const FINISHING = /^dsmq: finishing \d messages?; interrupt again to kill$/;

/** Ends a worker as Ctrl-C does, once it has printed so many lines; returns its end, with these lines. */
async function stopAfter(worker: Program, lines: number) {
  const printed: (string | undefined)[] = [];
  while (printed.length < lines) printed.push(await worker.line());
  worker.child.kill("SIGINT");
  const { code, stderr } = await worker.end();
  // Whether the last command still runs then, nobody knows.
  const errors = stderr.split("\n").filter((line) => line !== "" && !FINISHING.test(line));
  return { code, printed, errors };
}

Deno.test({
  ...ignoredIf(
    noPosix,
    "a command gets the text exactly, and in its environment what is known of the message",
  ),
  async fn() {
    await using scene = await WorkerScene.open();
    const options = { key: "k\0=", messageId: "id 1", headers: { "a-b": "ü\n" }, delay: 0 };
    const seq = await scene.mq.put("t", "ü\r\n\0 end", options);
    await scene.mq.put("t", "");
    const names = ["TOPIC", "GROUP", "SEQ", "ATTEMPT", "KEY", "MESSAGE_ID", "HEADERS"];
    const shown = names.map((name) => `"$DSMQ_${name}"`).join(" ");
    const script =
      `printf '%s|' ${shown}; od -An -tx1 | tr -d '\\n'; echo " $DSMQ_CLAIM $DSMQ_TIME"`;
    const { code, printed, errors } = await stopAfter(scene.work(script, ["--group", "g"]), 2);
    assertEquals([code, errors], [0, []]);
    const [first, second] = printed as [string, string];
    assert(first.startsWith(`t|g|${seq}|1|k=|id 1|{"a-b":"ü\\n"}| c3 bc 0d 0a 00 20 65 6e 64 `));
    assertMatch(second, /^t\|g\|2\|1\|\|\|\| \d{16,} \d{13}$/);
    const claims = printed.map((line) => Number(line!.split(" ").at(-2)));
    assert(claims[0]! < claims[1]!);
    assertEquals(await scene.counts(), [0, 0, 0]);
  },
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "exit code 0 finishes a message; any other end has it tried again, and says why at the last attempt",
  ),
  async fn() {
    await using scene = await WorkerScene.open();
    await scene.mq.putMany("t", ["ok", "says", "silent", "later", "killed"]);
    const script = `read -r text; echo $text; case $text in
      says) echo first >&2; printf ' the reason \\n\\n' >&2; exit 3;;
      silent) exit 4;;
      later) echo busy >&2; exit 75;;
      killed) echo no reason >&2; kill -KILL $$;;
    esac`;
    const worker = scene.work(script, ["--attempts", "1"]);
    const { code, printed, errors } = await stopAfter(worker, 5);
    assertEquals([code, printed], [0, ["ok", "says", "silent", "later", "killed"]]);
    assertEquals(await Array.fromAsync(scene.mq.deadJobs("t"), ({ reason }) => reason), [
      "the reason",
      "exit code 4",
      "busy",
      "SIGKILL",
    ]);
    const failed = (seq: number, how: string) =>
      `dsmq: message ${seq} of "t", attempt 1 of 1, failed with ${how}, and is dead`;
    const expected = ["first", " the reason ", failed(2, "exit code 3"), failed(3, "exit code 4")];
    assertEquals(errors, [
      ...expected,
      ...["busy", "no reason", failed(5, "SIGKILL")],
    ]);
  },
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "a message whose command fails comes again, with the number of the attempt",
  ),
  async fn() {
    await using scene = await WorkerScene.open();
    await scene.mq.put("t", "m");
    const worker = scene.work("echo $DSMQ_ATTEMPT; [ $DSMQ_ATTEMPT = 2 ] || exit 1");
    const { printed, errors } = await stopAfter(worker, 2);
    assertEquals(printed, ["1", "2"]);
    assertEquals(
      errors,
      ['dsmq: message 1 of "t", attempt 1 of 5, failed with exit code 1'],
    );
    assertEquals(await scene.counts(), [0, 0, 0]);
  },
});

Deno.test({
  ...ignoredIf(noPosix, "a command need not read its input, nor wait for what it has started"),
  async fn() {
    await using scene = await WorkerScene.open();
    await scene.mq.putMany("t", ["x".repeat(900_000), "y"]);
    // What it has started holds its standard error.
    const script = "sleep 1000 >/dev/null & echo $!";
    const { code, printed, errors } = await stopAfter(scene.work(script), 2);
    for (const pid of printed) Deno.kill(Number(pid), "SIGKILL");
    assertEquals([code, errors], [0, []]);
    assertEquals(await scene.counts(), [0, 0, 0]);
  },
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "as many commands run at one time as --concurrency says; one interrupt lets them finish",
  ),
  async fn() {
    await using scene = await WorkerScene.open();
    const folder = await Deno.makeTempDir();
    try {
      await scene.mq.putMany("t", ["1", "2", "3"]);
      const script = `echo begins; until [ -e ${folder}/go ]; do sleep 0.01; done; echo ends`;
      const worker = scene.work(script, ["--concurrency", "2"]);
      assertEquals([await worker.line(), await worker.line()], ["begins", "begins"]);
      assertEquals(await scene.counts(), [1, 2, 0]);
      worker.child.kill("SIGTERM");
      assertEquals(await worker.errorLine(), "dsmq: finishing 2 messages; interrupt again to kill");
      await Deno.writeTextFile(`${folder}/go`, "");
      assertEquals((await worker.end()).stdout, "ends\nends");
      assertEquals((await worker.child.status).code, 0);
      assertEquals(await scene.counts(), [1, 0, 0]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "a second interrupt kills what runs, with all that it has started, and gives its message back",
  ),
  async fn() {
    await using scene = await WorkerScene.open();
    await scene.mq.put("t", "m");
    const worker = scene.work("sleep 1000 & echo $!; trap '' TERM; wait; wait");
    const pid = Number(await worker.line());
    worker.child.kill("SIGINT");
    assertEquals(await worker.errorLine(), "dsmq: finishing 1 message; interrupt again to kill");
    worker.child.kill("SIGINT");
    const { code } = await withTimeout(worker.end(), 30_000).catch((error) => {
      // Otherwise it would hold the output of the worker for long.
      Deno.kill(pid, "SIGKILL");
      throw error;
    });
    assertEquals(code, 130);
    assertEquals(await scene.counts(), [1, 0, 0]);
    assertEquals((await scene.mq.claim("t"))?.attempt, 1);
    while (await isAlive(pid)) { /* the kernel takes its time */ }
  },
});

/** Whether a process has not ended. */
async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", `${pid}`] })
    .output();
  return /^[^Z]/.test(new TextDecoder().decode(stdout).trim());
}

Deno.test({
  ...ignoredIf(
    noPosix,
    "a command that takes longer than --timeout gets SIGTERM, and its message is tried again",
  ),
  async fn() {
    await using scene = await WorkerScene.open();
    await scene.mq.put("t", "m");
    const script = "trap 'echo ended; exit 0' TERM; sleep 1000 >/dev/null & wait";
    const worker = scene.work(script, ["--timeout", "200ms", "--attempts", "1"]);
    assertEquals(await worker.line(), "ended");
    const { code, errors } = await stopAfter(worker, 0);
    const why = "timeout: it took longer than 200 ms";
    assertEquals([code, errors[0]], [
      0,
      `dsmq: message 1 of "t", attempt 1 of 1, was stopped: ${why}`,
    ]);
    assertEquals(await Array.fromAsync(scene.mq.deadJobs("t"), ({ reason }) => reason), [why]);
  },
});

Deno.test({
  ...ignoredIf(noPosix, "one that ignores SIGTERM is killed, with all that it has started"),
  async fn() {
    await using scene = await WorkerScene.open();
    await scene.mq.put("t", "m");
    const options = ["--timeout", "200ms", "--attempts", "1"];
    const worker = scene.work("trap '' TERM; sleep 1000 & echo $!; wait; wait", options);
    const pid = Number(await worker.line());
    assertMatch(await worker.errorLine() ?? "", /was stopped: timeout/);
    assert(await isAlive(pid));
    assertEquals((await stopAfter(worker, 0)).code, 0);
    while (await isAlive(pid)) { /* the kernel takes its time */ }
  },
});

Deno.test({
  ...ignoredIf(noPosix, "a worker whose group is deleted ends, and so does what it runs"),
  async fn() {
    await using scene = await WorkerScene.open();
    await scene.mq.put("t", "m");
    const worker = scene.work(
      "trap 'echo ended; exit 1' TERM; echo begun; sleep 1000 >/dev/null & wait",
    );
    assertEquals(await worker.line(), "begun");
    assertEquals(await scene.mq.deleteGroup("t"), true);
    const { code, stdout, stderr } = await worker.end();
    assertEquals([code, stdout], [1, "ended"]);
    assertMatch(stderr, /the group was deleted$/);
  },
});

Deno.test("a command that cannot be run is one error, its message is given back, and the worker ends", async () => {
  await using scene = await WorkerScene.open();
  const folder = await Deno.makeTempDir();
  try {
    await scene.mq.putMany("t", ["1", "2"]);
    await Deno.writeTextFile(`${folder}/text`, "no program", { mode: 0o644 });
    const cases = [[`${folder}/nothing`, 127, "No such file or directory"], [
      `${folder}/text`,
      126,
      "Permission denied",
    ]] as const;
    for (const [command, expected, reason] of cases) {
      await using worker = scene.work("", ["--concurrency", "2"], [command, "argument"]);
      const { code, stdout, stderr } = await worker.end();
      assertEquals([code, stdout], [expected, ""]);
      const sentence = `dsmq: Cannot run "${command.slice(0, 64)}": ${reason}`;
      assert(stderr.startsWith(sentence) && !stderr.includes("\n"), stderr);
      assertEquals(await scene.counts(), [2, 0, 0]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("without the permission to run the command no message is taken", async () => {
  await using scene = await WorkerScene.open();
  await scene.mq.put("t", "m");
  const [outcome] = await runCommands([["work", "t", "--url", scene.mq.url, "--", "true"]]);
  assertEquals([outcome!.code, outcome!.stderr], [
    1,
    'dsmq: Cannot work: to run "true" Deno needs --allow-run',
  ]);
  assertEquals(await scene.mq.groups(), []);
});
