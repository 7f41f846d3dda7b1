/**
 * Claims over plain HTTP whose client leaves, reads nothing, or cannot take the job; and requests that are refused.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { problemOf, testHttp } from "../support/http_server.ts";
import { HttpWorker } from "../support/http_worker.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

const HOST = "Host: localhost\r\n";

/** More than the buffers of loopback take. */
const LARGE = 12_000_000;

const TOKEN = { token: "worker-token-1234", permissions: ["work"] } as const;
testHttp("who leaves while it waits takes no job with it", async (open) => {
  await using server = await open();
  const worker = new HttpWorker(server);
  const leave = new AbortController();
  const gone = worker.claim("wait=600", { signal: leave.signal }).catch(() => undefined);
  await worker.until(({ workers }) => workers === 1);
  leave.abort();
  await gone;
  await worker.until(({ workers }) => workers === 0);
  await (await server.post("/topics/t", "one")).text();
  const job = (await worker.claim())!;
  assertEquals([job.body, job.attempt], ["one", 1]);
});

testHttp(
  "a large job that its client does not take is given back, and that is no attempt",
  async (open) => {
    const clock = new ManualClock();
    const limits = {
      messageBytes: LARGE + 2,
      totalInFlightBytes: 10 * LARGE,
      totalUnreadBytes: 40 * LARGE,
    };
    await using server = await open({ clock, limits });
    const worker = new HttpWorker(server);
    await (await server.post("/topics/t", "x".repeat(LARGE))).text();
    const claim = "/topics/t/groups/g/claim?lease=3600";
    using leaving = await RawSocket.connect(server.port);
    await leaving.send(`POST ${claim} HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`);
    assertEquals((await withTimeout(leaving.head())).split(" ")[1], "200");
    leaving.cut();
    await worker.until(({ held, ready }) => held === 0 && ready === 1);
    using stuck = await RawSocket.connect(server.port);
    await stuck.send(`POST ${claim} HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`);
    assertEquals((await withTimeout(stuck.head())).split(" ")[1], "200");
    for (let passed = 0; (await worker.info())!.ready === 0; passed += 500) {
      assert(passed < 300_000, "it is cut off in time");
      clock.advance(500);
    }
    const job = (await worker.claim())!;
    assertEquals([job.body.length, job.attempt], [LARGE, 1]);
  },
);

testHttp(
  "a job that the form of an answer cannot carry uses up its attempts, and others flow",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    await mq.put("t", "half \ud800");
    await mq.put("t", "whole");
    const worker = new HttpWorker(server);
    for (let attempt = 1; attempt <= 2; attempt++) {
      const { status, detail } = await problemOf(await worker.ask("POST", "/claim", "attempts=2"));
      assertEquals(status, 406);
      assertStringIncludes(detail, "ask for application/json");
    }
    assertEquals(await (await worker.ask("POST", "/claim")).text(), "whole");
    const { dead } = await worker.dead();
    assertEquals(dead.map(({ body, attempt }) => [body, attempt]), [["half \ud800", 2]]);
    assertStringIncludes(dead[0]!.reason, "UTF-8");
    await worker.post("/redrive", {});
    assertEquals((await worker.claim())!.body, "half \ud800");
  },
);

testHttp("only who may work takes jobs, as long as it may", async (open) => {
  await using server = await open({ auth: { tokens: [TOKEN] } });
  const worker = new HttpWorker(server, "/topics/t/groups/g", "", TOKEN.token);
  const forbidden = worker.ask("POST", "/claim", "wait=600");
  await worker.until(({ workers }) => workers === 1);
  await server.setAuth({ tokens: [{ ...TOKEN, permissions: ["read", "write"] }] });
  assertEquals((await problemOf(await withTimeout(forbidden))).status, 403);
  assertEquals(await worker.status("POST", "/claim"), 403);
  await server.setAuth({ tokens: [{ ...TOKEN, topics: ["t"] }] });
  const revoked = worker.ask("POST", "/claim", "wait=600");
  await worker.until(({ workers }) => workers === 1);
  const ofPrefix = new HttpWorker(server, "/groups/g", "prefix=t", TOKEN.token);
  assertEquals(await ofPrefix.status("POST", "/claim"), 403);
  await server.setAuth({ tokens: [] });
  assertEquals((await problemOf(await withTimeout(revoked))).status, 401);
});

testHttp("a list has those groups alone that one may work on or administer", async (open) => {
  const admin = { token: "admin-token-12345", permissions: ["admin"] } as const;
  const tokens = [{ ...TOKEN, topics: ["a"], prefixes: ["b."] }, admin];
  await using server = await open({ auth: { tokens, anonymous: { permissions: ["work"] } } });
  for (
    const path of [
      "/topics/a/groups/g",
      "/topics/c/groups/g",
      "/topics/b.x/groups/g",
      "/groups/g?prefix=b.",
      "/groups/g?prefix=b",
    ]
  ) {
    await (await server.get(path, { method: "PUT" })).text();
  }
  const listed = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const { groups } = await (await server.get("/groups", { headers })).json();
    return groups.map((one: Record<string, string>) => one.topic ?? `${one.prefix}*`).sort();
  };
  assertEquals(await listed(TOKEN.token), ["a", "b.*", "b.x"]);
  assertEquals(await listed(admin.token), ["a", "b*", "b.*", "b.x", "c"]);
  const [worker, administrator] = [TOKEN.token, admin.token].map((token) =>
    new HttpWorker(server, "/topics/a/groups/g", "", token)
  );
  assertEquals(await worker!.status("DELETE", ""), 403);
  assertEquals(await administrator!.status("POST", "/claim"), 403);
  assertEquals(await administrator!.status("DELETE", ""), 204);
});

testHttp("only who may work on a group or administer it is told of it", async (open) => {
  const token = (permission: "read" | "write" | "work" | "admin", topic: string) => ({
    ...{ token: `${permission}-${topic}-token-1234`, permissions: [permission], topics: [topic] },
  });
  const all = (["read", "write", "work", "admin"] as const).flatMap((permission) =>
    ["t", "u"].map((topic) => token(permission, topic))
  );
  await using server = await open({ auth: { tokens: [TOKEN, ...all] } });
  await new HttpWorker(server, "/topics/t/groups/g", "", TOKEN.token).status("PUT", "");
  for (const { token, permissions: [permission], topics: [topic] } of all) {
    const mayWork = topic === "t" && (permission === "work" || permission === "admin");
    const seen = async (path: string) =>
      await new HttpWorker(server, path, "", token).ask("GET", "");
    const response = await seen("/topics/t/groups/g");
    if (mayWork) {
      assertEquals((await response.json()).group, "g", token);
      continue;
    }
    assertEquals((await problemOf(response)).code, "permission_denied", token);
    // Nor whether there is one.
    assertEquals((await problemOf(await seen("/topics/t/groups/other"))).status, 403, token);
    assertEquals((await problemOf(await seen("/groups/g?prefix=t"))).status, 403, token);
  }
});

testHttp("a group is named in the path or in the query, whatever its name is", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const names: [path: string, topic: string, group: string][] = [
    ["/topics/a%2Fb/groups/g", "a/b", "g"],
    ["/topics/a/b/groups/h", "a/b", "h"],
    ["/topics/a/groups/b/groups/g", "a/groups/b", "g"],
    ["/groups/g?topic=..", "..", "g"],
    ["/groups/g?topic=a/groups/x/claim", "a/groups/x/claim", "g"],
    ["/topics/t/groups/gr%C3%BC%C3%9F%20%2F%2B", "t", "grüß /+"],
    ["/topics/t/groups/claim", "t", "claim"],
    ["/topics/t/groups/groups", "t", "groups"],
  ];
  for (const [path, topic, group] of names) {
    assertEquals((await server.get(path, { method: "PUT" }).then((r) => r.json())).created, true);
    const { groups } = await (await server.get(`/groups?topic=${encodeURIComponent(topic)}`))
      .json();
    assert(groups.some((one: { group: string }) => one.group === group), path);
    await mq.put(topic, path);
    const [before, query = ""] = path.split("?");
    const worker = new HttpWorker(server, before, query);
    assertEquals((await worker.claim("since=start"))!.body.length > 0, true);
  }
  const refused: [path: string, code: string, reason: string][] = [
    ["/groups/g/claim", "bad_request", "topic or prefix"],
    ["/groups/g/claim?topic=a&prefix=b", "bad_request", "not both"],
    ["/topics/t/groups/g/claim?topic=a", "bad_request", "no parameter"],
    ["/topics/t/groups/g/claim?prefix=a", "bad_request", "no parameter"],
    ["/topics/t/groups/%00/claim", "bad_request", "no control characters"],
    [`/topics/t/groups/${"g".repeat(257)}/claim`, "bad_request", "the limit is 256"],
    ["/topics/t/groups/%ff/claim", "bad_request", "percent-encoded UTF-8"],
    ["/topics/%00/groups/g/claim", "bad_topic", "no control characters"],
    ["/groups/g/claim?topic=", "bad_topic", "at least one character"],
  ];
  for (const [path, expected, reason] of refused) {
    const { code, detail } = await problemOf(await server.get(path, { method: "POST" }));
    assertEquals(code, expected, path);
    assertStringIncludes(detail, reason);
  }
});

testHttp("what is wrong with a request about jobs is said in words", async (open) => {
  await using server = await open({
    limits: { lease: 60_000, jobTimeout: 120_000, attempts: 3 },
  });
  const worker = new HttpWorker(server);
  const parameters: [query: string, reason: string][] = [
    ["wait=soon", 'The parameter wait must be seconds from 0 to 2147483, got "soon"'],
    ["lease=0.5", 'The parameter lease must be seconds from 1 to 60, got "0.5"'],
    ["lease=61", 'The parameter lease must be seconds from 1 to 60, got "61"'],
    ["timeout=121", 'The parameter timeout must be seconds from 0.001 to 120, got "121"'],
    ["attempts=0", 'The parameter attempts must be a whole number from 1 to 3, got "0"'],
    ["attempts=4", 'The parameter attempts must be a whole number from 1 to 3, got "4"'],
    ["since=yesterday", "The parameter since must be start, now,"],
    ["leash=5", 'There is no parameter "leash" here'],
  ];
  for (const [query, reason] of parameters) {
    const { status, detail } = await problemOf(await worker.ask("POST", "/claim", query));
    assertEquals(status, 400, query);
    assertStringIncludes(detail, reason);
  }
  assertEquals(await worker.info(), undefined, "none of them has made the group");
  await worker.claim("lease=60&timeout=120&attempts=3");
  const outcome = (fields: object) => ["/finish", { claim: 1, ...fields }] as const;
  const bodies: [verb: string, body: unknown, reason: string][] = [
    ["/finish", "x", "An outcome must be a JSON object, got a string"],
    ["/finish", [1], "An outcome must be a JSON object, got a number"],
    ["/finish", {}, "An outcome must have the number of a claim, got nothing"],
    ["/finish", { claim: "1" }, 'An outcome must have the number of a claim, got "1"'],
    [...outcome({ outcome: "ok" }), "one of done, retry, dead, release"],
    [...outcome({ delay: 5 }), "A delay is for retry alone"],
    [
      ...outcome({ outcome: "retry", delay: -1 }),
      "A delay must be seconds from 0 to 2592000, got -1",
    ],
    [...outcome({ outcome: "retry", reason: 5 }), "A reason is a text"],
    [...outcome({ reason: "fine" }), "A reason is a text, and for retry, dead and release alone"],
    [...outcome({ note: "x" }), 'no members but claim, outcome, delay, reason, got "note"'],
    ["/finish", Array(1025).fill({ claim: 1 }), "at most 1024 outcomes, got 1025"],
    ["/extend", {}, "a claim, or a list of at most 16384 claims"],
    ["/extend", { claim: 1, claims: [2] }, "a claim, or a list"],
    ["/extend", { claims: ["x"] }, "a claim, or a list"],
    ["/redrive", { seq: "x" }, 'The member seq must be a sequence number, got "x"'],
    ["/redrive", [], "The body must be a JSON object, got an array"],
  ];
  for (const [verb, body, reason] of bodies) {
    const { status, answer } = await worker.post(verb, body);
    assertEquals([status, answer.code], [400, "bad_request"], `${verb} ${reason}`);
    assertStringIncludes(answer.detail, reason);
  }
  for (const body of ["{", "", Uint8Array.of(0xff)]) {
    const { status } = await problemOf(await worker.ask("POST", "/finish", "", { body }));
    assertEquals(status, 400);
  }
  for (const query of ["after=x", "count=0", "count=251", "after=-1"]) {
    assertEquals((await problemOf(await worker.ask("GET", "/dead", query))).status, 400, query);
  }
});

testHttp(
  "who makes a group, deletes it, or has its dead jobs worked again is in the log",
  async (open) => {
    const lines: string[] = [];
    const log = { info: (line: string) => void lines.push(line), warn() {}, error() {} };
    await using server = await open({ log });
    const worker = new HttpWorker(server);
    assertEquals([await worker.status("PUT", ""), await worker.status("PUT", "")], [201, 200]);
    await (await server.post("/topics/t", "one")).text();
    const { claim } = (await worker.claim())!;
    await worker.post("/finish", { claim, outcome: "dead" });
    await worker.post("/redrive", {});
    await worker.post("/redrive", {});
    assertEquals(await worker.status("DELETE", ""), 204);
    assertEquals(lines.filter((line) => line.includes("127.0.0.1 without a token")), [
      'dsmq: a client at 127.0.0.1 without a token made the group "g" of topic "t"',
      'dsmq: a client at 127.0.0.1 without a token had 1 dead job of "g" of topic "t" worked again',
      'dsmq: an administrator at 127.0.0.1 without a token deleted the group "g" of topic "t"',
    ]);
  },
);
