/**
 * Bad input of every kind, with and without an id: it alone is refused, and nobody else is affected.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { openServer, quiet } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const DEPTH = 200_000;
const deep = "[".repeat(DEPTH) + "]".repeat(DEPTH);
const deepObjects = '{"a":'.repeat(DEPTH) + "1" + "}".repeat(DEPTH);

/**
 * Sends a frame, which may or may not be answered, to a server with a stored message.
 * Afterwards its connection, the server and the message must be as if it had not been sent.
 */
async function send(frame: unknown, check?: (client: RawClient) => Promise<void>): Promise<void> {
  const failures: unknown[][] = [];
  const log = { ...quiet, error: (...data: unknown[]) => void failures.push(data) };
  await using server = await openServer({ log });
  await using client = await RawClient.open(server.url);
  await using other = await RawClient.open(server.url);
  const { seq } = await other.request({ action: "put", id: 1, topic: "t", body: "untouched" });
  client.send(frame);
  const get = { action: "get", id: 1000, topic: "t" };
  const lost = client.closed.then(({ code }): never => {
    throw new Error(`The server closed the connection with ${code}: ${failures.join()}`);
  });
  const alive = async () => {
    await check?.(client);
    const { id, body } = await client.request(get);
    assertEquals([id, body], [1000, "untouched"]);
    assertEquals(client.unread, []);
  };
  lost.catch(() => {});
  await Promise.race([alive(), lost]);
  assertEquals((await other.request(get)).body, "untouched");
  assertEquals("seq" in (await other.request(get)), false);
  assertEquals((await other.request({ ...get, action: "put", body: "next" })).seq, seq + 1);
  assertEquals(failures, []);
  assert(server.stats().refused > 0, "a refusal is counted");
}

/** Expects an answer with this id and this error. */
const refusal = (id: number | null, code: string) => async (client: RawClient) => {
  const reply = await client.next();
  assertEquals([reply.id, reply.error.code], [id, code]);
  assertEquals(Object.keys(reply), ["id", "error"]);
  assertNotEquals(reply.error.message, "");
};

const unreadable: [string, unknown][] = [
  ["an empty text", ""],
  ["not JSON", "put t hello"],
  ["JSON that breaks off", '{"action":"get","id":7,"topic":"t"'],
  ["JSON with a tail", '{"action":"get","id":7,"topic":"t"}}'],
  ["JSON in single quotes", "{'action':'get','id':7,'topic':'t'}"],
  ["JSON with a byte order mark", '\ufeff{"action":"get","id":7,"topic":"t"}'],
  ["NaN as only Python's JSON has it", '{"action":"put","id":7,"topic":"t","body":NaN}'],
  ["binary junk", new Uint8Array([0, 255, 254, 1])],
  ["nothing, in binary", new Uint8Array()],
  ["a good request, in binary", new TextEncoder().encode('{"action":"get","id":7,"topic":"t"}')],
  ["null", "null"],
  ["true", "true"],
  ["a number", "17"],
  ["a text", '"get"'],
  ["an array of junk", '[null,1,"get",[],[{"action":"get","id":7,"topic":"t"}],{}]'],
  ["200,000 arrays in each other", deep],
  ["200,000 objects in each other", deepObjects],
  ["200,000 arrays that are not closed", "[".repeat(DEPTH)],
  ["10,000 numbers", JSON.stringify(Array.from({ length: 10_000 }, (_, i) => i))],
];

for (const [what, frame] of unreadable) {
  Deno.test(`a frame that is ${what} gets no answer and does no harm`, () => send(frame));
}

const put = { action: "put", topic: "t", message: "m" };

/** A request of dsmq 1.x as one with an id, which calls the text of a message `body`. */
function withId({ message: body, ...request }: Record<string, unknown>, id: unknown = 7): object {
  return { ...request, body, id };
}

const long = "é".repeat(128);

/** Requests that can be parsed but not carried out; if it is the topic that is bad, each is sent as a `get` as well. */
const refused: [string, Record<string, unknown>, string][] = [
  ["no action", { topic: "t" }, "bad_request"],
  ["an unknown action", { action: "dance", topic: "t" }, "unknown_action"],
  ["an action of another case", { action: "PUT", topic: "t", message: "m" }, "unknown_action"],
  ["an action that all objects have", { action: "constructor" }, "unknown_action"],
  ["an action that is null", { action: null, topic: "t" }, "bad_request"],
  ["an action in an array", { action: ["put"], topic: "t", message: "m" }, "bad_request"],
  ["no topic", { ...put, topic: undefined }, "bad_topic"],
  ["a topic that is null", { ...put, topic: null }, "bad_topic"],
  ["a topic in an array", { ...put, topic: ["t"] }, "bad_topic"],
  ["a topic that is an object", { ...put, topic: { toString: "t" } }, "bad_topic"],
  ["a topic of 257 bytes of ASCII", { ...put, topic: "x".repeat(257) }, "bad_topic"],
  ["a topic of 257 bytes in 129 characters", { ...put, topic: `${long}x` }, "bad_topic"],
  ["a topic of 260 bytes in 65 emoji", { ...put, topic: "😀".repeat(65) }, "bad_topic"],
  ["a topic of a million characters", { ...put, topic: "x".repeat(1_000_000) }, "bad_topic"],
  ["NUL in the topic", { ...put, topic: "t\0" }, "bad_topic"],
  ["a line feed in the topic", { ...put, topic: "t\n" }, "bad_topic"],
  ["the last C0 character in the topic", { ...put, topic: "\u001ft" }, "bad_topic"],
  ["DEL in the topic", { ...put, topic: "t\u007f" }, "bad_topic"],
  ["the first C1 character in the topic", { ...put, topic: "t\u0080" }, "bad_topic"],
  ["the last C1 character in the topic", { ...put, topic: "t\u009f" }, "bad_topic"],
  ["a lone high surrogate in the topic", { ...put, topic: "t\ud800" }, "bad_topic"],
  ["a lone low surrogate in the topic", { ...put, topic: "\udfff" }, "bad_topic"],
  ["surrogates the wrong way round", { ...put, topic: "\ude00\ud83d" }, "bad_topic"],
  ["no message", { ...put, message: undefined }, "bad_message"],
  ["a message in an array", { ...put, message: ["m"] }, "bad_message"],
  ["a message that is an object", { ...put, message: { length: 1 } }, "bad_message"],
  ["a message of 1,000,001 bytes", { ...put, message: "x".repeat(999_999) }, "too_large"],
  ["a message of 1,000,002 bytes in UTF-8", { ...put, message: "é".repeat(500_000) }, "too_large"],
  ["a message too large by escapes", { ...put, message: "\n".repeat(500_000) }, "too_large"],
];

/** What dsmq 1.x may send: these are refused only if they carry an id. */
const refusedWithId: typeof refused = [
  ["a topic that is a number", { ...put, topic: 5 }, "bad_topic"],
  ["an empty topic", { ...put, topic: "" }, "bad_topic"],
  ["a message that is null", { ...put, message: null }, "bad_message"],
  ["a message that is true", { ...put, message: true }, "bad_message"],
];

for (const [what, request, code] of refusedWithId) {
  Deno.test(`a request with ${what} is refused under its id`, async () => {
    await send(withId(request), refusal(7, code));
    if (code === "bad_topic") await send(withId({ ...request, action: "get" }), refusal(7, code));
  });
}

for (const [what, request, code] of refused) {
  Deno.test(`a request with ${what} is refused under its id, and silently without an id`, async () => {
    await send(withId(request), refusal(7, code));
    await send(request);
    await send([withId(request), request], async (client) => {
      const [{ id, error }, ...more] = await client.next();
      assertEquals([id, error.code, more], [7, code, []]);
    });
  });
  if (code !== "bad_topic") continue;
  Deno.test(`a get with ${what} is refused under its id, and answered with an empty message without an id`, async () => {
    for (const action of ["get", "get_latest"]) {
      const get = { action, topic: request.topic };
      await send({ ...get, id: 7 }, refusal(7, code));
      await send(get, async (client) => {
        const { message, error, ...more } = await client.next();
        assertEquals([message, error.code, more], ["", code, {}]);
      });
    }
  });
}

for (const id of [null, "7", "", true, -1, 1.5, 2 ** 53, [7], {}, { valueOf: 7 }]) {
  Deno.test(`an id that is ${JSON.stringify(id)} is refused under null, whatever the request`, async () => {
    for (const request of [put, { action: "get", topic: "t" }, { action: "dance" }, {}]) {
      await send(withId(request, id), refusal(null, "bad_request"));
    }
  });
}

const nested: [string, string, number | null | undefined, string][] = [
  ["a message", `{"action":"put","id":7,"topic":"t","body":${deep}}`, 7, "bad_request"],
  ["a message of dsmq 1.x", `{"action":"put","topic":"t","message":${deep}}`, undefined, ""],
  ["a topic", `{"action":"get","id":7,"topic":${deepObjects}}`, 7, "bad_request"],
  ["an id", `{"action":"get","id":${deep},"topic":"t"}`, null, "bad_request"],
  ["an action", `{"action":${deepObjects},"id":7}`, 7, "bad_request"],
  ["since", `{"action":"hello","id":7,"since":${deep}}`, 7, "bad_request"],
];

for (const [what, frame, id, code] of nested) {
  Deno.test(
    `${what} nested 200,000 deep does no harm`,
    () => send(frame, id === undefined ? undefined : refusal(id, code)),
  );
}
