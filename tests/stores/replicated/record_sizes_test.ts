import { assert, assertEquals } from "@std/assert";
import { encodeCommands, encodeRecord } from "../../../stores/replicated/record_text.ts";
import type { Command } from "../../../stores/store.ts";
import { seeded } from "../../../testing/seeded.ts";
import { numbered, outcomes, put, puts, texts } from "../../../testing/store/support.ts";
import { NO_FAULTS } from "../../support/faulty_record_log.ts";
import { ReplicatedServers } from "../../support/replicated_servers.ts";
import { contentsOf } from "../../support/store_contents.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

Deno.test("a message of 20 MiB is stored at all servers, and what is larger than a record is refused alone", async () => {
  await using servers = new ReplicatedServers();
  const [one, other] = await servers.openAll(2);
  const large = "é".repeat(10 * MIB);
  const batch = [...puts("t", "a", large, "b"), put("t", "x".repeat(65 * MIB)), put("t", "c")];
  const done = outcomes(one!.store, batch);
  assertEquals(await servers.during(done), [1, 2, 3, "limit_exceeded", 4]);
  await servers.pass(10);
  const seen = await texts(other!.store);
  assertEquals(seen.map((text) => text.length), [1, large.length, 1, 1]);
  assert(seen[1] === large);
});

Deno.test("a log that takes only small records has no record that is larger, and refuses commands one by one", async () => {
  const maxRecord = 16 * KIB;
  await using servers = new ReplicatedServers();
  const [one] = await servers.openAll(1);
  const { store, log } = await servers.open(NO_FAULTS, maxRecord);
  const batch = Array.from({ length: 600 }, (_, i) => {
    return numbered(
      "\ud800",
      i + 1,
      `topic ${"é".repeat(i % 5)}`,
      "x".repeat(i % 97 === 0 ? 15.5 * KIB : i % 300),
    );
  });
  const done = await servers.during(outcomes(store, batch));
  const expected: (number | string)[] = [];
  let seq = 0;
  for (let i = 0; i < 600; i++) expected.push(i % 97 === 0 ? "limit_exceeded" : ++seq);
  assertEquals(done, expected);
  await servers.pass(100);
  for (const { record } of servers.shared.entries) assert(record.length <= log.maxRecord);
  assertEquals(await contentsOf(store), await contentsOf(one!.store));
});

Deno.test("what commands are said to take in a record is never less than what they take", () => {
  const random = seeded(1);
  const units = ["a", "é", "€", "😀", "\ud800", "\n", "\0", '"'];
  const text = () =>
    Array.from({ length: random(20) }, () => units[random(units.length)]!).join("");
  for (let run = 0; run < 2000; run++) {
    const commands = Array.from({ length: 1 + random(5) }, (): Command => {
      if (random(6) === 0) return { type: "open_session", session: text(), owner: text() };
      const attributes = random(3) === 0 ? { attributes: JSON.stringify({ key: text() }) } : {};
      const { body } = put("t", text());
      const sized = {
        body,
        bytes: new TextEncoder().encode(body + (attributes.attributes ?? "")).length,
      };
      const session = random(2) === 0
        ? { session: text(), n: random(2 ** 30), identity: text() }
        : {};
      return { type: "put", topic: text(), ...sized, ...attributes, ...session };
    });
    const encoded = encodeCommands(commands);
    const header = {
      version: 1,
      writer: "",
      number: 1,
      clock: 1,
      seen: { position: 0, digest: "" },
    };
    const without = encodeRecord(header, []).length;
    assert(
      encodeRecord(header, [encoded]).length - without <= encoded.bytes,
      JSON.stringify(commands),
    );
  }
});

Deno.test("while 64 MiB wait for the log, a server is busy, and takes more once they have gone", async () => {
  await using servers = new ReplicatedServers();
  const [one] = await servers.openAll(1);
  one!.log.faults = {
    ...NO_FAULTS,
    append: () => ({ copies: [2000], answer: 0, outcome: "stored" }),
  };
  const body = "x".repeat(MIB);
  const calls: Promise<(string | number)[]>[] = [];
  for (let i = 0; i < 80; i++) calls.push(outcomes(one!.store, [put("t", body)]));
  // Eight are under way, each of the size of one message.
  await servers.pass(1);
  for (let i = 0; i < 10; i++) calls.push(outcomes(one!.store, [put("t", body)]));
  const all = Promise.all(calls).then((all) => all.flat());
  one!.log.faults = NO_FAULTS;
  // It takes the server longer to apply so much than the clock knows.
  for (let i = 0; i < 300; i++) await servers.pass(10);
  assertEquals((await all).filter((outcome) => outcome === "busy").length, 80 - 64 + 2);
  assertEquals(await servers.during(outcomes(one!.store, [put("t")])), [64 + 8 + 1]);
});
