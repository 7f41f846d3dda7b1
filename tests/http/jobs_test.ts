/**
 * Groups of workers over plain HTTP: what workers ask for, and what they are answered.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, type GroupInfo } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { problemOf, testHttp } from "../support/http_server.ts";
import { HttpWorker } from "../support/http_worker.ts";
import { withTimeout } from "../support/with_timeout.ts";

testHttp(
  "each message is given to one worker, the oldest first, until it is done",
  async (open) => {
    await using server = await open();
    const worker = new HttpWorker(server);
    for (const text of ["one", "two", "three"]) await (await server.post("/topics/t", text)).text();
    const jobs = [await worker.claim(), await worker.claim(), await worker.claim()];
    assertEquals(jobs.map((job) => [job!.body, job!.seq, job!.attempt]), [
      ["one", 1, 1],
      ["two", 2, 1],
      ["three", 3, 1],
    ]);
    assertEquals(new Set(jobs.map((job) => job!.claim)).size, 3);
    assertEquals(await worker.claim(), undefined);
    const [one, two, three] = jobs.map((job) => job!.claim);
    assertEquals(await worker.post("/finish", { claim: one }), {
      status: 200,
      answer: { lost: [], dead: [] },
    });
    // It counts once, and may be repeated.
    assertEquals((await worker.post("/finish", { claim: one })).status, 200);
    const several = [
      { claim: two, outcome: "release" },
      { claim: three, outcome: "dead", reason: "it is broken" },
      { claim: 7 },
    ];
    assertEquals(await worker.post("/finish", several), {
      status: 200,
      answer: { lost: [7], dead: [three] },
    });
    const again = (await worker.claim())!;
    assertEquals([again.body, again.attempt], ["two", 1]);
    assertEquals(
      (await server.get("/topics/t?count=10").then((page) => page.json())).messages.length,
      3,
    );
  },
);

testHttp("a job has the form of a message that is read, and its claim", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const all = new HttpWorker(server, "/groups/g", "prefix=");
  const seq = await mq.put("grün", "läuft", {
    messageId: "m",
    key: "a b",
    headers: { "X-Trace": "ü" },
  });
  const text = await all.ask("POST", "/claim");
  const { headers } = text;
  assertEquals([text.status, await text.text()], [200, "läuft"]);
  assertEquals(headers.get("content-type"), "text/plain; charset=utf-8");
  const names = ["seq", "attempt", "topic", "key", "message-id", "header-%58-%54race"];
  assertEquals(
    names.map((name) => headers.get(`dsmq-${name}`)),
    [`${seq}`, "1", "gr%c3%bcn", "a%20b", "m", "%c3%bc"],
  );
  const claim = Number(headers.get("dsmq-claim"));
  const position = headers.get("dsmq-position")!;
  assertMatch(position, /:1$/);
  assertEquals((await all.post("/finish", { claim, outcome: "release" })).status, 200);
  const { claim: next, ...job } = (await all.claim())!;
  assert(next > claim);
  assertEquals(job as unknown, {
    ...{ attempt: 1, seq, position, time: Number(headers.get("dsmq-time")), topic: "grün" },
    ...{ body: "läuft", messageId: "m", key: "a b", headers: { "X-Trace": "ü" } },
  });
});

testHttp(
  "a claim that waits is answered once there is a message, or its time is over",
  async (open) => {
    const clock = new ManualClock();
    await using server = await open({ clock });
    const worker = new HttpWorker(server);
    const waiting = worker.claim("wait=600");
    await worker.until(({ workers }) => workers === 1);
    await (await server.post("/topics/t", "one")).text();
    assertEquals((await withTimeout(waiting))!.body, "one");
    const inVain = worker.claim("wait=20");
    await worker.until(({ workers }) => workers === 1);
    clock.advance(19_999);
    await (await server.post("/topics/other", "x")).text();
    assertEquals((await worker.info())!.workers, 1);
    clock.advance(1);
    assertEquals(await withTimeout(inVain), undefined);
    await worker.until(({ workers }) => workers === 0);
  },
);

testHttp(
  "a job that fails is tried again after its delay, and dead after its attempts",
  async (open) => {
    const clock = new ManualClock();
    await using server = await open({ clock });
    const worker = new HttpWorker(server);
    await (await server.post("/topics/t", "one")).text();
    const limits = "attempts=2&lease=3600&timeout=3600";
    const first = (await worker.claim(limits))!;
    const retry = { outcome: "retry", delay: 1.5, reason: "it is closed" };
    assertEquals(await worker.post("/finish", { claim: first.claim, ...retry }), {
      status: 200,
      answer: { lost: [], dead: [] },
    });
    clock.advance(1_499);
    assertEquals(await worker.claim(limits), undefined);
    assertEquals((await worker.info())!.delayed, 1);
    clock.advance(1);
    const second = (await worker.claim(limits))!;
    assertEquals([second.body, second.attempt], ["one", 2]);
    assertEquals((await worker.post("/finish", { claim: second.claim, ...retry })).answer.dead, [
      second.claim,
    ]);
    const { dead, next } = await worker.dead();
    const [{ body, attempt, reason, seq }] = dead as [typeof dead[0]];
    assertEquals([body, attempt, reason, seq, next], ["one", 2, "it is closed", 1, null]);
    assertEquals((await worker.post("/redrive", { seq: 9 })).answer, { redriven: 0 });
    assertEquals((await worker.post("/redrive", { seq })).answer, { redriven: 1 });
    const third = (await worker.claim(limits))!;
    assertEquals([third.body, third.attempt], ["one", 1]);
  },
);

testHttp("dead jobs come in pages, and all are worked again by one request", async (open) => {
  await using server = await open();
  const worker = new HttpWorker(server, "/groups/g", "prefix=");
  for (const text of ["one", "two", "three"]) await (await server.post("/topics/t", text)).text();
  for (let job; (job = await worker.claim());) {
    await worker.post("/finish", { claim: job.claim, outcome: "dead" });
  }
  const seen: unknown[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page = await worker.dead(`count=2&after=${after}`);
    seen.push(page.dead.map(({ topic, body, reason }) => [topic, body, reason]));
    after = page.next;
  }
  assertEquals(seen, [[["t", "one", ""], ["t", "two", ""]], [["t", "three", ""]]]);
  const response = await worker.ask("POST", "/redrive", "", { body: "" });
  assertEquals(await response.json(), { redriven: 3 });
  assertEquals((await worker.dead()).dead, []);
});

testHttp("a claim of another group is lost, and stays with who has it", async (open) => {
  await using server = await open();
  const [worker, other] = [new HttpWorker(server, "/topics/t/groups/h"), new HttpWorker(server)];
  for (const text of ["one", "two"]) await (await server.post("/topics/t", text)).text();
  await worker.claim();
  const [one, two] = [(await other.claim())!.claim, (await other.claim())!.claim];
  assertEquals((await worker.post("/finish", { claim: one })).status, 409);
  assertEquals((await worker.post("/extend", { claim: one })).status, 409);
  const all = [{ claim: one }, { claim: two, outcome: "dead" }];
  assertEquals((await worker.post("/finish", all)).answer, { lost: [one, two], dead: [] });
  assertEquals((await worker.post("/extend", { claims: [one, two] })).answer, { lost: [one, two] });
  assertEquals((await other.info())!.held, 2);
  assertEquals((await other.post("/finish", all)).answer, { lost: [], dead: [two] });
});

testHttp("a claim is lost when its lease ends, and kept when it is extended", async (open) => {
  const clock = new ManualClock();
  await using server = await open({ clock });
  const worker = new HttpWorker(server);
  await (await server.post("/topics/t", "one")).text();
  await (await server.post("/topics/t", "two")).text();
  const [lost, kept] = [(await worker.claim("lease=5"))!, (await worker.claim("lease=5"))!];
  for (let second = 0; (await worker.info())!.held === 2; second++) {
    assert(second < 60, "the lease ends");
    clock.advance(1000);
    assertEquals((await worker.post("/extend", { claim: kept.claim })).status, 200);
  }
  const again = (await worker.claim())!;
  assertEquals([again.body, again.attempt], ["one", 2]);
  const outcome = { claim: lost.claim };
  const { status, code } = await problemOf(
    await worker.ask("POST", "/finish", "", { body: JSON.stringify(outcome) }),
  );
  assertEquals([status, code], [409, "lease_lost"]);
  assertEquals((await worker.post("/extend", { claim: lost.claim })).status, 409);
  assertEquals(await worker.post("/extend", { claims: [lost.claim, kept.claim] }), {
    status: 200,
    answer: { lost: [lost.claim] },
  });
  assertEquals((await worker.post("/finish", { claim: kept.claim })).answer.lost, []);
});

testHttp("a group begins where it is told to, if it is made by that", async (open) => {
  await using server = await open();
  for (const text of ["one", "two", "three"]) await (await server.post("/topics/t", text)).text();
  const bodies = async (group: string, since: string) =>
    (await new HttpWorker(server, `/topics/t/groups/${group}`).claim(since))?.body;
  assertEquals(await bodies("a", ""), "one");
  assertEquals(await bodies("b", "since=start"), "one");
  assertEquals(await bodies("c", "since=2"), "three");
  assertEquals(await bodies("d", "since=now"), undefined);
  // It is there, so that does not matter.
  assertEquals(await bodies("c", "since=start"), undefined);
  const made = new HttpWorker(server, "/topics/t/groups/e");
  assertEquals(await made.status("PUT", "", "since=1"), 201);
  assertEquals((await made.claim())!.body, "two");
});

testHttp("one group is told of by itself, as in the list, until it is deleted", async (open) => {
  await using server = await open();
  for (
    const [path, query] of [["/topics/a/groups/x", ""], ["/groups/x", "prefix=a"]] as const
  ) {
    const worker = new HttpWorker(server, path, query);
    const missing = await problemOf(await worker.ask("GET", ""));
    assertEquals([missing.status, missing.code], [404, "not_found"]);
    // Neither asking for it nor its neighbours have made it.
    for (const other of ["w", "y"]) {
      await (await server.get(`/topics/a/groups/${other}`, { method: "PUT" })).text();
    }
    assertEquals(await worker.status("GET", ""), 404);
    assertEquals(await worker.status("PUT", ""), 201);
    await (await server.post("/topics/a", "one")).text();
    await worker.claim();
    const response = await worker.ask("GET", "");
    assertEquals(response.headers.get("cache-control"), "no-store");
    const told = await response.json();
    assertEquals([told.group, told.held, told.claimed], ["x", 1, 1]);
    const { groups } = await (await server.get("/groups")).json();
    assertEquals(
      groups.find((one: GroupInfo) => one.group === "x" && one.prefix === told.prefix),
      told,
    );
    const head = await worker.ask("HEAD", "");
    assertEquals([head.status, await head.text()], [200, ""]);
    const options = await worker.ask("OPTIONS", "");
    assertEquals(options.headers.get("allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    assertEquals(await worker.status("POST", ""), 405);
    assertEquals(await worker.status("DELETE", ""), 204);
    assertEquals(await worker.status("GET", ""), 404);
  }
});

testHttp("a group is found among more than one page has", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const names = Array.from({ length: 260 }, (_, i) => `g${String(i).padStart(3, "0")}`);
  await Promise.all(names.map((group) => mq.createGroup("t", { group })));
  for (const group of ["g000", "g249", "g250", "g259"]) {
    const told = await (await server.get(`/topics/t/groups/${group}`)).json();
    assertEquals([told.topic, told.group], ["t", group]);
  }
  assertEquals((await problemOf(await server.get("/topics/t/groups/g260"))).status, 404);
});

testHttp("groups are listed in pages, by what they work on, and deleted", async (open) => {
  await using server = await open();
  const paths = ["/topics/a/groups/x", "/topics/b/groups/x", "/topics/b/groups/y"];
  for (const path of [...paths, "/groups/z?prefix=b", "/groups/z?prefix="]) {
    const response = await server.get(path, { method: "PUT" });
    assertEquals([response.status, await response.json()], [201, { created: true }]);
  }
  const pages = async (query: string) => {
    const found: string[][] = [];
    for (let after = ""; found.length < 9;) {
      const page = await (await server.get(`/groups?${query}${after}`)).json();
      found.push(
        page.groups.map((one: Record<string, string>) =>
          `${one.topic ?? `${one.prefix}*`} ${one.group}`
        ),
      );
      if (page.next === null) return found;
      after = `&after=${page.next}`;
    }
    throw new Error("the list ends");
  };
  assertEquals((await pages("")).flat().sort(), ["* z", "a x", "b x", "b y", "b* z"]);
  assertEquals((await pages("count=2")).map(({ length }) => length), [2, 2, 1]);
  assertEquals((await pages("count=2")).flat(), (await pages("")).flat());
  assertEquals(await pages("topic=b"), [["b x", "b y"]]);
  assertEquals(await pages("prefix="), [["* z"]]);
  const one = new HttpWorker(server, paths[0]);
  assertEquals([await one.status("DELETE", ""), await one.status("DELETE", "")], [204, 404]);
  assertEquals((await pages("topic=a")).flat(), []);
});
