/**
 * `POST /topics/{topic}`: the body is stored as it is, or refused with a code.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "@dsmq/server";
import { problemOf, testHttp } from "../support/http_server.ts";
import { httpRequest } from "../support/raw_http.ts";

testHttp("what is posted is read over the WebSocket, exactly", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const texts = ["hello", "", "\0", "\ufeffbom", "ünïcödé 🦊", "a\r\nb", "x".repeat(100_000)];
  for (const [i, text] of texts.entries()) {
    const response = await server.post("/topics/t", text);
    assertEquals(response.status, 201);
    const { seq, position, time } = await response.json();
    assertEquals([seq, typeof time], [i + 1, "number"]);
    assertMatch(position, new RegExp(`^[\\w-]{16,}:${seq}$`));
    const message = await mq.read("t");
    assertEquals([message?.body, message?.seq, message?.position, message?.time], [
      text,
      seq,
      position,
      time,
    ]);
  }
});

testHttp("any content type but ndjson is text, as curl sends it", async (open) => {
  await using server = await open();
  const types = [
    "application/x-www-form-urlencoded",
    "application/json",
    "",
    "multipart/form-data",
  ];
  for (const type of types) {
    const response = await server.post("/topics/t", new TextEncoder().encode('{"a":1}'), {
      "content-type": type,
    });
    assertEquals(response.status, 201, type);
    await response.body?.cancel();
  }
  const { messages } = await (await server.get("/topics/t?count=9")).json();
  assertEquals(messages.map(({ body }: { body: string }) => body), Array(4).fill('{"a":1}'));
});

testHttp("ill-formed UTF-8, other charsets and compressed bodies are refused", async (open) => {
  await using server = await open();
  for (const bytes of [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80]]) {
    const problem = await problemOf(await server.post("/topics/t", Uint8Array.from(bytes)));
    assertEquals([problem.status, problem.code], [400, "bad_message"]);
  }
  for (
    const headers of [{ "content-type": "text/plain; charset=latin1" }, {
      "content-encoding": "gzip",
    }]
  ) {
    const problem = await problemOf(await server.post("/topics/t", "x", headers));
    assertEquals([problem.status, problem.code], [415, "bad_request"]);
  }
  // `fetch` sends no such header.
  const coded = "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked";
  const { status, body } = await httpRequest(server.port, `${coded}\r\n\r\n1\r\nx\r\n0`);
  assertEquals([status, JSON.parse(body).code], [415, "bad_request"]);
  const fine = await server.post("/topics/t", "x", { "content-type": "text/plain; charset=UTF-8" });
  assertEquals(fine.status, 201);
  await fine.body?.cancel();
  assertEquals(server.stats().stored, 1);
});

testHttp("attributes come as Idempotency-Key, key and Dsmq-Header-NAME", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const headers = {
    "Idempotency-Key": '"order \\"7\\""',
    "Dsmq-Header-traceparent": "00-ab-cd-01",
    "Dsmq-Header-gr%C3%B6%41": "100%25 %F0%9F%A6%8A",
  };
  const first = await (await server.post("/topics/t?key=k%C3%BC", "one", headers)).json();
  const again = await server.post("/topics/t", "two", { "Idempotency-Key": '"order \\"7\\""' });
  assertEquals([again.status, await again.json()], [201, { ...first, dup: true }]);
  const message = await mq.read("t");
  assertEquals([message?.messageId, message?.key, message?.headers], ['order "7"', "kü", {
    traceparent: "00-ab-cd-01",
    gröA: "100% 🦊",
  }]);
  assertEquals(await mq.read("t"), undefined);
  // The same id over the WebSocket is the same message.
  assertEquals(await mq.put("t", "three", { messageId: 'order "7"' }), first.seq);
});

testHttp("each line of ndjson is stored, and a bad one fails alone", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const lines = [
    '"one"',
    '{"body":"two","key":"k","headers":{"a":"b"},"messageId":"m"}',
    "",
    "bad",
    '{"body":1}',
    '{"body":"x","later":1}',
    '"\\ud800"',
    '{"body":"x","key":""}',
    '{"body":"again","messageId":"m"}',
    '"last"',
  ];
  const response = await server.post("/topics/t?key=all", lines.join("\n"), {
    "content-type": "application/x-ndjson; charset=utf-8",
  });
  assertEquals([response.status, response.headers.get("content-type")], [
    200,
    "application/x-ndjson",
  ]);
  const text = await response.text();
  const answers = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(answers.map(({ seq, code, dup }) => dup ? `dup ${seq}` : seq ?? code), [
    1,
    2,
    "bad_message",
    "bad_message",
    "bad_message",
    3,
    "bad_message",
    "dup 2",
    4,
  ]);
  const read = [];
  for (let message; (message = await mq.read("t"));) read.push([message.body, message.key]);
  assertEquals(read, [["one", "all"], ["two", "k"], ["\ud800", "all"], ["last", "all"]]);
});

testHttp(
  "each line that is not empty has an answer, also one of white space that JSON does not know",
  async (open) => {
    await using server = await open();
    const lines = ['"a"', "", " \t\r", "\u00a0", "\u2003", "\ufeff", '"b"'].join("\n");
    const response = await server.post("/topics/t", lines, {
      "content-type": "application/x-ndjson",
    });
    const answers = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(answers.map(({ seq, code }) => seq ?? code), [
      1,
      ...Array(3).fill("bad_message"),
      2,
    ]);
  },
);

testHttp(
  "a header of the message that is there twice, in two spellings, is refused",
  async (open) => {
    await using server = await open();
    const headers = { "dsmq-header-a": "1", "dsmq-header-%61": "2" };
    const { status, code } = await problemOf(await server.post("/topics/t", "x", headers));
    assertEquals([status, code], [400, "bad_request"]);
  },
);

testHttp("lines of any text are stored exactly, and ill-formed bytes fail alone", async (open) => {
  await using server = await open();
  const requests: [lines: string, bodies: string[]][] = [
    ['"a"\n"b \x7f"\n', ["a", "b \x7f"]],
    ['"\\"\\n\\u0000"\n"/\\/"\n', ['"\n\0', "//"]],
    ['"ü"\n"🦊"', ["ü", "🦊"]],
  ];
  const illFormed = [0x22, 0xff, 0x22, 0x0a];
  for (const [lines, bodies] of requests) {
    for (const first of [[], illFormed]) {
      const body = Uint8Array.of(...first, ...new TextEncoder().encode(lines));
      const type = { "content-type": "application/x-ndjson" };
      const response = await server.post("/topics/t", body, type);
      const answers = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
      if (first.length > 0) assertEquals(answers.shift().code, "bad_message");
      for (const [i, body] of bodies.entries()) {
        const read = await server.get(`/topics/t?after=${answers[i].seq - 1}`);
        assertEquals(await read.text(), body);
      }
    }
  }
});

testHttp(
  "a topic is a path, with slashes as they are or encoded, or a parameter for any text",
  async (open) => {
    await using server = await open();
    const topics = ["a", "a/b", "a%2Fb", "%C3%BC", "a+b", "a%20b", "%E2%80%AE"];
    const names = ["a", "a/b", "a/b", "ü", "a+b", "a b", "\u202e"];
    for (const path of topics) {
      const response = await server.post(`/topics/${path}`, path);
      assertEquals(response.status, 201, path);
      await response.body?.cancel();
    }
    for (const name of [".", "..", "a//b", "?", "topics"]) {
      const query = new URLSearchParams({ topic: name });
      assertEquals((await (await server.post(`/topics?${query}`, name)).json()).seq > 0, true);
      const read = await server.get(`/topics?${query}`);
      assertEquals(await read.text(), name);
      names.push(name);
    }
    const listed = await (await server.get("/topics")).json();
    assertEquals(
      listed.topics.map(({ topic }: { topic: string }) => topic),
      [...new Set(names)].toSorted(),
    );
    for (const path of ["/topics", "/topics/", "/topics?topic=", "/topics/%FF", "/topics/a%0Ab"]) {
      const problem = await problemOf(await server.post(path, "x"));
      assertEquals([problem.status, problem.code], [400, "bad_topic"], path);
    }
    for (const path of ["/topics?topic=%FF", "/topics/t?topic=t", "/topics/t?key=a&key=b"]) {
      assertEquals((await problemOf(await server.post(path, "x"))).status, 400, path);
    }
  },
);

testHttp(
  "a body that is too large is refused by its length, and one of unknown length as it comes",
  async (open) => {
    await using server = await open({ limits: { messageBytes: 100 } });
    const fits = await server.post("/topics/t", "x".repeat(98));
    assertEquals(fits.status, 201);
    await fits.body?.cancel();
    for (const text of ["x".repeat(99), "\0".repeat(20), "x".repeat(200_000)]) {
      const problem = await problemOf(await server.post("/topics/t", text));
      assertEquals([problem.status, problem.code, problem.limit], [413, "too_large", 100]);
    }
    const chunks = (count: number) =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          if (count-- > 0) controller.enqueue(new TextEncoder().encode("x".repeat(49)));
          else controller.close();
        },
      });
    const chunked = await server.post("/topics/t", chunks(2));
    assertEquals(chunked.status, 201);
    await chunked.body?.cancel();
    assertEquals((await problemOf(await server.post("/topics/t", chunks(3)))).code, "too_large");
    assertEquals(server.stats().stored, 2);
  },
);

testHttp("a full store and a limit of topics are answered with their codes", async (open) => {
  await using server = await open({ limits: { topics: 1, storedBytes: 400 } });
  const first = await server.post("/topics/t", "x");
  assertEquals(first.status, 201);
  await first.body?.cancel();
  assertEquals((await problemOf(await server.post("/topics/u", "x"))).status, 429);
  const full = await problemOf(await server.post("/topics/t", "x".repeat(300)));
  assertEquals([full.status, full.code, full.limit], [507, "full", 400]);
});
