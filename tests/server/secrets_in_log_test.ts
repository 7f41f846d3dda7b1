/**
 * No message and no token gets into the log, whatever clients do with them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { encodeBase64Url } from "../../protocol/base64url.ts";
import { tokenSubprotocol } from "../../protocol/token.ts";
import { headers } from "../auth/auth_support.ts";
import { openLogging } from "../support/logging_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { httpRequest } from "../support/raw_http.ts";
import { UPGRADE } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Valid, and of an administrator. */
const TOKEN = "valid-marker-9f2c+/~a";

/** Not valid: each with the way in which a client sends it. */
const WRONG = {
  bearer: "bearer-marker-1b7d+/~b",
  subprotocol: "subprotocol-marker-2c8e+/~c",
  hello: "hello-marker-3d9f+/~d",
  query: "query-marker-4eaf",
  basic: "basic-marker-5fb0",
  scheme: "scheme-marker-60c1",
  twice: "twice-marker-71d2",
  spaced: "spaced-marker-82e3",
  type: "type-marker-93f4",
};

/** The text of messages, and of what is not quite one. */
const BODIES = {
  stored: "body-marker-a405+/~",
  denied: "denied-marker-b516",
  badTopic: "topic-marker-c627",
  list: "list-marker-d738",
  truncated: "truncated-marker-e849",
  binary: "binary-marker-f95a",
  header: "header-marker-0a6b",
  large: "large-marker-1b7c",
  unknown: "field-marker-2c8d",
};

/** A text in the forms in which it travels. */
function forms(text: string): string[] {
  const bytes = new TextEncoder().encode(text);
  // Without the ends, which depend on what stands beside them.
  const inner = (base64: string) => base64.replace(/=+$/, "").slice(0, -2);
  return [text, encodeURIComponent(text), inner(btoa(text)), inner(encodeBase64Url(bytes))];
}

/** Everything that clients can do wrong with a token. */
async function sendTokens(port: number): Promise<void> {
  const host = `localhost:${port}`;
  const handshakes: [Record<string, string>, path?: string][] = [
    [{ Authorization: `Bearer ${WRONG.bearer}` }],
    [{ Authorization: `Bearer  ${WRONG.spaced} ${WRONG.spaced}` }],
    [{ Authorization: `Basic ${btoa(`user:${WRONG.basic}`)}` }],
    [{ Authorization: `Digest ${WRONG.scheme}, bearer ${WRONG.twice}` }],
    [{ "Sec-WebSocket-Protocol": `dsmq, ${tokenSubprotocol(WRONG.subprotocol)}` }],
    [{ "Sec-WebSocket-Protocol": tokenSubprotocol(WRONG.subprotocol) }],
    [{ "Sec-WebSocket-Protocol": `dsmq, dsmq.token.${WRONG.subprotocol}` }],
    [{}, `/?token=${WRONG.query}&access_token=${WRONG.query}`],
    [{ Origin: "https://evil.example" }, `/?token=${WRONG.query}`],
  ];
  for (const [more, path] of handshakes) {
    using _client = await RawClient.handshake(port, { Host: host, ...UPGRADE, ...more }, path);
  }
  for (const token of [WRONG.hello, `${WRONG.spaced} x`, [WRONG.type], { token: WRONG.type }]) {
    using client = await RawClient.handshake(port, headers(port));
    await withTimeout(client.requestOrCode({ action: "hello", id: 1, token }));
  }
  const target = `/topics/t?token=${WRONG.query}`;
  await httpRequest(port, `GET ${target} HTTP/1.1\r\nHost: evil.example`);
  await httpRequest(
    port,
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${WRONG.bearer}`,
  );
  await httpRequest(
    port,
    `POST /topics/t HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${WRONG.bearer}\r\n` +
      `Content-Length: 0`,
  );
  // No HTTP at all, with a token in it.
  await httpRequest(port, `${WRONG.query} ${WRONG.bearer}`).catch(() => {});
}

/** Everything that a client can do wrong with a message. */
async function sendBodies(port: number, token: string): Promise<void> {
  const open = () => RawClient.handshake(port, headers(port, token));
  using client = await open();
  const put = { action: "put", id: 1, topic: "t" };
  const { stored, denied, badTopic, list, header, large, unknown } = BODIES;
  const requests = [
    { ...put, body: stored },
    { ...put, topic: "denied", body: denied },
    { ...put, topic: "\n", body: badTopic },
    { ...put, body: [list] },
    { ...put, body: { list } },
    { ...put, body: `${large}${"x".repeat(200)}` },
    { ...put, body: stored, headers: { a: [header] } },
    { ...put, body: stored, headers: { a: `${header}${"x".repeat(20_000)}` } },
    { ...put, topic: [unknown], body: stored },
    { ...put, body: stored, messageId: { unknown } },
    { action: "put", topic: "t", message: [list] },
    { action: "disconnect", id: 1, connection: "kqzv-1", body: unknown },
    { action: "purge", id: 1, topic: "t", body: unknown },
    { action: "backup", id: 1, body: unknown },
    { action: "backup", id: 2, after: 0, last: 9, epoch: "e", body: unknown },
    { action: "get", id: 1, topic: "t", body: unknown },
  ];
  for (const request of requests) {
    if (!("id" in request)) await client.send(request);
    else await withTimeout(client.requestOrCode({ ...request }));
  }
  const frames = [
    `{"action":"put","id":1,"topic":"t","body":"${BODIES.truncated}`,
    `${BODIES.truncated}`,
    `[{"action":"put","body":"${BODIES.truncated}"`,
    `{"action":"put","id":1,"topic":"t","body":${BODIES.truncated}}`,
    new TextEncoder().encode(BODIES.binary),
  ];
  for (const frame of frames) {
    using other = await open();
    await other.send(frame);
    await withTimeout(other.request({ action: "heartbeat", id: 9 }).catch(() => {}));
  }
  await client.request({ action: "shutdown", id: 99, token, body: unknown });
}

/** The same over plain HTTP. */
async function sendRequests(port: number, token: string): Promise<void> {
  const { stored, denied, header, large, truncated, unknown, list } = BODIES;
  const at = `http://localhost:${port}`;
  const post = (path: string, body: string | Uint8Array<ArrayBuffer>, more = {}) =>
    fetch(`${at}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, ...more },
      body,
    }).then((response) => response.text());
  const lines = { "content-type": "application/x-ndjson" };
  await post("/topics/t", stored);
  await post("/topics/t", `${large}${"x".repeat(300)}`);
  await post("/topics/denied", denied, { authorization: "Bearer other" });
  await post("/topics/t", denied, { authorization: `Bearer ${WRONG.bearer}` });
  await post("/topics/t", denied, { authorization: WRONG.scheme });
  await post(`/topics/t?token=${WRONG.query}`, stored);
  await post(`/topics/t?access_token=${WRONG.query}`, stored, { authorization: "" });
  await post("/topics/t", stored, { "dsmq-header-a": `${header}%zz` });
  await post("/topics/t", new TextEncoder().encode(`${truncated}\u00ff`).slice(0, -1));
  await post("/topics/t", `"${stored}"\n${truncated}\n{"body":["${list}"]}\n`, lines);
  await post("/topics/t", `{"body":"${stored}","${unknown}":1}\n"${truncated}`, lines);
  await post("/topics/t", stored, { origin: "https://evil.example" });
  await post("/nowhere", unknown);
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: no message and no token is ever logged, as text or as JSON, in any of their forms`, async () => {
    const grant = { permissions: ["read", "write", "admin"] as const };
    await using logging = await openLogging({
      transport,
      limits: { messageBytes: 200 },
      allowShutdown: true,
      auth: { tokens: [{ token: TOKEN, ...grant }, { token: "other", topics: ["t"] }] },
    });
    const { port } = logging.server;
    await sendTokens(port);
    using _limited = await RawClient.handshake(port, headers(port, "other"));
    await _limited.request({ action: "put", id: 1, topic: "denied", body: BODIES.denied });
    await sendRequests(port, TOKEN);
    await sendBodies(port, TOKEN);
    const { text, json } = await logging.end();
    const names = new Set(logging.events.map(({ event }) => event));
    for (
      const event of ["request_refused", "admin_purge", "admin_backup", "admin_shutdown"] as const
    ) {
      assert(names.has(event), `${event} was logged`);
    }
    const secrets = [TOKEN, ...Object.values(WRONG), ...Object.values(BODIES)].flatMap(forms);
    for (const log of [text, json]) {
      assert(log.length > 500, "there is something to look at");
      assertEquals(secrets.filter((secret) => log.includes(secret)), [], log);
    }
  });
}
