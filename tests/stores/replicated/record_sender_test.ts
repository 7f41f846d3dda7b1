import { assert, assertEquals } from "@std/assert";
import { LogWriters } from "../../../stores/replicated/log_writers.ts";
import { decodeRecord } from "../../../stores/replicated/record_text.ts";
import { RecordSender } from "../../../stores/replicated/record_sender.ts";
import { StoreError } from "../../../stores/store.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { put } from "../../../testing/store/support.ts";

/** A sender, and what it hands to its log. */
function open() {
  const records: string[] = [];
  const sender = new RecordSender({
    log: {
      maxRecord: 1024 * 1024,
      append(bytes) {
        const { writer, number, commands } = decodeRecord(bytes)!;
        const names = (commands() ?? []).map(({ type }) => type).join();
        records.push(`${writer.replace(/^[^/]+/, "")}${number} ${names}`);
        return Promise.resolve();
      },
    },
    clock: new ManualClock(),
    seen: () => ({ position: 0, digest: "" }),
    version: () => 1,
    timeout: 4500,
  });
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { sender, records, turn };
}

const codeOf = (result: unknown) => result instanceof StoreError ? result.code : result;

Deno.test("what is under way of a writer that the log has forgotten is sent under another name", async () => {
  const { sender, records, turn } = open();
  const first = sender.send([put("t", "1")]);
  await turn();
  sender.applied(1, [{ seq: 1 }]);
  await first;
  const second = sender.send([put("t", "2")]);
  await turn();
  const fence = sender.fence();
  await turn();
  sender.ignored(1);
  assertEquals(records, ["1 put", "2 put", "3 ", "/11 put", "/12 "]);
  sender.applied(1, [{ seq: 2 }]);
  sender.applied(2, []);
  assertEquals(await second, [{ seq: 2 }]);
  await fence;
  sender.stop();
});

Deno.test("no record under an earlier name of a server counts behind one under a later name", () => {
  const writers = new LogWriters();
  for (const [i, name] of ["s", "s/9", "s/10"].entries()) {
    assertEquals(writers.next(name), 1);
    writers.wrote(
      { writer: name, number: 1 },
      { time: i },
      [],
      undefined,
    );
    assertEquals(writers.next(name), 2);
  }
  const restored = new LogWriters();
  restored.restore(writers.all);
  for (const one of [writers, restored]) {
    assertEquals(["s", "s/9", "s/10", "s/11", "t"].map((name) => one.next(name)), [
      Infinity,
      Infinity,
      2,
      1,
      1,
    ]);
  }
});

Deno.test("what counted while the replica was made anew is done, and its results are unknown; nothing is sent before", async () => {
  const { sender, records, turn } = open();
  const first = sender.send([put("t", "1")]);
  await turn();
  const join = sender.control({ type: "join", knows: 1 });
  await turn();
  sender.pause();
  const last = sender.send([put("t", "2")]);
  sender.ignored(1);
  await turn();
  assertEquals(records, ["1 put", "2 "]);
  sender.resume(3);
  assertEquals((await first).map(codeOf), ["unknown_outcome"]);
  await join;
  assertEquals(records, ["1 put", "2 ", "3 put"]);
  sender.stop();
  assert((await last)[0] instanceof StoreError);
});
