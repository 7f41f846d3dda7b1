/**
 * Opening a log in NATS: servers, accounts and streams that will not do, and what an operator is told of those that do.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { StreamConfig } from "@nats-io/jetstream";
import { versionFault } from "../../../stores/replicated/nats/nats_servers.ts";
import { LogError } from "../../../stores/replicated/record_log.ts";
import { FakeNatsServer } from "../../support/fake_nats_server.ts";
import { ignoredIf } from "../../support/ignored_if.ts";
import { record, take, texts } from "../../support/log_records.ts";
import { assertRefused, NatsOperator, openAt } from "../../support/nats_logs.ts";
import { NatsServer, noNats } from "../../support/nats_server.ts";

Deno.test("servers from 2.12.14 of 2.12 and from 2.14.6 on keep a log, others do not", () => {
  for (
    const version of ["2.12.14", "2.12.20", "2.14.6", "2.14.17", "2.15.0", "2.15.1-RC.2", "3.0.0"]
  ) {
    assertEquals(versionFault(version), undefined, version);
  }
  for (
    const version of ["2.12.13", "2.13.0", "2.13.99", "2.14.0", "2.14.5", "2.11.30", "1.99.99"]
  ) {
    assertMatch(
      versionFault(version)!,
      new RegExp(
        `^it is ${version}; a log needs 2\\.12\\.14 or later of 2\\.12, or 2\\.14\\.6 or later, since`,
      ),
    );
  }
  assertEquals(versionFault("new"), 'its version "new" is unknown');
});

Deno.test("a server that is too old is refused", async () => {
  await using old = new FakeNatsServer({ version: "2.10.29" });
  assertMatch(
    await assertRefused(`nats://${old.host}/orders`, "unusable"),
    /^Cannot use the NATS server fake: it is 2\.10\.29; a log needs/,
  );
});

Deno.test({
  ...ignoredIf(noNats, "a server that is too old is refused also where another one answers"),
  async fn() {
    await using server = await NatsServer.start();
    await using old = new FakeNatsServer({ version: "2.14.5" });
    assertMatch(
      await assertRefused(`nats://${server.host},${old.host}/orders`, "unusable"),
      /it is 2\.14\.5; a log needs/,
    );
  },
});

Deno.test({
  ...ignoredIf(noNats, "a server without JetStream is refused"),
  async fn() {
    await using server = await NatsServer.start({ jetstream: false });
    assertMatch(
      await assertRefused(`nats://${server.host}/orders`, "unusable"),
      /^Cannot use NATS: JetStream is not enabled/,
    );
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "records are as large as the server permits, and below 64 KiB it is refused",
  ),
  async fn() {
    await using small = await NatsServer.start({ maxPayload: 100_000 });
    await using log = await openAt(`nats://${small.host}/orders`);
    assert(log.maxRecord > 99_000 && log.maxRecord < 100_000);
    const largest = new Uint8Array(log.maxRecord).fill(7);
    await log.append(largest);
    assertEquals((await take(log, 0, 1))[0]!.record.length, log.maxRecord);
    const error = await assertRejects(() => log.append(new Uint8Array(100_000)), LogError);
    assertEquals(error.code, "unusable");
    await using smaller = await NatsServer.start({ maxPayload: 65_536 });
    assertMatch(
      await assertRefused(`nats://${smaller.host}/orders`, "unusable"),
      /^Cannot use NATS: its max_payload is 65536 bytes, a log needs more than 65536/,
    );
  },
});

Deno.test({
  ...ignoredIf(noNats, "more copies than there are servers are refused"),
  async fn() {
    await using server = await NatsServer.start();
    assertMatch(
      await assertRefused(`nats://${server.host}/orders?replicas=3`, "unusable"),
      /^Cannot make the stream orders: JetStream says: replicas > 1 not supported/,
    );
  },
});

/** Settings that a stream may have when it is opened, and what is said of each. */
const OTHERS: readonly (readonly [Partial<StreamConfig>, RegExp])[] = [
  [{ storage: "memory" as StreamConfig["storage"] }, /its storage is "memory", it must be "file"/],
  [{ retention: "interest" as StreamConfig["retention"] }, /its retention is "interest"/],
  [{ discard: "old" as StreamConfig["discard"] }, /its discard is "old", it must be "new"/],
  [{ max_age: 3_600_000_000_000 }, /its max_age is 3600000000000, it must be 0/],
  [{ max_bytes: 1_000_000 }, /its max_bytes is 1000000, it must be -1/],
  [{ max_msgs: 5 }, /its max_msgs is 5, it must be -1/],
  [{ max_msgs_per_subject: 5 }, /its max_msgs_per_subject is 5/],
  [{ max_msg_size: 1000 }, /its max_msg_size is 1000/],
  [{ max_consumers: 3 }, /its max_consumers is 3/],
  [
    { subjects: ["dsmq.other"] },
    /its subjects is \["dsmq\.other"\], it must be \["dsmq\.orders"\]/,
  ],
  [{ subjects: ["dsmq.orders", "more"] }, /its subjects is/],
  [{ allow_rollup_hdrs: true }, /its allow_rollup_hdrs is true/],
  [{ deny_delete: false }, /its deny_delete is false/],
  [{ deny_purge: true }, /its deny_purge is true/],
  [{ allow_direct: true }, /its allow_direct is true/],
  [{ no_ack: true }, /its no_ack is true/],
  [{ allow_msg_ttl: true }, /its allow_msg_ttl is true/],
  [{ republish: { src: "dsmq.orders", dest: "copy.orders" } }, /its republish is/],
  [{ subject_transform: { src: "dsmq.orders", dest: "x.orders" } }, /its subject_transform is/],
  [{ first_seq: 100 }, /its first_seq is 100, it must be not set/],
];

Deno.test({
  ...ignoredIf(
    noNats,
    "a stream with other settings is refused, with the setting, and left as it is",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    const { streams } = operator.manager;
    const url = `nats://${server.host}/orders`;
    await (await openAt(url))[Symbol.asyncDispose]();
    const { config } = await streams.info("orders");
    for (const [setting, expected] of OTHERS) {
      await streams.delete("orders");
      const made = await streams.add({ ...config, ...setting });
      const message = await assertRefused(url, "unusable");
      assertMatch(message, /^Cannot use the stream orders: its /);
      assertMatch(message, expected);
      assertMatch(
        message,
        /It is left as it is: change it with the nats command, or take another name$/,
      );
      assertEquals((await streams.info("orders")).config, made.config);
    }
    await streams.delete("orders");
    await streams.add({ ...config, duplicate_window: 1_000_000_000, description: "ours" });
    await (await openAt(url))[Symbol.asyncDispose]();
    await streams.delete("OBJ_orders-snapshots");
    await streams.add({ name: "OBJ_orders-snapshots", subjects: ["$O.orders-snapshots.C.>"] });
    assertMatch(
      await assertRefused(url, "unusable"),
      /^Cannot use the stream OBJ_orders-snapshots: its subjects is/,
    );
  },
});

Deno.test({
  ...ignoredIf(noNats, "a subject that another stream has is refused, when opening and later"),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    const { streams } = operator.manager;
    await streams.add({ name: "all", subjects: ["dsmq.*"] });
    const url = `nats://${server.host}/orders`;
    assertMatch(await assertRefused(url, "unusable"), /subjects overlap with an existing stream/);
    await streams.delete("all");
    await using log = await openAt(url);
    await log.append(record("a"));
    await streams.delete("orders");
    await streams.add({ name: "thief", subjects: ["dsmq.orders"] });
    const error = await assertRejects(() => log.append(record("b")), LogError, "another stream");
    assertEquals(error.code, "unusable");
    assertEquals((await streams.info("thief")).state.messages, 0, "and nothing was stored there");
  },
});

/** What a user needs not be allowed, and what is said then. */
const DENIED: readonly (readonly [string, RegExp])[] = [
  [
    'publish: { deny: ["$JS.API.STREAM.CREATE.>"] }',
    /may not publish to \$JS\.API\.STREAM\.CREATE/,
  ],
  ['publish: { deny: ["$JS.API.INFO"] }', /may not publish to \$JS\.API\.INFO/],
  ['subscribe: { deny: ["_INBOX.>"] }', /may not subscribe to _INBOX\./],
];

Deno.test({
  ...ignoredIf(noNats, "a user who may not do what a log needs is refused"),
  async fn() {
    for (const [denied, expected] of DENIED) {
      const user = `{ user: me, password: pass, permissions: { ${denied} } }`;
      await using server = await NatsServer.start({ config: `authorization { users: [${user}] }` });
      assertMatch(
        await assertRefused(`nats://me:pass@${server.host}/orders`, "unusable"),
        expected,
      );
    }
  },
});

Deno.test({
  ...ignoredIf(noNats, "a user who may only read is told so by each append, and reads"),
  async fn() {
    const reader = `{ user: reader, password: r, permissions: { publish: { deny: ["dsmq.>"] } } }`;
    await using server = await NatsServer.start({
      config: `authorization { users: [{ user: me, password: p }, ${reader}] }`,
    });
    await using log = await openAt(`nats://me:p@${server.host}/orders`);
    await log.append(record("a"));
    await using readable = await openAt(`nats://reader:r@${server.host}/orders`);
    const error = await assertRejects(() => readable.append(record("b")), LogError);
    assertEquals(error.code, "unusable");
    assertEquals(
      error.message,
      "Cannot append to the log: the NATS user may not publish to dsmq.orders",
    );
    assertEquals(texts(await take(readable, 0, 1)), ["a"]);
  },
});

Deno.test({
  ...ignoredIf(noNats, "an account with limits is refused, or warned of"),
  async fn() {
    const account = (name: string, limits: string) =>
      `${name} { jetstream: { ${limits} }, users: [{ user: ${name}, password: p }] }`;
    await using server = await NatsServer.start({
      config: `accounts {
        ${account("one", "max_streams: 1")}
        ${account("sized", "max_bytes_required: true")}
        ${account("full", "max_store: 10000000")}
        none { users: [{ user: none, password: p }] }
      }`,
    });
    const url = (user: string) => `nats://${user}:p@${server.host}/orders`;
    assertMatch(await assertRefused(url("one"), "unusable"), /maximum number of streams reached/);
    assertMatch(await assertRefused(url("sized"), "unusable"), /max_bytes_required/);
    assertMatch(await assertRefused(url("none"), "unusable"), /JetStream not enabled for account/);
    await using log = await openAt(url("full"));
    assertMatch(log.warnings.join(), /The account may store 10000000 bytes in JetStream/);
  },
});

Deno.test({
  ...ignoredIf(noNats, "durability and warnings are told as the address and the operator have it"),
  async fn() {
    await using server = await NatsServer.start();
    const told = async (query: string) => {
      await using log = await openAt(`nats://${server.host}/log${query.length}?${query}`);
      return { durability: log.durability, warnings: log.warnings };
    };
    const file = await told("storage=file");
    assertEquals(file.durability, "process");
    assertMatch(
      file.warnings.join(),
      /^NATS acknowledges before .* a power cut at the NATS server can/,
    );
    assertMatch(file.warnings.join(), /sync=always in the address$/);
    assertEquals(await told("sync=always"), { durability: "disk", warnings: [] });
    const memory = await told("storage=memory&sync=always");
    assertEquals(memory.durability, "memory");
    assertMatch(
      memory.warnings.join(),
      /^Messages are in the memory of NATS: all are lost when the/,
    );
  },
});
