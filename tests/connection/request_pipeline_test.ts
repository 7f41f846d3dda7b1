import { assert, assertEquals } from "@std/assert";
import { ReplyWriter } from "../../connection/reply_writer.ts";
import { ManualTurns, settled } from "../support/manual_turns.ts";
import {
  frame,
  LIMITS,
  newPipeline,
  noCallbacks,
  slowPipeline,
  wire,
} from "../support/pipeline.ts";

Deno.test("a long frame lets other connections have their turn in between", async () => {
  const manual = new ManualTurns();
  const { pipeline, stats } = slowPipeline(manual, 2);
  pipeline.receive(frame(50));
  await settled();
  assertEquals(stats.requests, 5);
  let looks = 0;
  for (; manual.awaited; looks++) await manual.networkLook();
  assertEquals([stats.requests, looks], [50, 9]);
});

Deno.test("when each answer has a frame of its own, few requests are carried out at once", async () => {
  for (const [frameBytes, max] of [[1, 64], [16 * 1024, 256], [256 * 1024, 1000]] as const) {
    const replies = new ReplyWriter(wire);
    replies.frameBytes = frameBytes;
    const runs: number[] = [];
    const pipeline = newPipeline(wire, replies, LIMITS, {
      dispatch: (run) => void runs.push(run.length),
      ...{ failAll() {}, onDefect() {} },
      ...noCallbacks,
    });
    const put = { action: "put", id: 1, topic: "t", body: "" };
    pipeline.receive(JSON.stringify(Array.from({ length: 1000 }, () => put)));
    await pipeline.finish();
    assertEquals([runs.reduce((sum, n) => sum + n), Math.max(...runs)], [1000, max]);
  }
});

Deno.test("after each slow run of requests other connections have a turn", async () => {
  const manual = new ManualTurns();
  const { pipeline, stats } = slowPipeline(manual, 11);
  pipeline.receive(frame(6));
  pipeline.receive(frame(6));
  await settled();
  for (let done = 1; done < 12; done++) {
    assertEquals(stats.requests, done);
    await manual.networkLook();
  }
  assertEquals([stats.requests, manual.awaited], [12, false]);
});

Deno.test("a turn does not begin anew because all that had come was done", async () => {
  const manual = new ManualTurns();
  const { pipeline, stats } = slowPipeline(manual, 1);
  for (let i = 0; i < 100; i++) {
    // Each comes as soon as the one before is done.
    pipeline.receive(frame(1));
    await settled();
  }
  assertEquals([stats.requests, manual.awaited], [10, true]);
});

Deno.test("a connection accepts nothing more while it waits for its turn, but goes on until its peer has to read", async () => {
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
  const pipeline = newPipeline(slow, new ReplyWriter(slow), LIMITS, {
    dispatch: () => (manual.spend(11), void (buffered = ++done === 2 ? 1e6 : 0)),
    failAll() {},
    onDefect() {},
    ...noCallbacks,
  });
  pipeline.receive(frame(3));
  await settled();
  let entered = 0;
  turn.acceptNext(() => entered++);
  assertEquals([done, entered], [1, 0], "it has something to do first");
  await manual.networkLook();
  assertEquals([done, entered], [2, 0]);
  await manual.networkLook();
  assertEquals(entered, 1, "the peer may have to say all before it reads");
  drained.resolve();
  pipeline.stop();
});

Deno.test("what is sent while others wait for their turn is not parsed before its own turn", async () => {
  const manual = new ManualTurns();
  let understood = 0;
  const limits = {
    ...LIMITS,
    get topicBytes() {
      return understood++, 1000;
    },
  };
  const { pipeline } = slowPipeline(manual, 11, limits);
  const put = JSON.stringify({ action: "put", id: 1, topic: "t", body: "m" });
  for (let i = 0; i < 5; i++) pipeline.receive(put);
  await settled();
  assertEquals(understood, 1);
  while (manual.awaited) await manual.networkLook();
  assertEquals(understood, 5);
});

Deno.test("a frame of many puts is stored in parts, so that other connections do not wait long", async () => {
  const runs: number[] = [];
  const handle = (run: readonly unknown[]) => void runs.push(run.length);
  const pipeline = newPipeline(wire, new ReplyWriter(wire), LIMITS, {
    dispatch: handle,
    failAll() {},
    onDefect() {},
    ...noCallbacks,
  });
  const put = { action: "put", id: 1, topic: "t", body: "m" };
  pipeline.receive(JSON.stringify(Array.from({ length: 10_000 }, () => put)));
  await pipeline.finish();
  assertEquals(runs.reduce((sum, length) => sum + length, 0), 10_000);
  assert(runs.length >= 3 && runs.length < 20, `${runs} requests go together`);
  assert(Math.max(...runs) <= 4096, `${runs} requests go together`);
});

Deno.test("consecutive puts, with refused ones among them, and consecutive gets go together", async () => {
  const runs: string[][] = [];
  const handle = (run: readonly { readonly action: string }[]) =>
    void runs.push(run.map(({ action }) => action));
  const pipeline = newPipeline(wire, new ReplyWriter(wire), LIMITS, {
    dispatch: handle,
    failAll() {},
    onDefect() {},
    ...noCallbacks,
  });
  const put = { action: "put", id: 1, topic: "t", body: "m" };
  const get = { action: "get", id: 1, topic: "t" };
  const latest = { ...get, action: "get_latest" };
  pipeline.receive(JSON.stringify([put, {}, put, get, get, latest, latest, put]));
  await pipeline.finish();
  assertEquals(runs, [
    ["put", "refused", "put"],
    ["get", "get"],
    ["get_latest"],
    ["get_latest"],
    ["put"],
  ]);
});

Deno.test("a pipeline that is stopped does nothing more, even in the middle of a frame", async () => {
  let done = 0;
  const handle = () => void (++done === 3 && pipeline.stop());
  const pipeline = newPipeline(wire, new ReplyWriter(wire), LIMITS, {
    dispatch: handle,
    failAll() {},
    onDefect() {},
    ...noCallbacks,
  });
  pipeline.receive(frame(9));
  pipeline.receive(frame(9));
  await pipeline.finish();
  assertEquals(done, 3);
  pipeline.receive(frame(1));
  await pipeline.finish();
  assertEquals(done, 3);
});

Deno.test("what goes wrong in a request is its answer, and the pipeline goes on", async () => {
  const errors: unknown[] = [];
  let done = 0;
  const handle = () => ++done === 2 ? Promise.reject(new Error("a defect")) : undefined;
  const failAll = (_run: unknown, error: unknown) => void errors.push(error);
  const pipeline = newPipeline(wire, new ReplyWriter(wire), LIMITS, {
    dispatch: handle,
    failAll,
    onDefect() {},
    ...noCallbacks,
  });
  pipeline.receive(frame(2));
  pipeline.receive(frame(1));
  await pipeline.finish();
  assertEquals(errors.map((error) => (error as Error).message), ["a defect"]);
  assertEquals(done, 3);
});

Deno.test("a failure that cannot even be answered ends the pipeline, and is reported once", async () => {
  const errors: unknown[] = [];
  const handle = () => Promise.reject(new Error("a defect"));
  const failAll = (_run: unknown, error: unknown) => {
    throw error;
  };
  const pipeline = newPipeline(wire, new ReplyWriter(wire), LIMITS, {
    dispatch: handle,
    failAll,
    onDefect: (error) => void errors.push(error),
    ...noCallbacks,
  });
  pipeline.receive(frame(2));
  pipeline.receive(frame(1));
  await pipeline.finish();
  assertEquals(errors.map((error) => (error as Error).message), ["a defect"]);
});

Deno.test("when much waits to be read, a connection goes on only once its peer has read its answers", async () => {
  const drained = Promise.withResolvers<void>();
  let requested = 0;
  const scarce = {
    ...wire,
    mustReadFirst: (bytes: number) => bytes > 1000,
    drained: () => (requested++, drained.promise),
  };
  const replies = new ReplyWriter(scarce);
  let done = 0;
  const pipeline = newPipeline(scarce, replies, LIMITS, {
    dispatch: (run) => (done += run.length, replies.addAscii("x".repeat(300))),
    failAll() {},
    onDefect() {},
    ...noCallbacks,
  });
  pipeline.receive(frame(10));
  await settled();
  assertEquals([done, requested], [4, 1]);
  drained.resolve();
  await pipeline.finish();
  assertEquals(done, 10);
});

Deno.test("after a pause a read of dsmq 1.x comes after earlier puts of another client, although its frames arrive one by one", async () => {
  const manual = new ManualTurns({ others: false });
  const stats: string[] = [];
  const pipelineOf = (name: string) =>
    newPipeline({ ...wire, turn: manual.turns.join() }, new ReplyWriter(wire), LIMITS, {
      dispatch: (run) => void stats.push(`${name} ${run[0]!.action}`),
      failAll() {},
      onDefect() {},
      ...noCallbacks,
    });
  const [putter, reader] = [pipelineOf("putter"), pipelineOf("reader")];
  const put = '{"action":"put","topic":"t","message":"m"}';
  for (const action of ["get", "get_latest"]) {
    manual.spend(1000);
    // In Deno's order: first what has arrived on each socket, and then the rest.
    putter.receive(put);
    reader.receive(`{"action":"${action}","topic":"t"}`);
    for (let i = 0; i < 4; i++) {
      for (let turns = 0; turns < 8; turns++) await undefined;
      putter.receive(put);
    }
    for (let turns = 0; turns < 8; turns++) await settled();
    assertEquals(stats.splice(0), [...Array(5).fill("putter put"), `reader ${action}`]);
  }
  // What shows whether it was stored does not wait.
  manual.spend(1000);
  putter.receive(put);
  reader.receive('{"action":"get","id":1,"topic":"t"}');
  for (let turns = 0; turns < 20; turns++) await undefined;
  putter.receive(put);
  await settled();
  assertEquals(stats, ["putter put", "reader get", "putter put"]);
});
