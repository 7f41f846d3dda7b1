/**
 * The order of puts of values: that of the calls, whatever their validators do.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { connected, functionSchema } from "../support/typed_topics.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A schema whose validators end when the test says so. */
function heldSchema() {
  const held = new Map<string, (accepted: boolean) => void>();
  const schema = functionSchema<string>((value) => {
    const name = value as string;
    if (!name.startsWith("slow")) return { value: name };
    return new Promise((resolve) =>
      held.set(
        name,
        (accepted) => resolve(accepted ? { value: name } : { issues: [{ message: "refused" }] }),
      )
    );
  });
  return { schema, end: (name: string, accepted = true) => held.get(name)!(accepted) };
}

/** The values of a topic. */
async function values(mq: Connection, topic: string): Promise<unknown[]> {
  const all: unknown[] = [];
  for (let message; (message = await mq.topic(topic).read());) all.push(message.value);
  return all;
}

Deno.test("the order of the calls is the order of the messages, however long validators take", async () => {
  await using context = await connected();
  const { mq } = context;
  const { schema, end } = heldSchema();
  const topic = mq.topic("t", schema);
  const puts = [
    topic.put("first"),
    topic.put("slow 1"),
    topic.put("fast"),
    topic.put("slow 2"),
    mq.topic("t", schema).put("of another view"),
    topic.putMany(["in a list", "slow 3"]),
    topic.put("slow, refused").catch(() => "refused once that was known"),
    // @ts-expect-error: undefined is no text
    topic.put(undefined).catch(() => "refused at once"),
    topic.put("last"),
  ];
  const other = mq.topic("another topic").put(1);
  assertEquals([await puts[0], typeof await other], [1, "number"]);
  end("slow, refused", false);
  // A turn of the event loop: a rejection that nobody has heard by then would end the program.
  await new Promise((resolve) => setTimeout(resolve));
  end("slow 3");
  end("slow 2");
  end("slow 1");
  assertEquals(
    (await withTimeout(Promise.all(puts))).filter((outcome) => typeof outcome === "string"),
    ["refused once that was known", "refused at once"],
  );
  assertEquals(await values(mq, "t"), [
    "first",
    "slow 1",
    "fast",
    "slow 2",
    "of another view",
    "in a list",
    "slow 3",
    "last",
  ]);
  // Nothing waits any more.
  await topic.put("after");
  assertEquals(await values(mq, "t"), ["after"]);
});

Deno.test("puts that wait reject when the connection ends, and later ones, too", async () => {
  const server = await openServer();
  const mq = await connect(server.url, { reconnect: false });
  const { schema } = heldSchema();
  const topic = mq.topic("t", schema);
  const calls = [topic.put("slow"), mq.topic("t").put(2), topic.putMany(["fast", "slow 2"])];
  const outcomes = calls.map((call) => call.catch(({ code, topic }) => `${code} of ${topic}`));
  assertEquals(mq.pending, { messages: 4, bytes: 9 + 4 + 9 + 11 });
  // Those of other topics, and texts, wait for none of them.
  assertEquals([await mq.topic("u").put(5), await mq.put("t", "6")], [1, 2]);
  await server.shutdown();
  assertEquals(await withTimeout(Promise.all(outcomes)), Array(3).fill("closed of t"));
  assertEquals(mq.pending, { messages: 0, bytes: 0 });
  for (const call of [topic.put("slow"), topic.putMany(["slow"]), topic.put("fast")]) {
    const outcome = Promise.allSettled([call]);
    const [{ status, reason }] = await withTimeout(outcome) as [PromiseRejectedResult];
    assertEquals([status, reason.code, reason.topic], ["rejected", "closed", "t"]);
  }
});

Deno.test("the options of a put that waits are those of the call", async () => {
  await using context = await connected();
  const { mq } = context;
  const { schema, end } = heldSchema();
  const options = { key: "mine" };
  const put = mq.topic("t", schema).put("slow", options);
  options.key = "changed";
  end("slow");
  await put;
  assertEquals((await mq.topic("t").read())?.key, "mine");
});
