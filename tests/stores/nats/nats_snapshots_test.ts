/**
 * Snapshots in NATS when something fails: what is listed is complete, and what was altered is not read as if it were.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { jetstream } from "@nats-io/jetstream";
import { parseNatsAddress } from "../../../stores/replicated/nats/nats_address.ts";
import { NatsConnection } from "../../../stores/replicated/nats/nats_connection.ts";
import { loadNats } from "../../../stores/replicated/nats/nats_packages.ts";
import { streamInfo } from "../../../stores/replicated/nats/nats_stream.ts";
import { removeOrphanedParts } from "../../../stores/replicated/nats/orphaned_parts.ts";
import { LogError, type RecordLog } from "../../../stores/replicated/record_log.ts";
import { CuttableProxy } from "../../support/cuttable_proxy.ts";
import { ignoredIf } from "../../support/ignored_if.ts";
import { NatsOperator, openAt } from "../../support/nats_logs.ts";
import { NatsServer, noNats } from "../../support/nats_server.ts";
import { withTimeout } from "../../support/with_timeout.ts";

const NAME = { position: 7, digest: "0a1b" };
const STREAM = "OBJ_orders-snapshots";
const PART = new Uint8Array(1_000_000).fill(7);

async function* parts(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield PART;
}

async function read(log: RecordLog): Promise<number> {
  let size = 0;
  for await (const part of log.snapshots.read(NAME, new AbortController().signal)) {
    size += part.length;
  }
  return size;
}

/** The subject of the only parts that there are. */
async function subjectOfParts(operator: NatsOperator): Promise<string> {
  const { state } = await operator.manager.streams.info(STREAM, { subjects_filter: ">" });
  const found = Object.keys(state.subjects ?? {}).filter((subject) => subject.includes(".C."));
  assertEquals(found.length, 1);
  return found[0]!;
}

Deno.test({
  ...ignoredIf(noNats, "a snapshot that lost a part is neither listed nor read"),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    await log.snapshots.write(NAME, parts(3));
    assertEquals(await read(log), 3_000_000);
    await operator.manager.streams.deleteMessage(STREAM, 2);
    assertEquals(await log.snapshots.list(), []);
    const error = await assertRejects(() => read(log), LogError, "not as it was written");
    assertEquals(error.code, "unusable");
  },
});

Deno.test({
  ...ignoredIf(noNats, "a snapshot whose bytes were altered is not read to its end"),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    await log.snapshots.write(NAME, parts(1));
    const subject = await subjectOfParts(operator);
    const { state } = await operator.manager.streams.info(STREAM, { subjects_filter: subject });
    await operator.manager.streams.purge(STREAM, { filter: subject });
    const altered = PART.slice();
    altered[500_000]! ^= 1;
    const count = state.subjects![subject]!;
    const size = 256 * 1024;
    for (let i = 0; i < count; i++) {
      await jetstream(operator.client).publish(subject, altered.subarray(i * size, (i + 1) * size));
    }
    const error = await assertRejects(() => read(log), LogError, "not as it was written");
    assertEquals(error.code, "unusable");
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a snapshot that its writer did not complete is not listed, and can be written again",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using log = await openAt(`nats://${server.host}/orders`);
    const writer = await openAt(`nats://${server.host}/orders`);
    const arrived = Promise.withResolvers<void>();
    let hasEnded = false;
    const writing = writer.snapshots.write(
      NAME,
      async function* () {
        try {
          yield* parts(2);
          arrived.resolve();
          for (;;) yield* parts(1);
        } finally {
          hasEnded = true;
        }
      }(),
    );
    const failed = assertRejects(() => writing, LogError);
    await arrived.promise;
    await writer[Symbol.asyncDispose]();
    assertEquals((await withTimeout(failed, 20_000)).code, "unavailable");
    assert(hasEnded, "what gave the parts is told that nobody wants more");
    assertEquals(await log.snapshots.list(), []);
    await log.snapshots.write(NAME, parts(1));
    assertEquals(await log.snapshots.list(), [NAME]);
    assertEquals(await read(log), 1_000_000);
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a connection that is cut ends the reading and the writing of a snapshot with that",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using proxy = new CuttableProxy(server.port);
    await using log = await openAt(`nats://${server.host}/orders`);
    await using cut = await openAt(`nats://${new URL(proxy.url).host}/orders`);
    await log.snapshots.write(NAME, parts(40));
    const reading = async () => {
      let first = true;
      for await (const _ of cut.snapshots.read(NAME, new AbortController().signal)) {
        if (first) proxy.cut();
        first = false;
      }
    };
    const error = await withTimeout(assertRejects(reading, LogError), 20_000);
    assertEquals(error.code, "unavailable");
    const other = { position: 8, digest: "ff" };
    const untilOpen = async () => {
      while (await cut.state().then(() => false, () => true)) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await withTimeout(untilOpen(), 20_000);
    const writing = cut.snapshots.write(
      other,
      async function* () {
        yield* parts(2);
        proxy.cut();
        yield* parts(40);
      }(),
    );
    const failed = await withTimeout(assertRejects(() => writing, LogError), 30_000);
    assertEquals(failed.code, "unavailable");
    assertEquals(await log.snapshots.list(), [NAME]);
    assertEquals(await read(log), 40_000_000);
  },
});

Deno.test({
  ...ignoredIf(noNats, "parts that nobody completed are removed once they are old, and not before"),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    const orphan = "$O.orders-snapshots.C.ORPHAN";
    await jetstream(operator.client).publish(orphan, PART.subarray(0, 1000));
    await log.snapshots.write(NAME, parts(1));
    const messages = async () => {
      const filter = { subjects_filter: orphan };
      const { state } = await operator.manager.streams.info(STREAM, filter);
      return state.subjects?.[orphan] ?? 0;
    };
    assertEquals(await messages(), 1);
    const address = parseNatsAddress(`nats://${server.host}/orders`);
    await using connection = await NatsConnection.open(address, await loadNats());
    const info = await streamInfo(connection, STREAM, { subjects_filter: ">" });
    const wanted = Object.keys(info.state.subjects!).filter((subject) => subject !== orphan);
    const isPart = (subject: string) => subject.includes(".C.");
    // As if something had come more than an hour later.
    const later = new Date(Date.parse(info.state.last_ts) + 3_700_000).toISOString();
    const state = { ...info.state, last_ts: later };
    await removeOrphanedParts(connection, { ...info, state }, isPart, [...wanted, orphan]);
    assertEquals(await messages(), 1);
    await removeOrphanedParts(connection, { ...info, state }, isPart, wanted);
    assertEquals(await messages(), 0);
    assertEquals(await read(log), 1_000_000);
  },
});
