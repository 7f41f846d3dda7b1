/**
 * A backup, read from the server page by page.
 *
 * @module
 */

import type { BackupInfo, TopicGone } from "../protocol/backup_info.ts";
import type { BackupGoneReply, BackupPageReply } from "../protocol/replies.ts";
import { compareCodePoints } from "../protocol/text.ts";
import type { Backup } from "./administration.ts";
import type { Message } from "./messages.ts";
import { protocolError } from "./pending_request.ts";

/** Asks for the page after a number. */
export type FetchPage = (after: number) => Promise<BackupPageReply>;

/** Asks for what is gone of the topics after one. */
export type FetchGone = (topicsAfter: string) => Promise<BackupGoneReply>;

/** The messages of a backup. While one page is read, the next one is under way; there are never more. */
export class PagedBackup implements Backup {
  readonly info: BackupInfo;
  readonly #fetch: FetchPage;
  readonly #fetchGone: FetchGone;
  #messages: AsyncGenerator<Message, undefined> | undefined;

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

  async *gone(): AsyncGenerator<
    TopicGone | Omit<TopicGone, "topic"> & { readonly topic: undefined }
  > {
    let newest = 0;
    let latest = 0;
    for (let [after, more] = ["", true]; more;) {
      const page = await this.#fetchGone(after);
      yield* page.gone;
      newest = Math.max(newest, page.last);
      // If a page does not tell, nobody knows.
      if (page.last > 0) latest = Math.max(latest, page.at ?? Infinity);
      const next = page.gone.at(-1)?.topic;
      more = page.more && next !== undefined;
      if (more && compareCodePoints(after, next!) >= 0) throw protocolError("back up");
      after = next ?? after;
    }
    const isKnown = newest > 0 && latest < Infinity;
    yield { topic: undefined, seq: newest, ...(isKnown && { at: latest }) };
  }

  /** The next message. */
  next(): Promise<IteratorResult<Message, undefined>> {
    return (this.#messages ??= this.#read()).next();
  }

  /** Ends it: no more pages are asked for. */
  return(): Promise<IteratorResult<Message, undefined>> {
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

  async *#read(): AsyncGenerator<Message, undefined> {
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
      const { seqs, times, topics, bodies, attributes } = page;
      for (let i = 0; i < seqs.length; i++) {
        const seq = seqs[i]!;
        if (seq > last) throw protocolError("back up");
        yield {
          topic: topics[i]!,
          body: bodies[i]!,
          seq,
          position: `${epoch}:${seq}`,
          time: times[i]!,
          ...attributes?.[i],
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
