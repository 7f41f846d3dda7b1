/**
 * How a worker of the command line ends when its terminal is closed, or when nobody reads its output any more.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { WorkerScene } from "../support/cli_worker.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import type { Program } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const FINISHING = "dsmq: finishing 1 message; interrupt again to kill";
const CLOSED =
  "dsmq: nobody reads the output any more: the worker ends, and gives back the messages that failed for that";

/** Why a worker cannot see here that its output has a reader. */
const noPoll = Deno.build.os !== "linux" &&
  "only on Linux a worker looks for the reader of its output";

/** Without them a worker cannot see that its output has no reader, but by how its commands end. */
const FEWEST = ["--allow-net", "--allow-run"];

/** Runs a test with a folder of its own. */
async function withFolder(prove: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await prove(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A script that waits until it may go on. */
const waiting = (folder: string) =>
  `echo begins; until [ -e ${folder}/go ]; do sleep 0.01; done; echo ends`;

Deno.test({
  ...ignoredIf(
    noPosix,
    "SIGHUP lets a worker finish what runs, however often it comes; an interrupt after it kills",
  ),
  fn: () =>
    withFolder(async (folder) => {
      await using scene = await WorkerScene.open();
      await scene.mq.putMany("t", ["1", "2"]);
      const worker = scene.work(waiting(folder));
      assertEquals(await worker.line(), "begins");
      worker.child.kill("SIGHUP");
      assertEquals(await worker.errorLine(), FINISHING);
      for (let i = 0; i < 3; i++) worker.child.kill("SIGHUP");
      // One that were killed by that would not come so far as to look for its next job.
      assertEquals(await scene.counts(), [1, 1, 0]);
      await Deno.writeTextFile(`${folder}/go`, "");
      assertEquals(await worker.end(), { code: 0, stdout: "ends", stderr: FINISHING });
      assertEquals(await scene.counts(), [1, 0, 0]);
      await Deno.remove(`${folder}/go`);
      const other = scene.work(waiting(folder));
      assertEquals(await other.line(), "begins");
      other.child.kill("SIGHUP");
      assertEquals(await other.errorLine(), FINISHING);
      other.child.kill("SIGTERM");
      assertEquals((await other.end()).code, 143);
      assertEquals(await scene.counts(), [1, 0, 0]);
    }),
});

Deno.test({
  ...ignoredIf(noPosix, "a worker that nohup has started works on after SIGHUP"),
  async fn() {
    await using scene = await WorkerScene.open();
    const worker = scene.workIn("trap '' HUP; exec \"$@\"", "cat; echo");
    await scene.mq.put("t", "before");
    assertEquals(await worker.line(), "before");
    worker.child.kill("SIGHUP");
    await scene.mq.put("t", "after");
    assertEquals(await worker.line(), "after");
    worker.child.kill("SIGTERM");
    assertEquals((await worker.end()).code, 0);
  },
});

/** A worker of whose output one line is read, and then no more. */
const HEAD = '{ "$@"; echo "code $?" >&2; } | { head -n 1; exec <&-; echo "no reader" >&2; }';

/** Holds what such a worker says in the end, and its exit code. */
async function assertClosed(worker: Program, failures: readonly string[] = []): Promise<void> {
  const { stderr } = await withTimeout(worker.end(), 60_000);
  // The shell and the worker do not wait for each other.
  assertEquals(stderr.split("\n").sort(), ["code 141", ...failures, CLOSED, "no reader"]);
}

const failed = (seq: number) =>
  `dsmq: message ${seq} of "t", attempt 1 of 5, failed with exit code 141`;

for (
  const [permissions, script, failures] of [
    // It is seen before a command fails, whatever that makes of it, and says of it.
    [["-A"], "trap '' PIPE; { cat && echo; } 2>/dev/null || exit 1", []],
    // It is not certain: for the message that says so it is an attempt.
    [FEWEST, "cat && echo", [failed(2)]],
  ] as const
) {
  Deno.test({
    ...ignoredIf(
      noPosix,
      `a worker whose output nobody reads ends, and ${
        failures.length || "no"
      } message has an attempt less for it (${permissions.join(" ")})`,
    ),
    async fn() {
      await using scene = await WorkerScene.open();
      await scene.mq.put("t", "1");
      const worker = scene.workIn(HEAD, script, [], permissions);
      assertEquals(await worker.line(), "1");
      while (await worker.errorLine() !== "no reader") { /* the worker may have seen it */ }
      await scene.mq.putMany("t", ["2", "3"]);
      await assertClosed(worker, failures);
      const { done, depth, held, retried } = (await scene.mq.groups())[0]!;
      assertEquals([done, depth, held, retried], [1, 2, 0, failures.length]);
    },
  });
}

Deno.test({
  ...ignoredIf(
    noPoll,
    "a command that exits with 141 while its output is read has failed, and its worker works on",
  ),
  async fn() {
    await using scene = await WorkerScene.open();
    await scene.mq.putMany("t", ["1", "2"]);
    const worker = scene.work("cat; echo; exit 141");
    for (const seq of [1, 2]) {
      assertEquals([await worker.line(), await worker.errorLine()], [`${seq}`, failed(seq)]);
    }
    worker.child.kill("SIGTERM");
    assertEquals((await worker.end()).code, 0);
  },
});

Deno.test({
  ...ignoredIf(noPosix, "while it ends for that, what needs no output is finished"),
  fn: () =>
    withFolder(async (folder) => {
      await using scene = await WorkerScene.open();
      await scene.mq.putMany("t", ["quiet", "loud", "later"]);
      const script = `read -r text
        if [ "$text" = quiet ]; then until [ -e ${folder}/go ]; do sleep 0.01; done; exit 0; fi
        while echo loud; do sleep 0.01; done`;
      const worker = scene.workIn(HEAD, script, ["--concurrency", "2"]);
      assertEquals(await worker.line(), "loud");
      const group = async () => (await scene.mq.groups())[0]!;
      const asksForNoMore = async () => {
        while ((await group()).workers > 0) { /* it holds what it has */ }
      };
      await withTimeout(asksForNoMore(), 60_000);
      await Deno.writeTextFile(`${folder}/go`, "");
      await assertClosed(worker);
      const { done, depth, held, retried } = await group();
      assertEquals([done, depth, held, retried], [1, 2, 0, 0]);
    }),
});
