import { assertEquals } from "@std/assert";
import { cells, type HttpComparison, judge } from "../../bench/http/comparison.ts";
import { EventCounter } from "../../bench/http/event_reader.ts";
import { headEnd, parseResponse, postRequest } from "../../bench/http/http_socket.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("events are counted however their bytes come, and chunks of the body count nothing", () => {
  const event = 'id: e:1\ndata: {"body":"one"}\n\n';
  const body = `1e\r\n${event}\r\n3c\r\n${event}${event}\r\n`;
  for (let size = 1; size <= body.length; size++) {
    const counter = new EventCounter();
    let events = 0;
    for (let at = 0; at < body.length; at += size) {
      events += counter.count(bytes(body.slice(at, at + size)));
    }
    assertEquals(events, 3, `in parts of ${size}`);
  }
});

Deno.test("a response is complete once all of its body is there", () => {
  for (
    const [head, body] of [
      ["HTTP/1.1 201 Created\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\n", "one\n"],
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\none\n\r\n0\r\n\r\n"],
    ]
  ) {
    const whole = bytes(head! + body!);
    assertEquals(headEnd(whole), head!.length);
    for (let size = 0; size < whole.length; size++) {
      assertEquals(parseResponse(whole.subarray(0, size)), undefined);
    }
    const status = Number(head!.slice(9, 12));
    assertEquals(parseResponse(whole), { status, body: bytes(body!) });
  }
});

Deno.test("a POST says how long its body is", () => {
  const request = new TextDecoder().decode(postRequest("/topics/t", "text/plain", "one"));
  assertEquals(request.includes("\r\nContent-Length: 3\r\n"), true);
  assertEquals(request.endsWith("\r\n\r\none"), true);
});

Deno.test("plain HTTP is judged by the median of its pairs, as a ratio or as a difference", () => {
  const of = (by: HttpComparison["by"], goal: HttpComparison["goal"]): HttpComparison => ({
    ...{ work: "a POST", against: "a bare server", unit: "µs", by },
    // The machine slowed down for both: the ratios stay.
    ours: [11, 12, 22, 26, 44],
    theirs: [10, 10, 20, 20, 40],
    ...(goal && { goal }),
  });
  const { value, spread, isMissed } = judge(of("ratio", { atMost: 1.1 }));
  assertEquals([value, spread.toFixed(2), isMissed], [1.1, "0.05", false]);
  assertEquals(judge(of("ratio", { atMost: 1.09 })).isMissed, true);
  assertEquals(judge(of("ratio", { atLeast: 1.1 })).isMissed, false);
  assertEquals(judge(of("ratio", { atLeast: 1.11 })).isMissed, true);
  assertEquals(judge(of("difference", { atMost: 2 })).value, 2);
  assertEquals(judge(of("difference", { atMost: 1.9 })).isMissed, true);
  assertEquals(judge(of("ratio", undefined)).isMissed, false);
  assertEquals(cells(judge(of("difference", { atMost: 1.9 }))), [
    ...["a POST", "a bare server", "µs", "22.0", "20.0", "2.0 µs more ± 1.0", "≤ 1.9 µs more"],
    "NOT reached",
  ]);
});
