/**
 * What clients of plain HTTP have not read takes bounded memory, however many there are: without sockets, whose buffers would
 * take some megabytes of each before anything waits.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { networkPolled } from "../../budgets/after_network_poll.ts";
import { PUBLIC_UNREAD_BYTES } from "../../http/public_request.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { EventReader } from "../support/event_reader.ts";
import { type MemoryHttp, openMemoryHttp } from "../support/memory_http.ts";
import { HeldStore } from "../support/held_store.ts";
import { ReaderCut } from "../../transports/slow_peer_monitor.ts";

/** How many read nothing. */
const CLIENTS = 1000;

/** A few kilobytes for each of them. */
const UNREAD_LIMIT = 4_000_000;

/** Another than that of the others, who share the memory with it fairly. */
const ATTACKER = "192.0.2.1";

const MESSAGE = "x".repeat(100_000);

async function openSmall(clock: ManualClock): Promise<MemoryHttp> {
  const limits = { totalUnreadBytes: UNREAD_LIMIT, connections: CLIENTS + 10 };
  return await openMemoryHttp(new HeldStore([], clock), clock, limits);
}

const unread = ({ budgets }: MemoryHttp) => budgets.usage("totalUnreadBytes").used;

/** What each reader has at most if nothing comes: a heartbeat. */
const HEARTBEAT_BYTES = 3;

/** Lets time pass until nothing is unread any more but a heartbeat. */
async function passUntilFree(mq: MemoryHttp, clock: ManualClock): Promise<void> {
  for (let passed = 0; unread(mq) > HEARTBEAT_BYTES; passed += 1000) {
    assert(passed < 300_000, `it is given back in time, ${unread(mq)} bytes are not`);
    clock.advance(1000);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

for (const accept of ["text/event-stream", "application/x-ndjson"]) {
  Deno.test(`1,000 streams of ${accept} that read nothing hold no more than totalUnreadBytes together, and others get everything`, async () => {
    const clock = new ManualClock();
    await using mq = await openSmall(clock);
    await using reading = new EventReader(
      await mq.get("/topics/t", { headers: { accept: "text/event-stream" } }),
    );
    await reading.event();
    for (let i = 0; i < CLIENTS; i++) {
      const path = i % 2 === 0 ? "/topics/t" : "/messages?prefix=t";
      assertEquals((await mq.get(path, { headers: { accept } }, ATTACKER)).status, 200);
    }
    for (let i = 0; i < 20; i++) {
      assertEquals((await mq.post("/topics/t", MESSAGE)).status, 201);
      assertEquals(await reading.bodies(1), [MESSAGE]);
      assert(unread(mq) <= UNREAD_LIMIT, `${unread(mq)} bytes are unread`);
    }
    assert(unread(mq) > 0, "something waits");
    await passUntilFree(mq, clock);
    assert(mq.cut.length > 0);
    await mq.post("/topics/t", "last");
    assertEquals(await reading.bodies(1), ["last"]);
  });
}

for (const path of ["/topics/t", "/topics/t?count=3", "/messages?count=3"]) {
  Deno.test(`1,000 responses to ${path} that nobody reads hold no more than totalUnreadBytes together, and small ones are served`, async () => {
    const clock = new ManualClock();
    await using mq = await openSmall(clock);
    await mq.post("/topics/t", MESSAGE);
    await mq.post("/topics/small", "m");
    const statuses = new Set<number>();
    for (let i = 0; i < CLIENTS; i++) {
      statuses.add((await mq.get(path, {}, ATTACKER)).status);
      assert(unread(mq) <= UNREAD_LIMIT, `${unread(mq)} bytes are unread after ${i}`);
    }
    assertEquals(await (await mq.get("/topics/small", {}, ATTACKER)).text(), "m");
    assertEquals(await (await mq.get("/topics/t")).text(), MESSAGE);
    assertEquals(statuses, new Set([200, 429]));
    await passUntilFree(mq, clock);
    const again = await mq.get("/topics/t", {}, ATTACKER);
    assertEquals(await again.text(), MESSAGE);
  });
}

/** Files, with and without compression, and a page that is larger than those. */
const FILES = [["/page.js", "identity"], ["/client.js", "gzip"], ["/openapi.json", "identity"]];

for (const [path, coding] of FILES) {
  const headers = { "accept-encoding": coding! };

  Deno.test(`1,000 responses to ${path} (${coding}) that nobody reads take nothing of totalUnreadBytes, and leave others of their own memory`, async () => {
    const clock = new ManualClock();
    await using mq = await openSmall(clock);
    const { publicUnread } = mq.api;
    const whole = await (await mq.get(path!, { headers })).bytes();
    const shown: string[] = [];
    for (let i = 0; i < CLIENTS; i++) {
      const response = await mq.get(path!, { headers }, ATTACKER);
      assert(publicUnread.used <= PUBLIC_UNREAD_BYTES / 2, `${publicUnread.used} of one address`);
      if (response.status === 200) shown.push("200");
      else {
        const { code, limit } = await response.json();
        shown.push(`${response.status} ${code} ${limit} ${response.headers.get("retry-after")}`);
      }
    }
    const refused = `503 limit_exceeded ${PUBLIC_UNREAD_BYTES} 1`;
    assertEquals(new Set(shown), new Set(["200", refused]));
    assertEquals(unread(mq), 0);
    assertEquals(mq.api.counts.http_request, shown.filter((one) => one === "200").length);
    const other = await mq.get(path!, { headers });
    assertEquals([other.status, await other.bytes()], [200, whole]);
    assertEquals(other.headers.get("content-length"), `${whole.length}`);
    for (let passed = 0; publicUnread.used > 0; passed += 1000) {
      assert(passed < 300_000, `it is given back in time, ${publicUnread.used} bytes are not`);
      clock.advance(1000);
    }
    assertEquals(mq.cut.length, mq.cut.filter((one) => /^it read nothing for/.test(one)).length);
    assertEquals(mq.cut.length, shown.filter((one) => one === "200").length);
    assertEquals(mq.api.counts.http_request, 0);
    const again = await mq.get(path!, { headers }, ATTACKER);
    assertEquals(await again.bytes(), whole);
  });

  Deno.test(`what was charged for ${path} (${coding}) is given back when it was read, when its client leaves, and when the server stops`, async () => {
    const clock = new ManualClock();
    await using mq = await openSmall(clock);
    const { publicUnread } = mq.api;
    const open = async () => {
      const { body } = await mq.get(path!, { headers });
      assert(publicUnread.used > 8192 && mq.api.counts.http_request === 1, "it is charged");
      return body!;
    };
    const isFree = () => assertEquals([publicUnread.used, mq.api.counts.http_request], [0, 0]);
    await new Response(await open()).bytes();
    isFree();
    const left = (await open()).getReader();
    await left.read();
    await left.cancel();
    isFree();
    const head = await mq.get(path!, { headers, method: "HEAD" });
    assert(Number(head.headers.get("content-length")) > 8192);
    isFree();
    const body = await open();
    await mq.api.stop({ code: "shutting_down", message: "The server stops" }, 0);
    isFree();
    await assertRejects(() => new Response(body).bytes(), ReaderCut);
    assertEquals(mq.cut, ["it did not read everything before the server stopped"]);
  });
}

Deno.test("a server that stops waits for whoever reads a file", async () => {
  const clock = new ManualClock();
  await using mq = await openSmall(clock);
  const { body } = await mq.get("/page.js");
  let hasStopped = false;
  const stopping = mq.api.stop({ code: "shutting_down", message: "The server stops" }, 60_000)
    .then(() => hasStopped = true);
  // Without a reader it stops after the first.
  for (let i = 0; i < 3; i++) await networkPolled();
  assertEquals(hasStopped, false);
  const whole = await new Response(body).bytes();
  await stopping;
  assertEquals([whole.length > 100_000, mq.cut], [true, []]);
});

Deno.test("a message larger than totalUnreadBytes is sent alone, as a response and on streams", async () => {
  const clock = new ManualClock();
  const limits = { totalUnreadBytes: MESSAGE.length / 2 };
  await using mq = await openMemoryHttp(new HeldStore([], clock), clock, limits);
  await using reading = new EventReader(
    await mq.get("/topics/t", { headers: { accept: "text/event-stream" } }),
  );
  await reading.event();
  await mq.post("/topics/t", MESSAGE);
  assertEquals(await reading.bodies(1), [MESSAGE]);
  assertEquals(await (await mq.get("/topics/t")).text(), MESSAGE);
});
