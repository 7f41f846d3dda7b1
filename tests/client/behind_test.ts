/**
 * Servers that are cut off from what others store: a client leaves them for another, and says why if there is none.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type ConnectOptions, DsmqError } from "@dsmq/server";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import type { ScriptedRequest, ScriptedServer } from "../support/scripted_server.ts";
import { ScriptedServers } from "../support/scripted_servers.ts";

const BEHIND = { code: "behind", message: "Cannot do it: the log does not answer" };

/** The client's first server, the other, and the client. */
async function atFirst(options: ConnectOptions = {}) {
  const servers = new ScriptedServers(2);
  const reconnect = { minDelay: 1, maxDelay: 5 };
  const mq = await connect(servers.urls, { dial: servers.dial, reconnect, ...options });
  const [first] = servers.taken() as [number];
  return { servers, mq, first: servers.all[first]!, other: servers.all[1 - first]! };
}

/** Lets everything that follows at once happen, and the first delay pass. */
const soon = () => pass(2);

for (const closes of [true, false]) {
  const how = closes ? "closes with 1013" : "stays open";
  Deno.test(`what is answered with behind is asked at another server, once, whether or not the connection ends: it ${how}`, () =>
    inVirtualTime(async () => {
      const { servers, mq, first, other } = await atFirst();
      const calls = [mq.put("t", "m"), mq.get("t"), mq.getWait("u", { timeout: 60_000 })];
      const stream = mq.subscribe("s");
      const next = stream.next();
      const asked = [];
      for (let i = 0; i < 4; i++) asked.push(await first.next());
      const answers = asked.map(({ id, action }) => ({ id, action }))
        .filter(({ action }) => action !== "get_wait")
        .map(({ id }) => ({ id, error: BEHIND }));
      await first.send(answers);
      if (closes && first.closeCode === undefined) first.hangUp(1013);
      await soon();
      assertEquals([mq.status, servers.taken()], ["connected", [servers.all.indexOf(other)]]);
      const again: ScriptedRequest[] = [];
      for (let i = 0; i < 4; i++) again.push(await other.next());
      const byAction = (requests: readonly ScriptedRequest[]) =>
        requests.map(({ action, topic, body, n }) => JSON.stringify([action, topic, body, n]))
          .sort();
      assertEquals(byAction(again), byAction(asked));
      for (const { id, action } of again) {
        if (action === "put") await other.send({ id, seq: 1 });
        else if (action === "subscribe") {
          await other.send({ id, sub: id, start: 0 });
          await other.send({
            sub: id,
            prev: 0,
            bytes: 10,
            seqs: [2],
            times: [1],
            bodies: ["streamed"],
          });
        } else {
          const seq = action === "get" ? 3 : 4;
          await other.send({ id, body: action, seq, time: 1, through: seq });
        }
      }
      assertEquals(await Promise.all(calls), [1, "get", "get_wait"]);
      assertEquals((await next).value?.body, "streamed");
      await mq.close();
    }));
}

Deno.test("why a server was left is in the status", () =>
  inVirtualTime(async () => {
    const { mq, first } = await atFirst();
    const changes = mq.statusChanges();
    await changes.next();
    const getting = mq.get("t").catch(() => {});
    await first.send({ id: (await first.next()).id, error: BEHIND });
    const { value } = await changes.next();
    assertEquals([value?.status, value?.reason], ["reconnecting", BEHIND.message]);
    await soon();
    const closing = mq.close();
    await pass(10_000);
    await Promise.all([closing, getting]);
  }));

Deno.test("a client that does not reconnect gets behind as the error of its call", () =>
  inVirtualTime(async () => {
    const { mq, first } = await atFirst({ reconnect: false });
    const getting = mq.get("t").catch((error) => error);
    await first.send({ id: (await first.next()).id, error: BEHIND });
    const { code, message, retryable } = await getting;
    assertEquals([code, message, retryable], ["behind", BEHIND.message, true]);
    await mq.close();
  }));

Deno.test("a server that refuses hello with behind is left for another at once, first and after a break", () =>
  inVirtualTime(async () => {
    for (let i = 0; i < 10; i++) {
      const servers = new ScriptedServers(2);
      const alive = servers.all[i % 2]!;
      servers.all[1 - i % 2]!.refusal = BEHIND;
      const reports: string[] = [];
      const options = { dial: servers.dial, onRetry: () => reports.push("retry") };
      const mq = await connect(servers.urls, options);
      assertEquals([mq.url, reports], [servers.urls[i % 2], []]);
      alive.hangUp();
      // Within the jitter of the first attempt.
      await pass(101);
      assertEquals([mq.status, mq.url, reports], ["connected", servers.urls[i % 2], []]);
      await mq.close();
    }
  }));

/** Each server refuses hello, with a reason of its own. */
function allBehind(all: readonly ScriptedServer[]): void {
  all.forEach((server, i) =>
    server.refusal = { code: "behind", message: `the log is lost (${i})` }
  );
}

Deno.test("where all servers are behind, connect tries until its timeout, and says why for each address", () =>
  inVirtualTime(async () => {
    const servers = new ScriptedServers(3);
    allBehind(servers.all);
    const reports: string[] = [];
    const error = await assertRejects(() =>
      connect(servers.urls, {
        dial: servers.dial,
        timeout: 10_000,
        onRetry: ({ code }) => reports.push(code),
      }), DsmqError);
    assertEquals([error.code, error.retryable, Math.round(performance.now())], [
      "behind",
      true,
      10_000,
    ]);
    servers.urls.forEach((url, i) =>
      assert(error.message.includes(`${url}: the log is lost (${i})`), error.message)
    );
    assert(servers.dials.length > 30 && servers.dials.length < 75, `${servers.dials.length} tries`);
    assertEquals(new Set(reports), new Set(["behind"]));
  }));

Deno.test("where all servers are behind, a client gives up after its timeout, and says why for each address", () =>
  inVirtualTime(async () => {
    const servers = new ScriptedServers(2);
    const reconnect = { timeout: 60_000 };
    const mq = await connect(servers.urls, { dial: servers.dial, reconnect });
    allBehind(servers.all);
    const getting = mq.get("t").catch((error) => error);
    servers.all[servers.indexOf(mq.url)]!.hangUp(1013);
    const began = performance.now();
    const { code, reason } = await mq.closed;
    assertEquals([code, (await getting).code, Math.round((performance.now() - began) / 1000)], [
      "behind",
      "behind",
      60,
    ]);
    servers.urls.forEach((url, i) =>
      assert(reason.includes(`${url}: the log is lost (${i})`), reason)
    );
  }));

Deno.test("what a server says of itself counts for that connection alone: limits, durability, address", () =>
  inVirtualTime(async () => {
    const { servers, mq, first, other } = await atFirst();
    const { welcome } = other as { welcome: { limits: object } };
    other.welcome = {
      ...welcome,
      durability: "quorum",
      limits: { ...welcome.limits, messageBytes: 10 },
    };
    first.hangUp(1012);
    await soon();
    assertEquals([mq.url, mq.durability, mq.maxMessageBytes], [
      servers.urls[servers.all.indexOf(other)],
      "quorum",
      10,
    ]);
    const error = await assertRejects(() => mq.put("t", "more than ten bytes"), DsmqError);
    assertEquals(error.code, "too_large");
    await mq.close();
  }));

Deno.test("a put waits while all servers are behind, however long that takes, and is stored once one is not", () =>
  inVirtualTime(async () => {
    const servers = new ScriptedServers(2);
    const mq = await connect(servers.urls, { dial: servers.dial });
    allBehind(servers.all);
    const first = servers.all[servers.indexOf(mq.url)]!;
    first.hangUp(1013);
    let outcome: unknown = "it waits";
    void mq.put("t", "m").then((seq) => outcome = seq, (error) => outcome = error);
    await pass(120_000);
    assertEquals(outcome, "it waits");
    first.refusal = undefined;
    await pass(10_001);
    const { id, body } = await first.next();
    await first.send({ id, seq: 7 });
    await pass(1);
    assertEquals([body, outcome], ["m", 7]);
    await mq.close();
  }));
