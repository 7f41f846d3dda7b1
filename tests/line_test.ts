import { assert, assertEquals } from "@std/assert";
import { Line } from "../queue/line.ts";
import { ReplyWriter } from "../queue/reply_writer.ts";
import { soon } from "./support/soon.ts";
import { USUAL_LIMITS } from "../protocol/limits.ts";

const LIMITS = { ...USUAL_LIMITS, messageBytes: 1000 };
const wire = { send() {}, buffered: 0, drained: () => Promise.resolve(), close() {} };
const unasked = { noted() {}, flooded() {} };
const frame = (count: number) =>
  JSON.stringify(Array.from({ length: count }, () => ({ action: "topics", id: 1 })));

/** Works for a while, as a store that answers at once does. */
function busy(ms: number): void {
  for (const begin = performance.now(); performance.now() - begin < ms;);
}

Deno.test("a long frame lets others have their turn in between", async () => {
  let done = 0;
  const line = new Line(wire, new ReplyWriter(wire), LIMITS, {
    act: () => (done++, busy(2)),
    refuse() {},
    failed() {},
    ...unasked,
  });
  line.receive(frame(50));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(done > 0 && done < 50, `${done} of 50 requests were done before the others' turn`);
  await soon(line.finish());
  assertEquals(done, 50);
});

Deno.test("after each run that takes its time others have a turn", async () => {
  let [done, most, before] = [0, 0, 0];
  const line = new Line(wire, new ReplyWriter(wire), LIMITS, {
    act: () => (done++, busy(11)),
    refuse() {},
    failed() {},
    ...unasked,
  });
  const looks = setInterval(() => {
    most = Math.max(most, done - before);
    before = done;
  }, 0);
  line.receive(frame(6));
  line.receive(frame(6));
  await line.finish();
  clearInterval(looks);
  assertEquals([done, most], [12, 1]);
});

Deno.test("what is said while others wait for their turn is not looked at before its own", async () => {
  let understood = 0;
  const limits = {
    ...USUAL_LIMITS,
    get topicBytes() {
      return understood++, 256;
    },
  };
  const line = new Line(wire, new ReplyWriter(wire), limits, {
    act: () => busy(11),
    refuse() {},
    failed() {},
    ...unasked,
  });
  const put = JSON.stringify({ action: "put", id: 1, topic: "t", message: "m" });
  for (let i = 0; i < 5; i++) line.receive(put);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(understood < 5, `${understood} of 5 frames were understood before the others' turn`);
  await line.finish();
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
  assert(runs.length >= 3 && runs.length < 10, `${runs} requests go together`);
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
