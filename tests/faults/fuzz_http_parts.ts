/**
 * What requests over plain HTTP are made of, valid and odd, for the fuzzer.
 *
 * @module
 */

/** Topics of valid requests, as paths name them. */
export const TOPICS = ["a", "b", "c%20d", "%C3%A9", "x/y", "__proto__", "constructor"];

/** A request that stands where no request is: nobody may do what it says. */
export const SMUGGLED =
  "POST /topics/smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nsmuggled";

/** Methods that some servers or parsers know, or none does. */
export const METHODS = [
  ...["PUT", "PATCH", "DELETE", "TRACE", "QUERY", "PROPFIND", "M-SEARCH", "OPTIONS", "HEAD"],
  ...["get", "Post", "GETT", "CONSTRUCTOR", "__proto__", "toString", "X".repeat(300), "TRACK"],
];

/** Targets of requests whose form a parser accepts. */
export const TARGETS = [
  ...["/", "/health", "/health/live", "/health/ready", "/topics", "/topics/", "/messages", "/x"],
  ...["/topics//", "//topics/a", "//evil.test/topics/a", "/./topics/a", "/x/../topics/a"],
  ...["/topics/..", "/topics/.", "/topics/%2e%2e/a", "/topics/%2E", "/../../../etc/passwd"],
  ...["/topics/%", "/topics/%zz", "/topics/%ff", "/topics/%c3%28", "/topics/%ed%a0%80"],
  ...["/topics/%00", "/topics/a%00b", "/topics/%0d%0aSet-Cookie:x", "/topics/%2F", "/topics/%252e"],
  ...["/topics/%F4%90%80%80", "/topics/a%EF%BB%BF", "/topics/a+b", "/topics/a;b=c", "/Topics/a"],
  ...[
    "/topics/a?",
    "/topics/a??",
    "/topics/a?&&",
    "/topics/a#b",
    "/topics?topic=",
    "/topics?topic",
  ],
  ...["/topics?topic=.", "/topics?topic=..&after=start", "/topics/a?topic=b", "/topics?topic=%ff"],
  ...["/topics?topic=a&topic=b", "/messages?prefix=%ff", "/messages?prefix=a&prefix=b"],
  ...["/messages/a", "/metrics", "/openapi.json", "/client.js", "/favicon.ico", "/robots.txt"],
  ...["http://localhost/topics/a", "http://evil.test/topics/a", "ftp://localhost/", "http://[::1"],
  ...["*", "http://localhost", "http://localhost?x", "/topics/\\a", "/topics\\a", "/topics/a|b"],
  `/topics/${"a".repeat(300)}`,
  `/topics/${"%61".repeat(100)}`,
  `/topics/${"a/".repeat(8000)}`,
  `/topics/a?${"x=1&".repeat(5000)}`,
  `/${"%2e%2e/".repeat(2000)}`,
  `/topics/a?after=${"9".repeat(5000)}`,
];

/** Queries of requests that read. */
export const QUERIES = [
  ...["", "after=start", "after=now", "after=0", "after=1", "after=-1", "after=1e3", "after=%31"],
  ...["after=9007199254740991", "after=9007199254740992", "after=18446744073709551616", "after="],
  ...["after=x:1", "after=:", "after=:1", "after=x:", "after=x:-1", "after=%00", "after=%ff"],
  ...["after=00000000-0000-0000-0000-000000000000:5", "after=start&after=now", "AFTER=start"],
  ...["count=1", "count=1000", "count=1001", "count=0", "count=-1", "count=1.5", "count=0x10"],
  ...["count=", "count=1&count=2", "count=99999999999", "count=NaN", "count=%31%30"],
  ...["wait=0", "wait=0.01", "wait=-1", "wait=1e1", "wait=Infinity", "wait=99999999999", "wait="],
  ...["token=x", "access_token=x", "auth=x", "Token=x", "__proto__=1", "constructor=1", "=", "=x"],
  ...["after=start&count=5", "after=start&wait=0.01", "after=start&count=3&wait=0.01", "%zz=1"],
];

/** Headers whose form a parser accepts; they come in any number. */
export const HEADERS = [
  ...["Accept: */*", "Accept: text/plain;q=0", "Accept: ;;;,,,q=", "Accept: a/b;q=nan,*/*;q=2"],
  ...["Accept: application/json", "Accept: application/json;q=0.5, text/plain;q=0.4", "Accept:"],
  `Accept: ${"a/b,".repeat(5000)}*/*`,
  ...["Accept-Encoding: gzip, br", "Accept-Language: x", "Range: bytes=0-1", "If-None-Match: *"],
  ...["Content-Type: text/plain; charset=latin1", "Content-Type: text/plain; charset=utf-16"],
  ...["Content-Type: application/x-www-form-urlencoded", "Content-Type: ;charset", "Content-Type:"],
  ...["Content-Type: application/X-NDJSON ; charset=UTF-8", "Content-Type: multipart/form-data"],
  ...["Content-Encoding: gzip", "Content-Encoding: identity", "Content-Encoding: gzip, identity"],
  ...[
    "Idempotency-Key: k1",
    'Idempotency-Key: "k1"',
    'Idempotency-Key: "',
    'Idempotency-Key: "a"b',
  ],
  ...["Idempotency-Key:", "Idempotency-Key: é", `Idempotency-Key: ${"k".repeat(2000)}`],
  ...["Dsmq-Header-A: b", "Dsmq-Header-: b", "Dsmq-Header-%41: b", "Dsmq-Header-%: b"],
  ...["Dsmq-Header-A: %ff", "Dsmq-Header-A: é", "Dsmq-Header-%ed%a0%80: x", "Dsmq-Header-A:"],
  ...["Dsmq-Header-__proto__: x", "Dsmq-Header-%00: %00", `Dsmq-Header-A: ${"b".repeat(20_000)}`],
  ...["Dsmq-Key: k", "Dsmq-Seq: 1", "Last-Event-ID: 1", "Last-Event-ID: x:y", "Last-Event-ID: é"],
  ...["Origin: null", "Origin: http://localhost", "Origin: http://evil.test", "Origin:"],
  ...["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: same-origin"],
  ...[
    "Access-Control-Request-Method: POST",
    "Access-Control-Request-Headers: a, b,,",
    "Referer: x",
  ],
  ...["Authorization: Bearer bad", "Authorization: Bearer", "Authorization: Basic YTpi"],
  ...["Authorization: Bearer good", "Authorization: bearer  good", "Authorization: Bearer é"],
  ...["Expect: 100-continue", "Expect: the unexpected", "Expect: 100-continue, x", "TE: trailers"],
  ...["Upgrade: h2c", "Upgrade: websocket", "Upgrade: websocket, h2c", "Upgrade: foo/1"],
  ...["Connection: keep-alive", "Connection: close", "Connection: Upgrade", "Connection: x, y"],
  ...["X-HTTP-Method-Override: DELETE", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=1.2.3.4"],
  ...["X-Forwarded-Host: evil.test", "X-Original-URL: /topics/smuggled", "Cookie: a=b", "Via: x"],
  ...["Proxy-Connection: x", "Keep-Alive: 1", "Max-Forwards: 0", "HTTP2-Settings: AAMAAABk"],
  ...["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Protocol: dsmq"],
  `X: ${"y".repeat(10_000)}`,
  Array.from({ length: 60 }, (_, i) => `X-${i}: ${i}`).join("\r\n"),
  Array.from({ length: 140 }, (_, i) => `Y-${i}: ${i}`).join("\r\n"),
  Array.from({ length: 70 }, (_, i) => `Dsmq-Header-h${i}: ${i}`).join("\r\n"),
];

/** The Host of a request, if it is not as it should be. */
export const HOSTS = [
  ...[
    "Host: evil.test",
    "Host:",
    "Host: localhost:99999",
    "Host: a b",
    "Host: localhost, evil.test",
  ],
  ...["Host: a:b@localhost", "Host: [::1]", "Host: localhost#", "Host: localhost/x", "Host: 127.1"],
  ...["Host: localhost\r\nHost: evil.test", "Host: evil.test\r\nHost: localhost", "X-No-Host: x"],
  `Host: ${"a.".repeat(900)}`,
];

/** Headers and parts of them that are no HTTP, or are more than one thing at a time. */
export const BROKEN_HEADERS = [
  ...["Content-Length: 3\r\nContent-Length: 4", "Content-Length: 3, 4", "Content-Length: +3"],
  ...["Content-Length: -3", "Content-Length: 0x3", "Content-Length: 3 3", "Content-Length: 3a"],
  ...["Content-Length:", "Content-Length: 99999999999999999999999", "Content-Length: ٣"],
  ...[
    "Content-Length: 3\r\nTransfer-Encoding: chunked",
    "Content-Length : 3",
    "Content-Length\t: 3",
  ],
  ...["Transfer-Encoding: chunked\r\nContent-Length: 3", "Transfer-Encoding : chunked"],
  ...[
    "Transfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, x",
  ],
  ...["Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding:\x0bchunked"],
  ...["Transfer-Encoding: chunked, chunked", "Transfer-Encoding: ,", "Transfer-Encoding:"],
  ...[
    "No colon",
    ": no name",
    " folded: first",
    "X: a\r\n folded",
    "X\x00: a",
    "X: a\x00b",
    "X: a\rb",
  ],
  ...[
    "X Y: a",
    "X(: a",
    "é: a",
    "X: a\n\nb",
    `${"X".repeat(70_000)}: a`,
    `X: ${"y".repeat(90_000)}`,
  ],
];

/** Bodies in chunks that end badly, or never. */
export const BROKEN_CHUNKS = [
  ...[
    "zz\r\nhi\r\n0\r\n\r\n",
    "0x2\r\nhi\r\n0\r\n\r\n",
    "-2\r\nhi\r\n0\r\n\r\n",
    "2\r\nhixx0\r\n\r\n",
  ],
  ...["FFFFFFFFFFFFFFFFFF\r\nhi", "2\r\nhi\r\n0\r\nbad line\r\n\r\n", "\r\n\r\n", "2 2\r\nhi\r\n"],
  ...["2\r\nhi\r\n0\r\nContent-Length: 5\r\nbad\r\n\r\n", "1\r\nab\r\n0\r\n\r\n", "2;\r\nhi\r\n"],
];

/** Lines of `application/x-ndjson` that are refused, each alone. */
export const BAD_LINES = [
  ...[
    "{",
    "[]",
    "null",
    "5",
    "true",
    "{}",
    '{"body":5}',
    '{"body":"x","new":1}',
    "'x'",
    '"x',
    "\\",
  ],
  ...['{"body":"x","key":5}', '{"body":"x","headers":{"a":5}}', '{"body":"x","messageId":{}}'],
  ...['{"body":"x","headers":[]}', '{"body":"x","headers":{"":"x"}}', '{"__proto__":{"body":"x"}}'],
  ...[
    '{"body":"x","delay":-5}',
    '{"body":"x","delay":"5"}',
    '{"body":"x","identity":"y"}',
    `${"[".repeat(5000)}`,
    "NaN",
    "\x00",
  ],
  `{"body":"x","key":${JSON.stringify("k".repeat(2000))}}`,
];
