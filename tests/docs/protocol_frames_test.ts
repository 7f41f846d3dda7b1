/**
 * The frames that the protocol page shows, sent to a real server and compared with what it sends.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { openServer } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { UPGRADE } from "../support/raw_socket.ts";

const page = await Deno.readTextFile(new URL("docs/protocol.md", ROOT));
/** Groups have a test of their own. */
const [beforeGroups = "", , ...afterGroups] = page.split(/^(?=## (?:Groups|Heartbeats)$)/m);
const blocks = [...`${beforeGroups}${afterGroups.join("")}`.matchAll(/```json\n([^]*?)```/g)].map((
  [, block],
) => block!.trim().split("\n"));
const lines = blocks.flat();
const isRequest = (line: string) => line.includes('"action"');

/** The fields of a frame and the kinds of their values; of a list, those of each item; of an error, its sentence without numbers. */
function shapeOf(value: unknown, name = ""): unknown {
  if (name === "limits") return "limits";
  // There are some, or none.
  if (name === "epochs" || name === "outcomes") return name;
  if (name === "message") return `${value}`.replaceAll(/\d+/g, "N");
  if (Array.isArray(value)) {
    const shapes = value.map((item) => JSON.stringify(shapeOf(item)));
    return [...new Set(shapes)].sort();
  }
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return Object.fromEntries(
    Object.entries(value).sort(([one], [other]) => one < other ? -1 : 1).map((
      [key, item],
    ) => [key, shapeOf(item, key)]),
  );
}

const sizeOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;

/** A client that keeps all that the server sends. */
class Recorder {
  readonly received: unknown[] = [];
  readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  async next(): Promise<unknown> {
    const frame = await this.raw.next();
    this.received.push(frame);
    return frame;
  }

  /** Sends a request; returns its reply, whatever comes before. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  async request(request: string | object): Promise<any> {
    const text = typeof request === "string" ? request : JSON.stringify(request);
    const sent = JSON.parse(text);
    const [{ id }] = [sent].flat();
    await this.raw.send(text);
    for (;;) {
      const frame = await this.next();
      const reply = [frame].flat().find((item) => (item as { id?: number }).id === id);
      if (reply) return Array.isArray(sent) ? frame : reply;
    }
  }
}

Deno.test("a server sends each frame that the protocol page shows, with these fields, for the requests that it shows", async () => {
  const reached: unknown[] = [];
  const tokens = {
    verify: () => ({ permissions: ["read" as const], expires: Date.now() + 60_000 }),
  };
  await using server = await openServer({ allowShutdown: true });
  await using guarded = await openServer({ auth: tokens });
  await using raw = await RawClient.open(server.url);
  const client = new Recorder(raw);
  // The page begins at number 42, and something is missing there already.
  const old = [["farewells", 38], ["b", 2], ["c", 1]] as const;
  for (const [topic, count] of old) {
    const bodies = Array.from({ length: count }, () => "m");
    const attributes = bodies.map(() => topic === "c" ? { messageId: "a" } : { key: "a" });
    await client.request({ action: "put", id: 1, topic, bodies, attributes });
  }
  await client.request({ action: "purge", id: 1, topic: "farewells" });
  // Of a topic that still holds messages, too.
  await client.request({ action: "purge", id: 1, topic: "b", before: { seq: 40 } });
  const { epoch } = await client.request({ action: "hello", id: 1 });
  await using other = await RawClient.open(server.url);
  const { connections } = await other.request({ action: "connections", id: 1 });
  const otherId = connections.find(({ own }: { own?: boolean }) => own).id;
  let sent = 0;
  for (const [i, line] of lines.entries()) {
    if (!isRequest(line)) continue;
    const request = line.replaceAll("9b2f4c3e-6a0d-4e0f-8f52-1d6a4b1c7e90", epoch)
      .replace("kqzv-17", otherId);
    const { action, id, token, n } = [JSON.parse(request)].flat()[0];
    if (id === undefined || action === "shutdown" || action === "get_wait") continue;
    sent++;
    let reply: unknown;
    if (token !== undefined) {
      const { host, port } = new URL(guarded.url);
      const headers = { Host: host, ...UPGRADE, Authorization: "Bearer first" };
      await using renewing = await RawClient.handshake(Number(port), headers);
      reply = await renewing.request(request);
    } else if (action === "cancel") {
      await raw.send(lines[i - 2]!);
      reply = await client.request(request);
    } else {
      // One that is repeated.
      if (n !== undefined) await client.request(request);
      reply = await client.request(request);
    }
    const documented = lines[i + 1]!;
    reached.push(reply);
    if (!isRequest(documented)) {
      assertEquals(shapeOf(reply), shapeOf(JSON.parse(documented)), `the reply to ${line}`);
    }
  }
  assert(sent > 25, `${sent} requests were sent`);
  reached.push(...client.received);

  // What is sent without a request.
  await using rawReader = await RawClient.open(server.url);
  const reader = new Recorder(rawReader);
  const put = (topic: string, ...bodies: string[]) =>
    client.request({ action: "put", id: 50, topic, bodies });
  const credit = { messages: 100, bytes: 1e7 };
  await reader.request({ action: "put", id: 1, topic: "", body: "m" });
  await reader.request({ action: "subscribe", id: 11, topic: "t", ...credit });
  await reader.request({ action: "subscribe", id: 12, prefix: "t", ...credit });
  await put("t", "one", "two");
  for (let i = 0; i < 2; i++) await reader.next();
  const attributes = [null, { key: "a" }];
  await client.request({ action: "put", id: 51, topic: "t", bodies: ["a", "b"], attributes });
  for (let i = 0; i < 2; i++) await reader.next();
  await rawReader.send({ action: "credit", sub: 11, messages: 2e6, bytes: 1 });
  await reader.next();
  const { start } = await reader.request({ action: "subscribe", id: 13, topic: "t" });
  await client.request({ action: "purge", id: 52, topic: "t" });
  await put("t", "three");
  await reader.request({ action: "subscribe", id: 14, topic: "t", since: { after: start - 1 } });
  await reader.request({ action: "subscribe", id: 15, topic: "gone", messages: 0, bytes: 0 });
  await put("gone", "four");
  await client.request({ action: "purge", id: 53, topic: "gone" });
  await rawReader.send({ action: "credit", sub: 15, ...credit });
  await rawReader.send({ action: "put", topic: "none", message: null });
  const { backup } = await reader.request({ action: "backup", id: 17 });
  const page = { after: backup.last - 1, last: backup.last, epoch };
  await reader.request({ action: "backup", id: 18, ...page });
  await reader.request({ action: "hello", id: 16, heartbeat: 100 });
  while (!("heartbeat" in Object(await reader.next())));
  reached.push(...reader.received);
  await using rawSmall = await RawClient.open(server.url);
  const small = new Recorder(rawSmall);
  await small.request({ action: "hello", id: 1, frameBytes: 16_384, heartbeat: 100 });
  await small.request({ action: "subscribe", id: 2, topic: "t", since: "start", ...credit });
  await small.next();
  await small.request({ action: "get", id: 3, topic: "t", since: "start" });
  while (!("heartbeat" in Object(await small.next())));
  const last = await new Recorder(raw).request({ action: "shutdown", id: 10 });
  reached.push(...small.received, last);

  const shapes = new Set(reached.map((frame) => JSON.stringify(shapeOf(frame))));
  for (const line of lines.filter((line) => !isRequest(line))) {
    const shape = JSON.stringify(shapeOf(JSON.parse(line)));
    assert(shapes.has(shape), `no server sends ${line}`);
  }
});

Deno.test("the sizes that the protocol page shows are right", () => {
  let frames = 0;
  for (const line of lines) {
    const { bytes, bodies, attributes = [], nulls = [] } = Object(JSON.parse(line));
    if (bytes === undefined || bodies === undefined) continue;
    const all = [...bodies, ...attributes.filter((one: unknown) => one !== null)];
    // A letter of null is written as an escape of six.
    const escapes = 5 * nulls.length;
    assertEquals(bytes, all.reduce((sum, one) => sum + sizeOf(one), escapes), line);
    frames++;
  }
  assertEquals(frames, 5);
});
