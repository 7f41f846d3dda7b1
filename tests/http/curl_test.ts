/**
 * `curl`, as people use it.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { curl, curlWith, noCurl, startCurl } from "../support/curl.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { type OpenHttp, testHttp } from "../support/http_server.ts";
import { LostAnswers } from "../support/lost_answers.ts";
import { openServer } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";

function testCurl(promise: string, prove: (open: OpenHttp, kind: string) => Promise<void>) {
  testHttp(promise, prove, noCurl);
}

/** All bodies of a topic that were not read yet. */
async function bodiesOf(mq: Connection, topic = "t"): Promise<string[]> {
  const bodies: string[] = [];
  for (let message; (message = await mq.read(topic));) bodies.push(message.body);
  return bodies;
}

/** Waits until a number of others are connected, requests that last included. */
async function others(mq: Connection, count: number): Promise<void> {
  while ((await mq.connections()).filter(({ own }) => !own).length !== count) {
    await Promise.resolve();
  }
}

testCurl("curl puts an argument, a file, its standard input and chunks", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const url = `${server.origin}/topics/t`;
  const file = await Deno.makeTempFile();
  try {
    const lines = "ünïcödé 🦊\r\n\nlast";
    const large = `${"x".repeat(899_999)}\n`;
    assertMatch(await curl("-d", "hello", url), /^{"seq":1,"position":"[\w-]+:1","time":\d+}$/);
    await Deno.writeTextFile(file, lines);
    await curl("--data-binary", `@${file}`, url);
    await curlWith(lines, "--data-binary", "@-", url);
    await curlWith(lines, "-X", "POST", "-T", "-", url);
    await curl("-H", "transfer-encoding: chunked", "--data-binary", `@${file}`, url);
    // So large that curl asks first whether it may send it.
    await Deno.writeTextFile(file, large);
    await curl("--data-binary", `@${file}`, url);
    await curl("-X", "POST", "-T", file, url);
    await curl("-d", "", url);
    await curl("-F", "a=b", `${server.origin}/topics/form`);
    const sent = ["hello", lines, lines, lines, lines, large, large, ""];
    assertEquals(await bodiesOf(mq), sent);
  } finally {
    await Deno.remove(file);
  }
});

testCurl("curl puts lines, a key, headers, and a message of an id once", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const url = `${server.origin}/topics/t`;
  const headers = ["-H", "Idempotency-Key: order-7", "-H", "Dsmq-Header-source: cron%20job"];
  const first = await curl(...headers, "-d", "seven", `${url}?key=a`);
  const again = await curl("--retry", "3", ...headers, "-d", "seven", `${url}?key=a`);
  assertEquals(JSON.parse(again), { ...JSON.parse(first), dup: true });
  const { body, messageId, key, headers: own } = (await mq.read("t"))!;
  assertEquals([body, messageId, key, own], ["seven", "order-7", "a", { source: "cron job" }]);
  const ndjson = ["-H", "content-type: application/x-ndjson", "--data-binary", "@-"];
  const answers = await curlWith('"one"\n{"body":"two"}\n', ...ndjson, url);
  assertEquals(answers.split("\n").map((line) => JSON.parse(line).seq), [2, 3]);
  assertEquals(await bodiesOf(mq), ["one", "two"]);
});

testCurl("curl that repeats a put whose answer was lost stores it once", async (open) => {
  await using server = await open();
  await using lossy = new LostAnswers(server.port, 1);
  const retry = ["--retry", "5", "--retry-all-errors", "--retry-delay", "1"];
  const headers = ["-H", "Idempotency-Key: order-7"];
  await using program = startCurl(...retry, ...headers, "-d", "seven", `${lossy.origin}/topics/t`);
  const { code, stdout } = await program.end();
  assertEquals([code, JSON.parse(stdout).dup, lossy.lost], [0, true, 1]);
  assertEquals(server.stats().stored, 1);
});

testCurl("curl reads, asks for the headers alone, and waits", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const url = `${server.origin}/topics/t`;
  const status = ["-w", "%{http_code}"];
  assertEquals(await curl(...status, url), "204");
  await mq.put("t", "one\n", { headers: { a: "b c" } });
  assertEquals(await curl(...status, "--compressed", url), "one\n200");
  const head = await curl("-I", url);
  for (const line of ["HTTP/1.1 200 OK", "dsmq-seq: 1", "dsmq-header-a: b%20c"]) {
    assertStringIncludes(head, line);
  }
  await using waiting = startCurl(...status, `${url}?after=now&wait=60`);
  await others(mq, 1);
  await mq.put("t", "two");
  assertEquals((await waiting.end()).stdout, "two200");
});

testCurl("whoever asks a server what it is learns where to put and read", async (open) => {
  await using server = await open();
  assertMatch(
    await curl(server.origin),
    /^dsmq\/\S+: a message queue\. .*POST and GET topics\/NAME/,
  );
});

testCurl("a shell reads on from the position that it was told", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const texts = ["one", "two", "three"];
  await mq.putMany("t", texts);
  const read: string[] = [];
  for (let after = "start"; read.length < 4;) {
    const text = await curl(
      "-w",
      "\n%header{dsmq-position}",
      `${server.origin}/topics/t?after=${after}`,
    );
    const [body, position] = text.split("\n");
    read.push(body!);
    after = position!;
  }
  assertEquals(read, [...texts, ""]);
});

testCurl("curl follows events and lines, and each is printed as it comes", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const url = `${server.origin}/topics/t`;
  await using events = startCurl("-N", "-H", "accept: text/event-stream", url);
  await using lines = startCurl("-N", "-H", "accept: application/x-ndjson", url);
  assertMatch((await events.line())!, /^id: /);
  assertEquals(await events.line(), "");
  await others(mq, 2);
  for (const text of ["one", "two\nlines"]) {
    await mq.put("t", text);
    assertMatch((await events.line())!, /^id: /);
    const data = JSON.parse((await events.line())!.replace("data: ", ""));
    assertEquals(await events.line(), "");
    assertEquals(data.body, text);
    assertEquals(JSON.parse((await lines.line())!), data);
  }
});

testCurl("curl fails with what is wrong", async (open) => {
  await using server = await open({ limits: { messageBytes: 1000 } });
  const url = `${server.origin}/topics/t`;
  const problem = async (...args: string[]) => {
    const { status, code, detail } = JSON.parse(await curl(...args));
    return [status, code, detail];
  };
  assertEquals((await problem("-d", "x".repeat(2000), url)).slice(0, 2), [413, "too_large"]);
  assertEquals((await problem("-T", "-", url))[0], 405);
  assertEquals((await problem("-X", "POST", url))[0], 411);
  assertEquals((await problem(`${server.origin}/topic/t`))[0], 404);
  await using failing = startCurl("-f", "-d", "x".repeat(2000), url);
  // The code with which curl says that the server has refused it.
  assertEquals((await failing.end()).code, 22);
});

const TLS = `${ROOT.pathname}tests/fixtures/localhost`;

Deno.test({
  ...ignoredIf(noCurl, "curl puts, reads, waits and follows over HTTP/2 and TLS (builtin)"),
  async fn() {
    const cert = await Deno.readTextFile(`${TLS}_cert.pem`);
    const key = await Deno.readTextFile(`${TLS}_key.pem`);
    await using server = await openServer({ cert, key });
    using client = Deno.createHttpClient({ caCerts: [cert] });
    await using mq = await connect(server.url, {
      dial: (url, protocols) => new WebSocket(url, { protocols, client }),
    });
    const url = `https://localhost:${server.port}/topics/t`;
    const http2 = ["--http2", "--cacert", `${TLS}_cert.pem`];
    const version = ["-w", "\n%{http_version} %{http_code}"];
    assertMatch(await curl(...http2, ...version, "-d", "one", url), /"seq":1.*\n\n2 201$/s);
    // Over HTTP/2 a body of unknown length has no header that announces it.
    assertMatch(await curlWith("two", ...http2, "-X", "POST", "-T", "-", url), /"seq":2/);
    const large = "x".repeat(900_000);
    assertMatch(await curlWith(large, ...http2, "--data-binary", "@-", url), /"seq":3/);
    assertEquals(await curl(...http2, ...version, url), "one\n2 200");
    assertEquals(await curl(...http2, `${url}?after=2`) === large, true);
    const follow = ["-N", "-H", "accept: application/x-ndjson"];
    await using lines = startCurl(...http2, ...follow, `${url}?after=start`);
    assertEquals(JSON.parse((await lines.line())!).body, "one");
    await using waiting = startCurl(...http2, `${url}?after=now&wait=60`);
    await others(mq, 2);
    await curl(...http2, "-d", "four", url);
    assertEquals((await waiting.end()).stdout, "four");
  },
});

testCurl("curl that offers HTTP/2 without TLS is answered over HTTP/1.1", async (open, kind) => {
  await using server = await open();
  const url = `${server.origin}/topics/t`;
  await curl("-d", "one", url);
  const version = ["-w", " %{http_version}"];
  assertEquals(await curl("--http2", ...version, url), "one 1.1");
  if (kind === "hardened") return assertMatch(await curl("--http2", "-d", "two", url), /"seq":2/);
  // `Deno.serve` itself refuses a body with such an offer.
  const refused = await curl("--http2", "-d", "two", "-w", "%{http_code}", url);
  assertEquals([refused, server.stats().stored], ["400", 1]);
});
