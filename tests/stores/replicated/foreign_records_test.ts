import { assert, assertEquals } from "@std/assert";
import {
  decodeRecord,
  encodeCommands,
  encodeRecord,
} from "../../../stores/replicated/record_text.ts";
import type { ReplicatedStore } from "../../../stores/replicated/replicated_store.ts";
import type { Command } from "../../../stores/store.ts";
import { outcomes, put, texts } from "../../../testing/store/support.ts";
import { ReplicatedServers } from "../../support/replicated_servers.ts";
import { contentsOf } from "../../support/store_contents.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** The next record of a new writer, which has seen everything; a part of it may be something else. */
function nextRecord({ shared }: ReplicatedServers, commands: readonly Command[]) {
  const last = decodeRecord(shared.entries.at(-1)!.record)!;
  const { version, clock, seen } = last;
  return encodeRecord({ version, writer: "w", number: 1, clock, seen }, [encodeCommands(commands)]);
}

Deno.test("a record of dsmq from a writer that nobody knows counts", async () => {
  await using servers = new ReplicatedServers();
  const [one] = await servers.openAll(2);
  servers.shared.append(nextRecord(servers, [put("t", "one")]));
  await servers.pass(10);
  assertEquals(await texts(one!.store), ["one"]);
});

const DAMAGES: Readonly<Record<string, (record: Uint8Array) => Uint8Array>> = {
  "is empty": () => new Uint8Array(0),
  "is a line": () => bytes("\n"),
  "is of another program": () => bytes("hello"),
  "is no text": () => new Uint8Array(1000).fill(0xff),
  "is JSON of another program": () => bytes('{"v":1,"writer":"x"}\n[]\n'),
  "is cut behind its header": (record) => record.subarray(0, record.indexOf(10) + 1),
  "is cut in its commands": (record) => record.subarray(0, record.indexOf(10) + 8),
  "is cut in its texts": (record) => record.subarray(0, record.length - 2),
  "goes on behind its texts": (record) => new Uint8Array([...record, 65]),
  "has bytes in its texts that are no text": (record) => record.with(-2, 0xff),
  "has commands that are no list": (record) => replaced(record, /\[\[.*\]\]/, "5"),
  "has a command that is nothing": (record) => replaced(record, /\[\[.*\]\]/, "[null]"),
  "has a command that is a number": (record) => replaced(record, /\[\[.*\]\]/, "[7]"),
  "has a command without a type": (record) => replaced(record, /\[\[.*\]\]/, "[{}]"),
  "has a list of something else": (record) => replaced(record, /\[\[.*\]\]/, "[[]]"),
  "has a kind of list that nobody knows": (record) => replaced(record, '"put"', '"pit"'),
  "has lengths that are none": (record) => replaced(record, /\[5\]/, '["5"]'),
  "has a topic that is none": (record) => replaced(record, '"t"', "5"),
  "has a position that is none": (record) => replaced(record, /"at":\d+/, '"at":0.5'),
  "has a position before the first": (record) => replaced(record, /"at":\d+/, '"at":-1'),
  "has a position behind itself": (record) => replaced(record, /"at":\d+/, '"at":9007199254740993'),
  "has a number that is too large": (record) => replaced(record, '"n":1', '"n":9007199254740993'),
  "has number 0": (record) => replaced(record, '"n":1', '"n":0'),
  "has no time": (record) => replaced(record, /"t":\d+,/, ""),
  "has a time that is none": (record) => replaced(record, /"t":\d+/, '"t":"now"'),
  "has version 0": (record) => replaced(record, '"v":1', '"v":0'),
  "has another digest": (record) => replaced(record, /"digest":"\w/, '"digest":"x'),
};

for (const [what, damage] of Object.entries(DAMAGES)) {
  Deno.test(`a record that ${what} changes nothing, and all go on`, async () => {
    await using servers = new ReplicatedServers();
    const [one, other] = await servers.openAll(2);
    const before = await contentsOf(one!.store);
    const whole = nextRecord(servers, [put("t", "one")]);
    const damaged = damage(whole);
    assert(damaged.length !== whole.length || damaged.some((byte, i) => byte !== whole[i]));
    servers.shared.append(damaged);
    await servers.pass(200);
    assertEquals(await contentsOf(one!.store), before);
    assertEquals(await servers.during(outcomes(one!.store, [put("t", "two")])), [1]);
    assertEquals(await servers.during(outcomes(other!.store, [put("t", "three")])), [2]);
    await servers.pass(10);
    assertEquals(await contentsOf(one!.store), await contentsOf(other!.store));
    for (const [position, digests] of servers.saidDigests()) {
      if (what !== "has another digest") assertEquals(digests.size, 1, `${position}`);
    }
  });
}

Deno.test("a snapshot of something else than was applied is none: the log is not trimmed behind it", async () => {
  await using servers = new ReplicatedServers();
  const [one] = await servers.openAll(1);
  await servers.during(outcomes(one!.store, [put("t", "one")]));
  const { version, clock, seen } = decodeRecord(servers.shared.entries.at(-1)!.record)!;
  const controls = [
    { type: "begin_snapshot" },
    { type: "snapshot_taken", position: seen.position, digest: "another" },
  ] as const;
  for (const [i, control] of controls.entries()) {
    servers.shared.append(
      encodeRecord({ version, writer: "w", number: i + 1, clock, seen, control }, []),
    );
  }
  await servers.pass(10);
  // It is behind that one, and the first: nothing before it is to be trimmed.
  await servers.during((one!.store as ReplicatedStore).makeSnapshot());
  assertEquals([servers.shared.first, servers.shared.snapshots.size], [1, 1]);
});

Deno.test("a record that needs a newer version is not applied, and nothing behind it: no call says that it is done", async () => {
  await using servers = new ReplicatedServers();
  const [one] = await servers.openAll(1);
  const record = nextRecord(servers, [put("t", "of the future")]);
  servers.shared.append(replaced(record, '"v":1', '"v":2'));
  await servers.pass(200);
  assertEquals(await servers.during(outcomes(one!.store, [put("t", "two")]), 5000), [
    "unavailable",
  ]);
  assertEquals(await texts(one!.store), []);
});

function replaced(record: Uint8Array, what: string | RegExp, by: string): Uint8Array {
  return bytes(new TextDecoder().decode(record).replace(what, by));
}
