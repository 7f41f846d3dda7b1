/**
 * Snapshots beside a log in NATS, in an object store: `nats object ls NAME-snapshots` lists them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { LogError, type SnapshotName, type Snapshots } from "../record_log.ts";
import type { NatsAddress } from "./nats_address.ts";
import type { NatsConnection } from "./nats_connection.ts";
import { requestError, unavailable } from "./nats_errors.ts";
import type { NatsObject, NatsObjectStore, NatsPackages } from "./nats_packages.ts";
import {
  logSettings,
  purgeStream,
  type StreamInfo,
  streamInfo,
  type StreamSettings,
} from "./nats_stream.ts";
import { removeOrphanedParts } from "./orphaned_parts.ts";
import { PushConsumer } from "./push_consumer.ts";

/** The size of a message of the object store, in bytes. */
const CHUNK = 256 * 1024;

/** How long NATS may take to store one, in milliseconds. */
const TIMEOUT = 5000;

/** How many seconds may pass without the next one. */
const MAX_IDLE = 10;

/** The name of the object store of a log. */
export function bucketOf(name: string): string {
  return `${name}-snapshots`;
}

/** The settings of its stream. */
export function bucketSettings(address: NatsAddress): StreamSettings {
  const bucket = bucketOf(address.name);
  return {
    ...logSettings(address),
    name: `OBJ_${bucket}`,
    subjects: [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`],
    // As object stores have it: what is deleted is replaced by a note.
    deny_delete: false,
    allow_rollup_hdrs: true,
    allow_direct: true,
  };
}

/** Snapshots. */
export class NatsSnapshots implements Snapshots {
  readonly #connection: NatsConnection;
  readonly #nats: NatsPackages;
  readonly #bucket: string;
  readonly #stream: string;
  readonly #chunk: number;
  #store: Promise<NatsObjectStore> | undefined;

  /** In the bucket of this log; its stream is there. */
  constructor(connection: NatsConnection, nats: NatsPackages, name: string, maxRecord: number) {
    this.#connection = connection;
    this.#nats = nats;
    this.#bucket = bucketOf(name);
    this.#stream = `OBJ_${this.#bucket}`;
    this.#chunk = Math.min(CHUNK, maxRecord);
  }

  async list(): Promise<readonly SnapshotName[]> {
    const objects = await this.#complete("list snapshots", await this.#streamInfo());
    return objects.map(({ name }) => name).sort((one, other) => other.position - one.position);
  }

  async write(name: SnapshotName, parts: AsyncIterable<Uint8Array>): Promise<void> {
    const action = "write a snapshot";
    const source = new PartsSource(parts);
    try {
      const store = await this.#open(action);
      const options = { max_chunk_size: this.#chunk };
      await store.put({ name: textOf(name), options }, source.stream, { timeout: TIMEOUT });
      // The snapshot is there, whatever becomes of others.
      await this.#removeOrphans().catch(() => {});
    } catch (error) {
      if (source.error !== undefined) throw source.error;
      throw requestError(action, error);
    } finally {
      await source.close();
    }
  }

  async *read(name: SnapshotName, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const action = `read the snapshot at ${name.position}`;
    signal.throwIfAborted();
    const object = await this.#info(action, name);
    if (object === undefined) throw new LogError("unusable", `Cannot ${action}: it is not there`);
    if (object.chunks === 0 && object.size === 0) return;
    const hash = createHash("sha256");
    let [chunks, size] = [0, 0];
    for await (const chunk of this.#chunks(action, object, signal)) {
      hash.update(chunk);
      chunks++;
      size += chunk.length;
      yield chunk;
      if (chunks === object.chunks) break;
    }
    const digest = hash.digest("base64url");
    if (size === object.size && digest === object.digest.slice(8).replace(/=+$/, "")) return;
    throw damaged(action);
  }

  async delete(name: SnapshotName): Promise<void> {
    const action = "delete a snapshot";
    if (await this.#info(action, name) === undefined) return;
    try {
      await (await this.#open(action)).delete(textOf(name));
    } catch (error) {
      throw requestError(action, error);
    }
    // The note that it was there: nobody wants it, and they would become many.
    await purgeStream(this.#connection, this.#stream, { filter: this.#subjectOf(name) });
  }

  /** All parts of an object, none twice. */
  async *#chunks(
    action: string,
    object: NatsObject,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const filter = this.#partsOf(object);
    const options = { stream: this.#stream, from: 1, filter, action };
    const { consumer, pending } = await PushConsumer.open(this.#connection, this.#nats, options);
    let idle = 0;
    consumer.onTick = () => {
      if (consumer.isEmpty && ++idle >= MAX_IDLE) {
        consumer.fail(unavailable(action, `nothing came for ${MAX_IDLE} s`));
      }
    };
    using opened = consumer;
    if (pending !== object.chunks) throw damaged(action);
    const onAbort = () => opened[Symbol.dispose]();
    signal.addEventListener("abort", onAbort);
    try {
      signal.throwIfAborted();
      for (let batch; (batch = await opened.nextBatch()) !== undefined;) {
        idle = 0;
        for (const item of batch) if (opened.accept(item)) yield item.record;
      }
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** By the stream's leader; the library would ask any copy. */
  #streamInfo(): Promise<StreamInfo> {
    const filter = { subjects_filter: `$O.${this.#bucket}.>` };
    return streamInfo(this.#connection, this.#stream, filter);
  }

  /** Snapshots that have all of their parts. */
  async #complete(action: string, { state: { subjects = {} } }: StreamInfo) {
    const found: { readonly name: SnapshotName; readonly parts: string }[] = [];
    for (const subject of Object.keys(subjects)) {
      const name = this.#nameOf(subject);
      const object = name && await this.#info(action, name);
      if (!object) continue;
      const parts = this.#partsOf(object);
      // The note of an object is stored last, but may come after its writer gave up and removed its parts.
      if ((subjects[parts] ?? 0) === object.chunks) found.push({ name, parts });
    }
    return found;
  }

  async #removeOrphans(): Promise<void> {
    const info = await this.#streamInfo();
    const objects = await this.#complete("look for parts of snapshots", info);
    const isPart = (subject: string) => subject.startsWith(this.#partsOf({ nuid: "" }));
    const wanted = objects.map(({ parts }) => parts);
    await removeOrphanedParts(this.#connection, info, isPart, wanted);
  }

  async #info(action: string, name: SnapshotName): Promise<NatsObject | undefined> {
    try {
      const object = await (await this.#open(action)).info(textOf(name));
      return object === null || object.deleted ? undefined : object;
    } catch (error) {
      throw requestError(action, error);
    }
  }

  async #open(action: string): Promise<NatsObjectStore> {
    if (!this.#connection.isConnected) throw unavailable(action, "there is no connection to NATS");
    const { client } = this.#connection;
    this.#store ??= this.#nats.openObjectStore(client, this.#bucket, TIMEOUT);
    try {
      return await this.#store;
    } catch (error) {
      this.#store = undefined;
      throw error;
    }
  }

  #partsOf({ nuid }: Pick<NatsObject, "nuid">): string {
    return `$O.${this.#bucket}.C.${nuid}`;
  }

  #subjectOf(name: SnapshotName): string {
    return `$O.${this.#bucket}.M.${btoa(textOf(name)).replaceAll("+", "-").replaceAll("/", "_")}`;
  }

  /** `undefined`, if the subject is of something else. */
  #nameOf(subject: string): SnapshotName | undefined {
    const [, encoded] = /\.M\.([\w-]+=*)$/.exec(subject) ?? [];
    if (encoded === undefined) return undefined;
    const text = decodedName(encoded.replaceAll("-", "+").replaceAll("_", "/"));
    const [, position, digest] = /^(\d{1,16})-([\da-f]+)$/.exec(text) ?? [];
    if (position === undefined || digest === undefined) return undefined;
    return { position: Number(position), digest };
  }
}

function textOf({ position, digest }: SnapshotName): string {
  return `${position}-${digest}`;
}

function decodedName(encoded: string): string {
  try {
    return atob(encoded);
  } catch {
    return "";
  }
}

function damaged(action: string): LogError {
  return new LogError("unusable", `Cannot ${action}: it is not as it was written`);
}

/** Parts as the library wants them. It leaves them unread when it fails, so that somebody has to end them. */
class PartsSource {
  readonly stream: ReadableStream<Uint8Array>;
  /** What they ended with, if that was an error. */
  error: unknown;
  readonly #parts: AsyncIterator<Uint8Array>;
  #hasEnded = false;

  constructor(parts: AsyncIterable<Uint8Array>) {
    this.#parts = parts[Symbol.asyncIterator]();
    this.stream = new ReadableStream({
      pull: async (controller) => {
        try {
          const { done, value } = await this.#parts.next();
          if (!done) return controller.enqueue(value);
          this.#hasEnded = true;
          controller.close();
        } catch (error) {
          this.#hasEnded = true;
          this.error = error;
          throw error;
        }
      },
    }, { highWaterMark: 0 });
  }

  async close(): Promise<void> {
    if (!this.#hasEnded) await this.#parts.return?.();
  }
}
