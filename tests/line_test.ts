import { assert, assertEquals } from "@std/assert";
import { FrameScan } from "../protocol/frame_scan.ts";
import { Line } from "../queue/line.ts";
import { ReplyWriter } from "../queue/reply_writer.ts";
import { ManualTurns, settled } from "./support/manual_turns.ts";
import { USUAL_LIMITS } from "../protocol/limits.ts";

const LIMITS = { ...USUAL_LIMITS, messageBytes: 1000 };
const wire = { send() {}, buffered: 0, drained: () => Promise.resolve(), close() {} };
const unasked = { noted() {}, flooded() {} };
const frame = (count: number) =>
  JSON.stringify(Array.from({ length: count }, () => ({ action: "topics", id: 1 })));

/** A line whose requests take so many milliseconds each. */
function slowLine(manual: ManualTurns, ms: number, limits = LIMITS) {
  const did = { requests: 0 };
  const line = new Line({ ...wire, turn: manual.turns.join() }, new ReplyWriter(wire), limits, {
    act: (run) => (did.requests += run.length, manual.work(ms * run.length)),
    refuse() {},
    failed() {},
    ...unasked,
  });
  return { line, did };
}

Deno.test("a long frame lets others have their turn in between", async () => {
  const manual = new ManualTurns();
  const { line, did } = slowLine(manual, 2);
  line.receive(frame(50));
  await settled();
  assertEquals(did.requests, 5);
  let looks = 0;
  for (; manual.awaited; looks++) await manual.look();
  assertEquals([did.requests, looks], [50, 9]);
});

Deno.test("where each answer has a frame of its own, few requests are done in one go", async () => {
  for (const [frameBytes, most] of [[1, 64], [16 * 1024, 256], [256 * 1024, 1000]] as const) {
    const replies = new ReplyWriter(wire);
    replies.frameBytes = frameBytes;
    const runs: number[] = [];
    const line = new Line(wire, replies, LIMITS, {
      act: (run) => void runs.push(run.length),
      ...{ refuse() {}, failed() {} },
      ...unasked,
    });
    const put = { action: "put", id: 1, topic: "t", message: "" };
    line.receive(JSON.stringify(Array.from({ length: 1000 }, () => put)));
    await line.finish();
    assertEquals([runs.reduce((sum, n) => sum + n), Math.max(...runs)], [1000, most]);
  }
});

Deno.test("after each run that takes its time others have a turn", async () => {
  const manual = new ManualTurns();
  const { line, did } = slowLine(manual, 11);
  line.receive(frame(6));
  line.receive(frame(6));
  await settled();
  for (let done = 1; done < 12; done++) {
    assertEquals(did.requests, done);
    await manual.look();
  }
  assertEquals([did.requests, manual.awaited], [12, false]);
});

Deno.test("a turn does not begin anew because all that had come was done", async () => {
  const manual = new ManualTurns();
  const { line, did } = slowLine(manual, 1);
  for (let i = 0; i < 100; i++) {
    // One comes after another, as soon as the one before is done.
    line.receive(frame(1));
    await settled();
  }
  assertEquals([did.requests, manual.awaited], [10, true]);
});

Deno.test("a connection takes in nothing more while it waits for its turn, but goes on to where its peer has to read", async () => {
  const manual = new ManualTurns();
  const turn = manual.turns.join();
  const drained = Promise.withResolvers<void>();
  let [buffered, done] = [0, 0];
  const slow = {
    send() {},
    close() {},
    turn,
    get buffered() {
      return buffered;
    },
    drained: () => drained.promise,
  };
  const line = new Line(slow, new ReplyWriter(slow), LIMITS, {
    act: () => (manual.work(11), void (buffered = ++done === 2 ? 1e6 : 0)),
    refuse() {},
    failed() {},
    ...unasked,
  });
  line.receive(frame(3));
  await settled();
  let entered = 0;
  turn.enterNext(() => entered++);
  assertEquals([done, entered], [1, 0], "it has something to do first");
  await manual.look();
  assertEquals([done, entered], [2, 0]);
  await manual.look();
  assertEquals(entered, 1, "the peer may have to say all before it reads");
  drained.resolve();
  line.stop();
});

Deno.test("what is said while others wait for their turn is not looked at before its own", async () => {
  const manual = new ManualTurns();
  let understood = 0;
  const limits = {
    ...USUAL_LIMITS,
    get topicBytes() {
      return understood++, 1000;
    },
  };
  const { line } = slowLine(manual, 11, limits);
  const put = JSON.stringify({ action: "put", id: 1, topic: "t", message: "m" });
  for (let i = 0; i < 5; i++) line.receive(put);
  await settled();
  assertEquals(understood, 1);
  while (manual.awaited) await manual.look();
  assertEquals(understood, 5);
});

Deno.test("a frame of many puts is stored in parts, so that others are not kept waiting", async () => {
  const runs: number[] = [];
  const act = (run: readonly unknown[]) => void runs.push(run.length);
  const line = new Line(wire, new ReplyWriter(wire), LIMITS, {
    act,
    refuse() {},
    failed() {},
    ...unasked,
  });
  const put = { action: "put", id: 1, topic: "t", message: "m" };
  line.receive(JSON.stringify(Array.from({ length: 10_000 }, () => put)));
  await line.finish();
  assertEquals(runs.reduce((sum, length) => sum + length, 0), 10_000);
  assert(runs.length >= 3 && runs.length < 20, `${runs} requests go together`);
  assert(Math.max(...runs) <= 4096, `${runs} requests go together`);
});

Deno.test("consecutive puts, with refused ones among them, and consecutive gets go together", async () => {
  const runs: string[][] = [];
  const act = (run: readonly { readonly action: string }[]) =>
    void runs.push(run.map(({ action }) => action));
  const line = new Line(wire, new ReplyWriter(wire), LIMITS, {
    act,
    refuse() {},
    failed() {},
    ...unasked,
  });
  const put = { action: "put", id: 1, topic: "t", message: "m" };
  const get = { action: "get", id: 1, topic: "t" };
  const latest = { ...get, action: "get_latest" };
  line.receive(JSON.stringify([put, {}, put, get, get, latest, latest, put]));
  await line.finish();
  assertEquals(runs, [
    ["put", "refused", "put"],
    ["get", "get"],
    ["get_latest"],
    ["get_latest"],
    ["put"],
  ]);
});

Deno.test("a line that is stopped does nothing more, also in the midst of a frame", async () => {
  let done = 0;
  const act = () => void (++done === 3 && line.stop());
  const line = new Line(wire, new ReplyWriter(wire), LIMITS, {
    act,
    refuse() {},
    failed() {},
    ...unasked,
  });
  line.receive(frame(9));
  line.receive(frame(9));
  await line.finish();
  assertEquals(done, 3);
  line.receive(frame(1));
  await line.finish();
  assertEquals(done, 3);
});

Deno.test("what goes wrong in a request is its answer, and the line goes on", async () => {
  const errors: unknown[] = [];
  let done = 0;
  const act = () => ++done === 2 ? Promise.reject(new Error("a defect")) : undefined;
  const refuse = (_run: unknown, error: unknown) => void errors.push(error);
  const line = new Line(wire, new ReplyWriter(wire), LIMITS, {
    act,
    refuse,
    failed() {},
    ...unasked,
  });
  line.receive(frame(2));
  line.receive(frame(1));
  await line.finish();
  assertEquals(errors.map((error) => (error as Error).message), ["a defect"]);
  assertEquals(done, 3);
});

Deno.test("a failure that cannot even be answered ends the line, and is told once", async () => {
  const errors: unknown[] = [];
  const act = () => Promise.reject(new Error("a defect"));
  const refuse = (_run: unknown, error: unknown) => {
    throw error;
  };
  const line = new Line(wire, new ReplyWriter(wire), LIMITS, {
    act,
    refuse,
    failed: (error) => void errors.push(error),
    ...unasked,
  });
  line.receive(frame(2));
  line.receive(frame(1));
  await line.finish();
  assertEquals(errors.map((error) => (error as Error).message), ["a defect"]);
});

Deno.test("others have their turn while a large frame is looked through, before anything in it is done", async () => {
  const manual = new ManualTurns();
  const { line, did } = slowLine(manual, 0);
  // Whenever the clock is asked, a millisecond has passed.
  manual.now = () => (manual.work(1), ManualTurns.prototype.now.call(manual));
  line.receive(frame(16_000));
  await settled();
  let looks = 0;
  for (; did.requests === 0 && looks < 1000; looks++) await manual.look();
  assert(looks >= 1 && looks < 100, `${looks} looks at the network before anything is done`);
});

Deno.test("what comes behind a large frame that waits for its turn does not have that scanned before", async () => {
  const manual = new ManualTurns();
  const turn = manual.turns.join();
  const order: string[] = [];
  const line = new Line({ ...wire, turn }, new ReplyWriter(wire), LIMITS, {
    act: (run) => void order.push(...run.map(({ action }) => action)),
    refuse() {},
    failed() {},
    ...unasked,
  });
  manual.work(11);
  turn.charge(11);
  const scans = countedScans();
  line.receive(frame(16_000));
  line.receive('{"action":"cancel","wait":1}');
  line.receive('{"action":"credit","id":2,"messages":1,"bytes":1,"sub":1}');
  await settled();
  assertEquals([scans.end(), turn.isBusy, order.length], [0, true, 0]);
  for (let i = 0; i < 1000 && order.length < 16_002; i++) await manual.look();
  assertEquals(order.length, 16_002);
  assertEquals(order.slice(-3), ["topics", "cancel", "credit"]);
  await settled();
  assertEquals(turn.isBusy, false);
});

/** A line that is at its first request until the test lets it go on; and what it did, and was ended for. */
function heldLine(manual: ManualTurns, limits = LIMITS) {
  const gate = Promise.withResolvers<void>();
  const did: string[] = [];
  const ends: boolean[] = [];
  const turn = manual.turns.join();
  const line = new Line({ ...wire, turn }, new ReplyWriter(wire), limits, {
    act: (run) => {
      for (const one of run) did.push(one.action === "refused" ? one.error.code : one.action);
      return did.length === 1 ? gate.promise : undefined;
    },
    refuse() {},
    failed() {},
    noted() {},
    flooded: (crowded) => void ends.push(crowded),
  });
  line.receive('{"action":"shutdown"}');
  return { line, did, ends, goOn: gate.resolve };
}

Deno.test("however many large frames come while a connection waits, none is scanned before its turn, and then all are done", async () => {
  const manual = new ManualTurns();
  const { line, did, goOn } = heldLine(manual);
  await settled();
  const scans = countedScans();
  for (let i = 0; i < 5; i++) {
    line.receive(frame(16_000));
    line.receive('{"action":"cancel","wait":1}');
  }
  await settled();
  assertEquals([scans.end(), did.length], [0, 1]);
  goOn();
  for (let i = 0; i < 1000 && did.length < 5 * 16_001 + 1; i++) await manual.look();
  assertEquals(did.length, 5 * 16_001 + 1);
  for (let i = 1; i <= 5; i++) {
    assertEquals([did[16_001 * i - 1], did[16_001 * i]], ["topics", "cancel"]);
  }
});

Deno.test("a large frame for whose bytes there is no room is refused in its turn, and scanned no sooner; its control requests are done", async () => {
  const manual = new ManualTurns();
  const { line, did, ends, goOn } = heldLine(manual, { ...LIMITS, inFlightBytes: 500_000 });
  await settled();
  const put = '{"action":"put","topic":"t","message":"m"}';
  const large = `[${Array(2500).fill(put)},{"action":"cancel","wait":1}]`;
  const scans = countedScans();
  line.receive(frame(16_000));
  for (let i = 0; i < 18; i++) line.receive(large);
  line.receive('{"action":"topics","id":2}');
  await settled();
  assertEquals([scans.end(), did.length, ends], [0, 1, []]);
  goOn();
  const all = 1 + 16_000 + 18 * 2501 + 1;
  for (let i = 0; i < 1000 && did.length < all; i++) await manual.look();
  assertEquals(did.slice(16_001, -1).filter((what) => what === "too_many").length, 18 * 2500);
  assertEquals([did[16_001 + 2500], did.at(-1), did.length], ["cancel", "topics", all]);
});

Deno.test("who goes on with large frames when four times as much is refused as may wait is a flood", async () => {
  const { line, did, ends } = heldLine(new ManualTurns(), { ...LIMITS, inFlightBytes: 400_000 });
  await settled();
  // The first is taken, however large it is.
  for (let i = 0; i < 1 + 3; i++) line.receive(frame(16_000));
  assertEquals(ends, []);
  line.receive(frame(16_000));
  assertEquals([ends, did.length], [[false], 1]);
});

/** Counts how often a frame is scanned on. */
function countedScans(): { end(): number } {
  const { goOn } = FrameScan.prototype;
  let scans = 0;
  FrameScan.prototype.goOn = function (characters) {
    scans++;
    return goOn.call(this, characters);
  };
  const end = () => {
    FrameScan.prototype.goOn = goOn;
    return scans;
  };
  return { end };
}

Deno.test("where much waits to be read, a connection goes on only once its peer has read what it was answered", async () => {
  const drained = Promise.withResolvers<void>();
  let asked = 0;
  const scarce = {
    ...wire,
    isScarce: (bytes: number) => bytes > 1000,
    drained: () => (asked++, drained.promise),
  };
  const replies = new ReplyWriter(scarce);
  let done = 0;
  const line = new Line(scarce, replies, LIMITS, {
    act: (run) => (done += run.length, replies.addAscii("x".repeat(300))),
    refuse() {},
    failed() {},
    ...unasked,
  });
  line.receive(frame(10));
  await settled();
  assertEquals([done, asked], [4, 1]);
  drained.resolve();
  await line.finish();
  assertEquals(done, 10);
});

Deno.test("after a pause a read of dsmq 1.x comes after what another has put before, though its frames arrive one by one", async () => {
  const manual = new ManualTurns({ others: false });
  const did: string[] = [];
  const lineOf = (name: string) =>
    new Line({ ...wire, turn: manual.turns.join() }, new ReplyWriter(wire), LIMITS, {
      act: (run) => void did.push(`${name} ${run[0]!.action}`),
      refuse() {},
      failed() {},
      ...unasked,
    });
  const [putter, reader] = [lineOf("putter"), lineOf("reader")];
  const put = '{"action":"put","topic":"t","message":"m"}';
  for (const action of ["get", "get_latest"]) {
    manual.work(1000);
    // As Deno brings them: what of each socket is there first, and then the rest.
    putter.receive(put);
    reader.receive(`{"action":"${action}","topic":"t"}`);
    for (let i = 0; i < 4; i++) {
      for (let turns = 0; turns < 8; turns++) await undefined;
      putter.receive(put);
    }
    for (let turns = 0; turns < 8; turns++) await settled();
    assertEquals(did.splice(0), [...Array(5).fill("putter put"), `reader ${action}`]);
  }
  // What tells whether it was stored does not wait.
  manual.work(1000);
  putter.receive(put);
  reader.receive('{"action":"get","id":1,"topic":"t"}');
  for (let turns = 0; turns < 20; turns++) await undefined;
  putter.receive(put);
  await settled();
  assertEquals(did, ["putter put", "reader get", "putter put"]);
});
