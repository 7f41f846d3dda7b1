/**
 * A backup, read from the server page by page.
 *
 * @module
 */

import type { BackupInfo, NewestGone, TopicGone } from "../protocol/backup_info.ts";
import type { BackupGoneReply, BackupPageReply } from "../protocol/replies.ts";
import { compareCodePoints } from "../protocol/text.ts";
import type { Backup, BackupMessage } from "./administration.ts";
import { protocolError } from "./pending_request.ts";

/** Asks for the page after a number. */
export type FetchPage = (after: number) => Promise<BackupPageReply>;

/** Asks for what is gone of the topics after one. */
export type FetchGone = (topicsAfter: string) => Promise<BackupGoneReply>;

/** No topic that a server makes comes after it. */
const LAST_TOPIC = "\u{10FFFF}";

/** The messages of a backup. While one page is read, the next one is under way; there are never more. */
export class PagedBackup implements Backup {
  readonly info: BackupInfo;
  readonly #fetch: FetchPage;
  readonly #fetchGone: FetchGone;
  #messages: AsyncGenerator<BackupMessage, undefined> | undefined;
  /** What was told of all topics so far. */
  #newest: Required<NewestGone> = { seq: 0, at: 0 };

  /**
   * Has read nothing yet.
   *
   * @param info the moment of which it is
   * @param fetch asks for a page
   * @param fetchGone asks for what is gone
   */
  constructor(info: BackupInfo, fetch: FetchPage, fetchGone: FetchGone) {
    this.info = info;
    this.#fetch = fetch;
    this.#fetchGone = fetchGone;
  }

  async *gone(): AsyncGenerator<TopicGone, undefined> {
    for (let [after, more] = ["", true]; more;) {
      const page = await this.#goneAfter(after);
      yield* page.gone;
      const next = page.gone.at(-1)?.topic;
      more = page.more && next !== undefined;
      if (more && compareCodePoints(after, next!) >= 0) throw protocolError("back up");
      after = next ?? after;
    }
    return undefined;
  }

  async newestGone(): Promise<NewestGone> {
    await this.#goneAfter(LAST_TOPIC);
    const { seq, at } = this.#newest;
    return seq > 0 && at < Infinity ? { seq, at } : { seq };
  }

  /** The next message. */
  next(): Promise<IteratorResult<BackupMessage, undefined>> {
    return (this.#messages ??= this.#read()).next();
  }

  /** Ends it: no more pages are asked for. */
  return(): Promise<IteratorResult<BackupMessage, undefined>> {
    return (this.#messages ??= this.#read()).return(undefined);
  }

  /** A backup is its own iterator: it can be read once. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** As {@linkcode PagedBackup.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #goneAfter(topic: string): Promise<BackupGoneReply> {
    const page = await this.#fetchGone(topic);
    const { seq, at } = this.#newest;
    // If one does not tell, nobody knows.
    const latest = page.last > 0 ? Math.max(at, page.at ?? Infinity) : at;
    this.#newest = { seq: Math.max(seq, page.last), at: latest };
    return page;
  }

  async *#read(): AsyncGenerator<BackupMessage, undefined> {
    const { floor, last, epoch } = this.info;
    let position = floor;
    let next = position < last ? this.#request(position) : undefined;
    while (next) {
      const page = await next;
      if (page.through <= position || (page.seqs[0] ?? page.through) <= position) {
        throw protocolError("back up");
      }
      position = page.through;
      next = position < last ? this.#request(position) : undefined;
      const { seqs, times, topics, bodies, attributes, identities } = page;
      // They are in the order of the page.
      let nulls = 0;
      for (let i = 0; i < seqs.length; i++) {
        const seq = seqs[i]!;
        if (seq > last) throw protocolError("back up");
        const identity = identities?.[i] ?? undefined;
        const isNull = page.nulls?.[nulls] === seq;
        if (isNull) nulls++;
        yield {
          topic: topics[i]!,
          body: bodies[i]!,
          seq,
          position: `${epoch}:${seq}`,
          time: times[i]!,
          ...attributes?.[i],
          ...(identity !== undefined && { identity }),
          ...(isNull && { isNull }),
        };
      }
    }
    return undefined;
  }

  #request(after: number): Promise<BackupPageReply> {
    const page = this.#fetch(after);
    // Its error is thrown when it is its turn; perhaps nobody reads so far.
    page.catch(() => {});
    return page;
  }
}
