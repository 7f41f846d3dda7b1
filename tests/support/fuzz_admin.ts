/**
 * What administrators do during a run of the fuzzer of breaks: they purge topics, disconnect clients, and make backups,
 * from which a file is made and opened again.
 *
 * @module
 */

import type { Backup, BackupMessage, DsmqError, PurgeOptions } from "../../client.ts";
import { systemClock } from "../../queue/clock.ts";
import { BackupFile } from "../../stores/backup_file.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import type { Random } from "../../testing/seeded.ts";
import type { FuzzServer } from "./fuzz_server.ts";
import type { FuzzClient, Journal } from "./fuzz_client.ts";
import { CHAOS } from "./fuzz_calls.ts";
import type { GapDoubt, Opening, Records } from "./fuzz_records.ts";
import type { VirtualTime } from "./fuzz_time.ts";
import { SLACK } from "./fuzz_reading.ts";

/** What a history that is lost, or a break, may do to them. */
const MAY_FAIL = new Set(["ahead", "epoch_changed", "unknown_outcome"]);

const EVERYTHING = { after: 0, count: 1_000_000, bytes: 1e9 };

/** What they need to know of their run. */
export interface FuzzAdminOptions {
  readonly topics: readonly string[];
  readonly servers: readonly FuzzServer[];
  readonly folder: string;
  readonly records: Records;
  readonly journal: Journal;
  readonly time: VirtualTime;
  readonly random: Random;
}

/** The administrators of one run. */
export class FuzzAdmin {
  /** What was done. */
  readonly seen = { purged: 0, disconnected: 0, backedUp: 0 };
  readonly #options: FuzzAdminOptions;
  /** A position that a purge may be given. */
  #position: string | undefined;
  #files = 0;

  /** Has done nothing yet. */
  constructor(options: FuzzAdminOptions) {
    this.#options = options;
  }

  /** Starts what is done over the connection of a client; it ends with the faults. */
  begin(client: FuzzClient): Promise<unknown>[] {
    return [
      this.#repeat(client, 700, () => this.#purge(client)),
      this.#repeat(client, 1500, () => this.#disconnect(client)),
      this.#repeat(client, 900, () => this.#backUp(client)),
    ];
  }

  async #repeat(client: FuzzClient, every: number, work: () => Promise<void>): Promise<void> {
    const { time, random, journal } = this.#options;
    for (;;) {
      await new Promise<void>((resolve) => time.after(random(every), resolve));
      if (time.now > CHAOS) return;
      await work().catch((error: DsmqError) => {
        if (!MAY_FAIL.has(error.code)) {
          journal.faults.push(`${client.name}, an administrator: ${error}`);
        }
      });
    }
  }

  async #purge({ mq }: FuzzClient): Promise<void> {
    const { topics, random } = this.#options;
    const topic = topics[random(topics.length)]!;
    const options: PurgeOptions[] = [
      {},
      { before: { ago: random(400) } },
      { before: new Date(Date.now() - random(400)) },
      ...(this.#position === undefined ? [] : [{ before: this.#position }]),
    ];
    this.seen.purged += await mq.purge(topic, options[random(options.length)]);
  }

  async #disconnect({ mq, name }: FuzzClient): Promise<void> {
    const { random, journal } = this.#options;
    const connections = await mq.connections();
    const own = connections.filter((one) => one.own);
    if (own.length > 1) journal.faults.push(`${name} is connected ${own.length} times at once`);
    const { id } = connections[random(connections.length)] ?? { id: "bcdf-1" };
    // It may be closed by then; a client that asks again after a break is not told.
    await mq.disconnect(id).catch((error: DsmqError) => {
      if (error.code !== "not_found") throw error;
    });
    this.seen.disconnected++;
  }

  async #backUp({ mq, name }: FuzzClient): Promise<void> {
    const { journal, records, time } = this.#options;
    const fault = (what: string) => journal.faults.push(`${name}, a backup: ${what}`);
    const backup = await mq.backup();
    const { info } = backup;
    const found: BackupMessage[] = [];
    for await (const message of backup) found.push(message);
    this.#position = found[found.length >> 1]?.position;
    const opening = records.openings.find(({ epoch }) => epoch === info.epoch);
    if (!opening) return void fault("is of no opening");
    // It may have gone in a later opening of the file.
    const gone = () =>
      new Set(
        records.openings.flatMap(({ messages }) =>
          messages.filter(({ goneAt }) => goneAt <= time.now + SLACK).map(({ body }) => body)
        ),
      );
    for (const what of inventory(found, info.last, opening, gone())) fault(what);
    const path = `${this.#options.folder}/backup${this.#files++}.db`;
    const copy = await openCopy(path, backup, found);
    for (const what of copy.faults) fault(what);
    for (const what of inventory(copy.left, info.last, opening, gone())) fault(what);
    const server = this.#options.servers.find((one) => one.opening?.store === opening.store);
    server?.keep(path, opening, info.last, copy.doubt);
    this.seen.backedUp++;
  }
}

/** Makes a file of it, as the command does, and reads what a server finds there. */
async function openCopy(
  path: string,
  backup: Backup,
  messages: readonly BackupMessage[],
): Promise<{
  readonly faults: readonly string[];
  /** The messages that it has. */
  readonly left: readonly BackupMessage[];
  readonly doubt: GapDoubt;
}> {
  const { info } = backup;
  const file = new BackupFile(nodeSqlite, path, info);
  for (const message of messages) file.add(message);
  const goneOf = new Map<string, number>();
  for await (const gone of backup.gone()) {
    file.addGone(gone);
    goneOf.set(gone.topic, gone.seq);
  }
  // What went meanwhile is not in it.
  const left = messages.filter(({ topic, seq }) => seq > (goneOf.get(topic) ?? Infinity));
  file.finish(await backup.newestGone());
  const opened = `${path}.opened`;
  Deno.copyFileSync(path, opened);
  const options = { engine: nodeSqlite, retention: 600_000, clock: systemClock };
  await using store = new FileStore({ ...options, path: opened, durability: "process" });
  const [page] = await store.read([{ prefix: "", ...EVERYTHING, identities: true }]);
  const { last } = await store.bounds();
  const [unknown] = await store.topicBounds([{ topic: "never put" }]);
  const topics = new Set<string>();
  for (const [topic, seq] of goneOf) {
    if (seq <= info.last) topics.add(topic);
  }
  const [expected, actual] = [left, page!.messages].map((list) =>
    list.map(({ topic, seq, time, identity }) => `${seq} ${topic} ${time} ${identity}`).join()
  );
  const faults: string[] = [];
  if (store.id !== info.store || last !== info.last) faults.push("its file has another history");
  if (expected !== actual) faults.push(`its file has ${actual}, not ${expected}`);
  return { faults, left, doubt: { topics, through: unknown!.gone?.seq ?? 0 } };
}

/** What is wrong with the messages of a backup. */
function inventory(
  found: readonly BackupMessage[],
  last: number,
  { messages }: Opening,
  gone: ReadonlySet<string>,
): string[] {
  const faults: string[] = [];
  let before = 0;
  for (const { seq, topic, body } of found) {
    if (seq <= before || seq > last) faults.push(`number ${seq} comes after ${before}`);
    before = seq;
    const stored = messages.find((message) => message.seq === seq);
    if (stored?.topic !== topic || stored.body !== body) {
      faults.push(`${seq}, ${body} was not stored`);
    }
  }
  const seqs = new Set(found.map(({ seq }) => seq));
  for (const { seq, body } of messages) {
    if (seq <= last && !seqs.has(seq) && !gone.has(body)) faults.push(`${body} is missing`);
  }
  return faults;
}
