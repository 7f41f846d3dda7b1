/**
 * A message that is put over plain HTTP for later: groups get it after its delay, readers at once.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { problemOf, testHttp } from "../support/http_server.ts";
import { HttpWorker } from "../support/http_worker.ts";

const NDJSON = { "content-type": "application/x-ndjson" };

testHttp(
  "a delay is seconds: groups get the message after it, and readers at once",
  async (open) => {
    const clock = new ManualClock();
    await using server = await open({ clock });
    const worker = new HttpWorker(server);
    await (await server.post("/topics/t?delay=16.1&key=k", "later")).text();
    const read = await server.get("/topics/t");
    assertEquals([await read.text(), read.headers.get("dsmq-delay")], ["later", "16.1"]);
    await using mq = await connect(server.url, { since: "start" });
    const message = await mq.read("t");
    // To the millisecond, though floating point makes 16,100.000000000002 of it.
    assertEquals([message?.key, message?.delay], ["k", 16_100]);
    clock.advance(16_099);
    assertEquals(await worker.claim(), undefined);
    clock.advance(1);
    assertEquals((await worker.claim())?.body, "later");
  },
);

testHttp("each line has its own delay, or that of the address", async (open) => {
  const clock = new ManualClock();
  await using server = await open({ clock });
  const worker = new HttpWorker(server);
  const lines = [
    '"common"',
    '{"body":"now","delay":0,"key":"own"}',
    '{"body":"soon","delay":0.25,"headers":{"delay":"9"},"messageId":"m"}',
  ];
  const response = await server.post("/topics/t?delay=60&key=k", lines.join("\n"), NDJSON);
  assertEquals((await response.text()).trim().split("\n").length, 3);
  const { messages } = await (await server.get("/topics/t?count=9")).json();
  const told = messages.map(({ body, key, delay }: Record<string, unknown>) => [body, key, delay]);
  assertEquals(told, [["common", "k", 60], ["now", "own", 0], ["soon", "k", 0.25]]);
  const claimed = async () => (await worker.claim("lease=3600&timeout=3600"))?.body;
  assertEquals([await claimed(), await claimed()], ["now", undefined]);
  clock.advance(250);
  // Its key is that of the one before it, which has its own time: a delay holds up nobody.
  assertEquals([await claimed(), await claimed()], ["soon", undefined]);
  clock.advance(59_750);
  assertEquals(await claimed(), undefined, "the key is held");
});

testHttp("what was read as lines can be put again as it is", async (open) => {
  await using server = await open();
  const put = [
    '{"body":"a","delay":2592000}',
    '{"body":"b","key":"k","headers":{"delay":"5"},"messageId":"m","delay":0.001}',
    '{"body":"c"}',
  ];
  await (await server.post("/topics/from", put.join("\n"), NDJSON)).text();
  const read = async (topic: string): Promise<string[]> => {
    const { messages } = await (await server.get(`/topics/${topic}?count=9`)).json();
    return messages.map(({ body, key, headers, messageId, delay }: Record<string, unknown>) =>
      JSON.stringify({ body, key, headers, messageId, delay })
    );
  };
  const seen = await read("from");
  assertEquals(seen, put);
  await (await server.post("/topics/to", seen.join("\n"), NDJSON)).text();
  assertEquals(await read("to"), put);
});

testHttp("jobs and dead jobs tell their delay in seconds, too", async (open) => {
  const clock = new ManualClock();
  await using server = await open({ clock });
  const worker = new HttpWorker(server);
  await (await server.post("/topics/t?delay=1.5", "one")).text();
  clock.advance(1500);
  const response = await worker.ask("POST", "/claim");
  assertEquals([response.headers.get("dsmq-delay"), await response.text()], ["1.5", "one"]);
  const claim = Number(response.headers.get("dsmq-claim"));
  await worker.post("/finish", { claim, outcome: "release" });
  const job = (await worker.claim())! as unknown as { claim: number; delay: number };
  assertEquals(job.delay, 1.5);
  await worker.post("/finish", { claim: job.claim, outcome: "dead" });
  const { dead: [first] } = await worker.dead();
  assertEquals((first as unknown as { delay: number }).delay, 1.5);
});

testHttp("a delay that is none is refused, and says what must be", async (open) => {
  await using server = await open();
  const bounds = "must be seconds from 0 to 2592000, got";
  for (const value of ["", "soon", "-1", "1e3", "2592000.001", "Infinity", "10m", "0x10"]) {
    const response = await server.post(`/topics/t?delay=${value}`, "x");
    const { status, code, detail } = await problemOf(response);
    assertEquals([status, code], [400, "bad_request"], value);
    assertStringIncludes(detail, `The parameter delay ${bounds} "${value}"`);
  }
  const twice = await problemOf(await server.post("/topics/t?delay=1&delay=2", "x"));
  assertStringIncludes(twice.detail, "The parameter delay is there twice");
  const values = ['"5"', "-1", "2592000.001", "null", "true", "[5]", "1e999"];
  const lines = values.map((value) => `{"body":"x","delay":${value}}`).join("\n");
  const answers = (await (await server.post("/topics/t", lines, NDJSON)).text()).trim().split("\n");
  assertEquals(answers.length, values.length);
  for (const answer of answers) {
    const { code, detail } = JSON.parse(answer);
    assertEquals(code, "bad_message");
    assertStringIncludes(detail, `Cannot put the message of a line: "delay" ${bounds} `);
  }
  assertEquals(server.stats().stored, 0);
});
