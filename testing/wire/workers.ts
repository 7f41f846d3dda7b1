/**
 * What every server promises of workers, and of what becomes of their jobs.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { WireChecks } from "./checks.ts";
import { assertNothingCame, beginWork, jobsOf, takeJobs } from "./received_jobs.ts";
import type { WireJob } from "./received_jobs.ts";

const bodiesOf = (jobs: readonly WireJob[]) => jobs.map(({ body }) => body);

export const workers: WireChecks = {
  async "a worker gets what waits, and what is put later, each with a claim that grows"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const { seqs } = await mq.request({ action: "put", id: 1, topic, bodies: ["a", "b"] });
    assertEquals(await beginWork(mq, { id: 2, topic }), { id: 2, sub: 2 });
    const jobs = [...await takeJobs(mq, 2, 2)];
    const putter = await wire.connect();
    const { seq } = await putter.request({ action: "put", id: 1, topic, body: "c" });
    jobs.push(...await takeJobs(mq, 2, 1));
    assertEquals(bodiesOf(jobs), ["a", "b", "c"]);
    assertEquals(jobs.map((job) => job.seq), [...seqs, seq]);
    assert(jobs[0]!.claim < jobs[1]!.claim && jobs[1]!.claim < jobs[2]!.claim, "claims grow");
    assert(jobs.every(({ attempt }) => attempt === 1), "nothing is tried again");
  },

  async "a worker holds no more jobs than its credit, and the answer to finish comes before the next ones"(
    wire,
  ) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    await mq.request({ action: "put", id: 1, topic, bodies: ["a", "b", "c", "d"] });
    await beginWork(mq, { id: 2, topic, credit: 2 });
    const [a, b] = await takeJobs(mq, 2, 2);
    await assertNothingCame(mq);
    const done = [a!.claim];
    const outcomes = [{ claim: b!.claim, outcome: "dead", reason: "of no use" }];
    const finish = { action: "finish", id: 3, topic, done, outcomes };
    assertEquals(await mq.request(finish), { id: 3, dead: [b!.claim] });
    assertEquals(bodiesOf(await takeJobs(mq, 2, 2)), ["c", "d"]);
    await assertNothingCame(mq);
  },

  async "each message goes to one worker of each group, and to every reader"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const other = await wire.connect();
    const reader = await wire.connect();
    await beginWork(mq, { id: 1, topic, credit: 3 });
    await beginWork(other, { id: 1, topic, credit: 3 });
    await beginWork(other, { id: 2, topic, group: "another" });
    const bodies = ["a", "b", "c", "d", "e", "f"];
    assertEquals((await reader.request({ action: "put", id: 1, topic, bodies })).seqs.length, 6);
    const shared = bodiesOf(await takeJobs(mq, 1, 3));
    const [here, there]: [string[], string[]] = [[], []];
    while (here.length < 3 || there.length < 6) {
      const frame = await other.next();
      (frame.sub === 1 ? here : there).push(...bodiesOf(jobsOf(frame, frame.sub)));
    }
    assertEquals([...shared, ...here].sort(), bodies);
    assertEquals(there, bodies);
    const read = await reader.request({ action: "get", id: 2, topic });
    assertEquals(read.body, "a");
  },

  async "a job that failed comes again, and is dead once it was tried as often as its worker said"(
    wire,
  ) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    await mq.request({ action: "put", id: 1, topic, body: "a" });
    await beginWork(mq, { id: 2, topic, attempts: 2 });
    const [first] = await takeJobs(mq, 2, 1);
    const retry = (claim: number, reason: string, more: object = {}) => ({
      ...{ action: "finish", id: 3, topic },
      outcomes: [{ claim, outcome: "retry", reason, ...more }],
    });
    assertEquals(await mq.request(retry(first!.claim, "one")), { id: 3 });
    const [second] = await takeJobs(mq, 2, 1);
    assertEquals([second!.seq, second!.attempt], [first!.seq, 2]);
    assert(second!.claim > first!.claim, "another claim");
    const last = await mq.request(retry(second!.claim, "two"));
    assertEquals(last, { id: 3, dead: [second!.claim] });
    const listed = await mq.request({ action: "dead", id: 4, topic });
    assertEquals([listed.id, listed.more, listed.dead?.length], [4, false, 1]);
    const { at, time, ...dead } = listed.dead[0];
    assertEquals(dead, { topic, seq: first!.seq, attempt: 2, reason: "two", body: "a" });
    assert(at >= time, "it died after it was stored");
    const other = await wire.connect();
    assertEquals(await other.request({ action: "redrive", id: 5, topic }), { id: 5, redriven: 1 });
    const [again] = await takeJobs(mq, 2, 1);
    assertEquals([again!.seq, again!.attempt], [first!.seq, 1]);
  },

  async "a job that is released comes again as if nobody had claimed it"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    await mq.request({ action: "put", id: 1, topic, body: "a" });
    await beginWork(mq, { id: 2, topic, attempts: 1 });
    for (let id = 3; id < 6; id++) {
      const [{ claim, attempt }] = await takeJobs(mq, 2, 1) as [WireJob];
      assertEquals(attempt, 1);
      const outcomes = [{ claim, outcome: "release" }];
      assertEquals(await mq.request({ action: "finish", id, topic, outcomes }), { id });
    }
  },

  async "a job whose time has not come waits, and one of its key that is behind it does not pass it"(
    wire,
  ) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    await beginWork(mq, { id: 1, topic });
    const attributes = [{ delay: 300 }, { key: "k" }, { key: "k" }, { key: "other" }];
    const bodies = ["later", "one", "two", "three"];
    mq.send({ action: "put", id: 2, topic, bodies, attributes });
    const jobs: WireJob[] = [];
    let answered = false;
    while (jobs.length < 2 || !answered) {
      const object = await mq.next();
      if (object.id === 2) answered = true;
      else jobs.push(...jobsOf(object, 1));
    }
    assertEquals(bodiesOf(jobs), ["one", "three"]);
    assertEquals(jobs.map((job) => job.attributes?.key), ["k", "other"]);
    const finish = { action: "finish", id: 3, topic, done: [jobs[0]!.claim] };
    assertEquals(await mq.request(finish), { id: 3 });
    const rest = bodiesOf(await takeJobs(mq, 1, 2));
    assertEquals(rest, ["two", "later"]);
  },

  async "a worker of a prefix gets the jobs of all its topics in one order, with their topics"(
    wire,
  ) {
    const [mq, prefix] = [await wire.connect(), wire.topic()];
    const topics = [`${prefix}.b`, `${prefix}.a`];
    await mq.request({ action: "put", id: 1, topic: topics[0], body: "one" });
    await beginWork(mq, { id: 2, prefix });
    const jobs = [...await takeJobs(mq, 2, 1)];
    const putter = await wire.connect();
    await putter.request({ action: "put", id: 1, topic: topics[1], body: "two" });
    jobs.push(...await takeJobs(mq, 2, 1));
    assertEquals(jobs.map(({ topic, body }) => [topic, body]), [[topics[0], "one"], [
      topics[1],
      "two",
    ]]);
    const done = jobs.map(({ claim }) => claim);
    assertEquals(await mq.request({ action: "finish", id: 3, prefix, done }), { id: 3 });
  },

  async "a group begins at the oldest message, or where it was made to begin, and is listed with what it has"(
    wire,
  ) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const { seq } = await mq.request({ action: "put", id: 1, topic, body: "before" });
    const create = { action: "create_group", topic, group: "later", since: "now" };
    assertEquals(await mq.request({ ...create, id: 2 }), { id: 2, created: true });
    assertEquals(await mq.request({ ...create, id: 3 }), { id: 3, created: false });
    await mq.request({ action: "put", id: 4, topic, body: "after" });
    // Where it is to begin says nothing of a group that is there.
    await beginWork(mq, { id: 5, topic, group: "later", since: "start" });
    assertEquals(bodiesOf(await takeJobs(mq, 5, 1)), ["after"]);
    const first = await mq.request({ action: "groups", id: 6, topic, count: 1 });
    assertEquals([first.id, first.groups.length], [6, 1]);
    const [{ oldest, ...later }] = first.groups;
    assert(oldest > 0, "since when the oldest job waits");
    const counts = { claimed: 1, done: 0, retried: 0, died: 0, givenUp: 0 };
    const jobs = { depth: 0, ready: 0, delayed: 0, blocked: 0, held: 1, dead: 0, stalled: false };
    assertEquals(later, {
      topic,
      group: "later",
      frontier: seq + 1,
      ...jobs,
      ...counts,
      workers: 1,
    });
    const after = { topic, group: "later" };
    assertEquals(await mq.request({ action: "groups", id: 7, topic, after }), {
      ...{ id: 7, groups: [], more: false },
    });
  },

  async "what is no request about a group is refused, and a group that is not there is not found"(
    wire,
  ) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    const worker = "a-worker-of-a-check";
    const wrong = [
      { action: "work", topic, worker, credit: 0 },
      { action: "work", topic, worker: "short", credit: 1 },
      { action: "work", topic, prefix: topic, worker, credit: 1 },
      { action: "work", topic, worker, credit: 1, lease: 999 },
      { action: "work", topic, worker, credit: 1, group: "" },
      { action: "finish", topic, done: ["1"] },
      { action: "finish", topic, outcomes: [{ claim: 1, outcome: "done" }] },
    ];
    for (const [id, request] of wrong.entries()) {
      const reply = await mq.request({ id, ...request });
      assertEquals([reply.id, reply.error?.code], [id, "bad_request"], JSON.stringify(request));
    }
    for (const request of [{ action: "dead" }, { action: "redrive" }, { action: "finish" }]) {
      const reply = await mq.request({ id: 99, topic, ...request });
      assertEquals([reply.id, reply.error?.code], [99, "not_found"], request.action);
    }
  },
};
