/**
 * Makes a file of a backup, which a server can open.
 *
 * @module
 */

import { encodeAttributes, type MessageAttributes } from "../protocol/attributes.ts";
import type { BackupInfo, NewestGone, TopicGone } from "../protocol/backup_info.ts";
import { encodeBody, NULL_BODY } from "../protocol/body.ts";
import { NameSet } from "../protocol/name_map.ts";
import { rootsOf } from "./database_pages.ts";
import { DedupTable } from "./dedup_table.ts";
import type { Database, Engine } from "./engine.ts";
import { loadEngine } from "./engines/load_engine.ts";
import { EpochTable } from "./epoch_table.ts";
import { eraseUnused } from "./erase_unused.ts";
import { LONGEST_RETENTION, STATE_TABLE } from "./file_upgrade.ts";
import { fileErrorReason, requireShortPath } from "./file_faults.ts";
import { requireNoSiblingName } from "./file_preflight.ts";
import { GoneTable } from "./gone_table.ts";
import { MessageIds } from "./message_ids.ts";
import { SegmentTable } from "./segment_table.ts";
import type { TopicMessage } from "./store.ts";
import { RowEraser } from "./topic_purge.ts";
import { TopicTable } from "./topic_table.ts";
import { APPLICATION_ID, SCHEMA_VERSION } from "./wal_mark.ts";
import { WriteBuffer } from "./write_buffer.ts";

/** A message of a backup. */
export interface CopiedMessage extends MessageAttributes {
  readonly topic: string;
  readonly body: string;
  readonly seq: number;
  readonly time: number;
  /** Whose its `messageId` is, if it has one and that is known. */
  readonly identity?: string;
  /** It is `None` of dsmq 1.x. */
  readonly isNull?: true;
}

/** So many messages are written together. */
const BATCH = 1024;

/** A row in the place of messages that are missing stands for at most so many. */
const MAX_MISSING = 4096;

/** A server that does not tell when something went: later than any reader has seen it. */
const UNKNOWN_TIME = Number.MAX_SAFE_INTEGER;

/**
 * A file of its own, without a log, until it is finished.
 *
 * It has the history of the store that it is made of: its name, its numbers and its epochs. So the positions of clients
 * mean the same in it, as far as it goes, and a `messageId` is that of its message. What that store remembers of sessions is
 * not in it.
 */
export class BackupFile {
  readonly #db: Database;
  readonly #path: string;
  readonly #info: BackupInfo;
  readonly #segments: SegmentTable;
  readonly #topics: TopicTable;
  readonly #epochs: EpochTable;
  readonly #gone: GoneTable;
  #waiting: TopicMessage[] = [];
  /** Everything up to here is written. */
  #last: number;
  #lastTime: number | undefined;
  /** What is gone of topics. */
  readonly #numbers = new NameSet();
  /** The topics that still hold messages. */
  readonly #living = new NameSet();
  readonly #eraser: RowEraser;
  readonly #ids: MessageIds;
  /** Messages were removed, of which there may be text in unused parts of the file. */
  #hasRemoved = false;
  #messages = 0;
  /** The newest message that is missing. */
  #missing: number;
  /** When the last of those went of which nobody knows the topic; 0 if that is not told yet. */
  #missingAt = 0;
  /** When the last one went of which that is known, but not before the backup began. */
  #latest: number;

  /**
   * Makes the tables.
   *
   * @param engine opens the file
   * @param path an empty file
   * @param info of what it is a backup
   */
  constructor(engine: Engine, path: string, info: BackupInfo) {
    this.#info = info;
    this.#path = path;
    this.#last = info.floor;
    this.#missing = info.gone;
    this.#latest = info.time;
    const db = this.#db = engine.open(path);
    // It counts only once it is complete.
    db.prepare("PRAGMA journal_mode = OFF").all();
    db.prepare("PRAGMA synchronous = OFF").all();
    db.exec(STATE_TABLE);
    this.#segments = new SegmentTable(db);
    this.#topics = new TopicTable(db);
    this.#epochs = new EpochTable(db);
    this.#gone = new GoneTable(db, 1);
    new DedupTable(db);
    this.#eraser = new RowEraser(db);
    const [buffer, topics] = [new WriteBuffer(), this.#topics];
    this.#ids = new MessageIds(db, { buffer, topics, writtenBytes: 0 });
  }

  /**
   * Opens an empty file.
   *
   * @param path the file
   * @param info of what it is a backup
   * @returns what writes it
   */
  static async open(path: string, info: BackupInfo): Promise<BackupFile> {
    return new BackupFile(await loadEngine("auto"), path, info);
  }

  /** Throws if SQLite could not open a file with this path. */
  static requirePath(path: string): void {
    requireShortPath(path);
  }

  /** Throws if a file with this name belongs to another one, such as its log: no server opens it, and the next one overwrites it. */
  static requireName(path: string): void {
    requireNoSiblingName(path);
  }

  /** Why a file could not be made or written, in words. */
  static reasonOf(error: unknown, path: string): string {
    return fileErrorReason(path, error);
  }

  /** Adds a message, which comes after all before. */
  add(message: CopiedMessage): void {
    const { topic, body: text, seq, time, identity } = message;
    const { body, bytes } = message.isNull ? NULL_BODY : encodeBody(text);
    const attributes = encodeAttributes(message);
    this.#waiting.push(
      attributes
        ? {
          ...{ topic, seq, time, body, bytes: bytes + attributes.bytes, identity },
          attributes: attributes.json,
        }
        : { topic, seq, time, body, bytes },
    );
    if (this.#waiting.length === BATCH) this.#write();
  }

  /**
   * All messages are added: this is what is gone of a topic by now, and since when. Messages that went after they were added
   * are removed, so that the file has no message that it says is gone.
   */
  addGone({ topic, ...gone }: TopicGone): void {
    this.#write();
    const { seq, at } = this.#withinCopy(gone);
    this.#living.add(topic);
    this.#remove(topic, seq);
    // The number of a message that is left, or of another topic, is no message that is gone, but as much may be: they go by the
    // horizon, as do topics that lost newer messages.
    if (gone.seq > seq || this.#numbers.has(`${seq}`) || this.#segments.has(seq)) {
      return this.#raise(seq, at);
    }
    if (seq > 0) this.#numbers.add(`${seq}`);
    this.#gone.restore(topic, seq, at);
  }

  /**
   * All messages are added, and all that is gone of each topic that still holds messages: completes the file, and closes it.
   * It has nothing of what was removed.
   *
   * @param newest what is gone by now of any topic
   * @returns how many messages it has
   */
  finish(newest: NewestGone): number {
    this.#write();
    const gone = this.#withinCopy(newest);
    this.#raise(gone.seq, gone.at);
    const topics = this.#db.prepare("SELECT name FROM topics").all() as { name: string }[];
    for (const { name } of topics) {
      if (!this.#living.has(name)) this.#remove(name, this.#last);
    }
    const { store, epoch, epochs, last, floor, time, retention = LONGEST_RETENTION } = this.#info;
    this.#transaction(() => {
      this.#fillUpTo(last);
      this.#epochs.restore(epochs, epoch);
      if (this.#missing > 0) {
        this.#gone.raise({ seq: this.#missing, at: this.#missingAt || UNKNOWN_TIME });
      }
      // Its time goes on when all of that has gone: so what goes later is later.
      const clock = Math.ceil(this.#latest);
      // Nothing has expired in it, whatever the retention was. But what expires while nobody serves it went when it did there.
      const dropped = [0, 0, retention];
      // No put that was made before can be recognised: the store must not say so of any.
      const lost = last;
      const values = [floor, last, this.#lastTime ?? time, clock, LONGEST_RETENTION];
      this.#db.prepare("INSERT INTO state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)")
        .run(store, ...values, ...dropped, lost);
    });
    this.#db.prepare(`PRAGMA application_id = ${APPLICATION_ID}`).all();
    this.#db.prepare(`PRAGMA user_version = ${SCHEMA_VERSION}`).all();
    const roots = this.#hasRemoved ? rootsOf(this.#db) : undefined;
    this.close();
    if (roots) eraseUnused(this.#path, roots);
    return this.#messages;
  }

  /** Closes it, complete or not. */
  close(): void {
    this.#db.close();
  }

  /** What is gone of this history, as far as the copy goes. Its time is behind all that is known of these. */
  #withinCopy({ seq, at = UNKNOWN_TIME }: NewestGone): Required<NewestGone> {
    const upTo = Math.min(seq, this.#info.last);
    if (upTo > 0 && at < UNKNOWN_TIME) this.#latest = Math.max(this.#latest, at);
    return { seq: upTo, at };
  }

  /** As much is gone of topics of which nothing else is known. */
  #raise(seq: number, at: number): void {
    this.#missing = Math.max(this.#missing, seq);
    if (seq > 0) this.#missingAt = Math.max(this.#missingAt, at);
  }

  #write(): void {
    const messages = this.#waiting;
    this.#waiting = [];
    if (messages.length === 0) return;
    this.#transaction(() => {
      for (let i = 0; i < messages.length;) {
        this.#fillUpTo(messages[i]!.seq - 1);
        let end = i + 1;
        while (messages[end]?.seq === messages[end - 1]!.seq + 1) end++;
        const part = messages.slice(i, end);
        this.#topics.add(part);
        this.#segments.insert(part, (topic, size) => this.#topics.addRow(topic, size));
        // Where the server does not tell whose an id is, nobody's put is a repetition.
        for (const one of part) if (one.identity !== undefined) this.#ids.add(one, one.seq);
        this.#messages += part.length;
        ({ seq: this.#last, time: this.#lastTime } = part.at(-1)!);
        i = end;
      }
    });
    this.#topics.commit();
  }

  /** Removes the messages of a topic up to a number. */
  #remove(topic: string, upTo: number): void {
    const id = this.#topics.find(topic, 0);
    if (id === undefined || !this.#segments.newestUpTo(id, upTo)) return;
    this.#hasRemoved = true;
    this.#transaction(() => {
      const onAttributed = (first: number, last: number) => this.#ids.delete(first, last);
      const { messages, bytes } = this.#eraser.empty(topic, id, upTo, 0, onAttributed);
      this.#topics.purged(topic, messages, bytes, upTo);
      this.#messages -= messages;
    });
    this.#topics.commit();
  }

  /** Messages up to here are missing: they were purged, or expired before they were read. */
  #fillUpTo(last: number): void {
    if (last > this.#last) this.#missing = Math.max(this.#missing, last);
    while (this.#last < last) {
      const first = this.#last + 1;
      this.#last = Math.min(last, this.#last + MAX_MISSING);
      this.#segments.insertEmpty(first, this.#last, this.#lastTime ?? 0);
    }
  }

  #transaction(work: () => void): void {
    this.#db.prepare("BEGIN").run();
    work();
    this.#db.prepare("COMMIT").run();
  }
}
