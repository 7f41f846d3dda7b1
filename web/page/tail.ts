/**
 * The messages of one topic as this page shows them: those that come (live), or again from some point on (replay).
 *
 * It reads pages over plain HTTP, so that the page decides how much it takes: where more arrives than a person can look at, it
 * leaves some out, and says so.
 *
 * @module
 */

import { Observable } from "./observable.ts";
import { recentMessages, type TailApi } from "./recent_messages.ts";
import { HttpError, type MessagePage, type PageMessage } from "./server_api.ts";

/** A row: a message, or what is to be said between two of them. */
export type TailRow =
  | { readonly kind: "message"; readonly key: number; readonly message: PageMessage }
  | { readonly kind: "note"; readonly key: number; readonly text: string };

/** What is shown of a topic. */
export interface TailState {
  readonly mode: "live" | "replay";
  readonly rows: readonly TailRow[];
  /** Nothing is taken from the server until it goes on. */
  readonly isPaused: boolean;
  /** Some messages are left out, since too many arrive. */
  readonly isSampling: boolean;
  /** A replay has more to show. */
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  /** Why nothing comes. */
  readonly error: string | undefined;
}

/** How many messages a page of a tail has, how often one is taken, and how long one waits for a message. */
const LIVE = { count: 100, interval: 250, wait: 20 } as const;
const REPLAY_COUNT = 200;

/** From so many characters on a page may have fewer messages than there are: the server cuts it at 256 KiB, attributes included. */
const LARGE_PAGE = 10_000;

/** What is kept: so many rows and, roughly, characters; older ones are dropped. */
const KEPT = {
  rows: { live: 1000, replay: 5000 },
  characters: 8 * 1024 * 1024,
} as const;

/** How long to wait after a failure, in milliseconds. */
const RETRY_DELAY = 1000;

const BEGINNING: TailState = {
  mode: "live",
  rows: [],
  isPaused: false,
  isSampling: false,
  hasMore: false,
  isLoading: true,
  error: undefined,
};

/** Waits for so many milliseconds, or until the signal aborts. */
export type TailPause = (milliseconds: number, signal: AbortSignal) => Promise<void>;

/** Reads one topic. */
export class TopicTail {
  readonly state = new Observable<TailState>(BEGINNING);
  readonly #api: TailApi;
  readonly #topic: string;
  readonly #pause: TailPause;
  #reading = new AbortController();
  /** Where a replay goes on. */
  #next = "";
  /** How many pages from now on are taken for samples. */
  #sampling = 0;
  #keys = 0;
  #characters = 0;
  #resumed: Promise<void> = Promise.resolve();
  #onResumed = () => {};

  /**
   * Makes one that reads nothing yet.
   *
   * @param api asks the server
   * @param topic what to read
   * @param pause waits between two requests, and as long as nobody looks
   */
  constructor(api: TailApi, topic: string, pause: TailPause) {
    this.#api = api;
    this.#topic = topic;
    this.#pause = pause;
  }

  /** Shows the newest messages, and those that come. */
  live(): void {
    const signal = this.#restart("live");
    void this.#run(signal, async () => {
      const recent = await recentMessages(this.#api, this.#topic, signal);
      if (recent.hasOlder) this.#note("Older messages are not shown: choose From the oldest.");
      this.#add(recent.messages);
      this.#set({ isLoading: false, error: undefined });
      return recent.next;
    });
  }

  /**
   * Shows the messages after a point, oldest first, and then those that come.
   *
   * @param after `start`, a position, or a number
   */
  replay(after: string): void {
    this.#restart("replay");
    this.#next = after;
    this.#set({ hasMore: true, isLoading: false });
    void this.more();
  }

  /** Shows the next messages of a replay. */
  async more(): Promise<void> {
    const { mode, hasMore, isLoading } = this.state.value;
    if (mode !== "replay" || !hasMore || isLoading) return;
    const { signal } = this.#reading;
    this.#set({ isLoading: true });
    let page: MessagePage | undefined;
    while (!page && !signal.aborted) page = await this.#page(REPLAY_COUNT, undefined, signal);
    if (!page || signal.aborted) return;
    const isEnd = isLast(page, REPLAY_COUNT);
    this.#set({ isLoading: false, hasMore: !isEnd });
    if (isEnd) void this.#run(signal, () => Promise.resolve(this.#next));
  }

  /** Takes nothing from the server for now. */
  pause(): void {
    if (this.state.value.isPaused) return;
    this.#resumed = new Promise((resolve) => this.#onResumed = resolve);
    this.#set({ isPaused: true });
  }

  /** Goes on where it was. */
  resume(): void {
    this.#set({ isPaused: false });
    this.#onResumed();
  }

  /** Shows nothing any more, but what comes. */
  clear(): void {
    this.#characters = 0;
    this.#set({ rows: [] });
  }

  /** Ends. */
  stop(): void {
    this.#reading.abort();
  }

  #restart(mode: TailState["mode"]): AbortSignal {
    this.#reading.abort();
    this.#reading = new AbortController();
    this.#characters = this.#sampling = 0;
    this.#onResumed();
    this.state.value = { ...BEGINNING, mode };
    return this.#reading.signal;
  }

  /** Takes what comes, until the signal aborts. `begin` finds out where, and is tried again if it fails. */
  async #run(signal: AbortSignal, begin: () => Promise<string>): Promise<void> {
    let from: string | undefined;
    while (!signal.aborted && from === undefined) {
      from = await begin().catch((error) => this.#onError(error, signal));
    }
    if (from !== undefined) this.#next = from;
    while (!signal.aborted) {
      if (this.state.value.isPaused) await this.#resumed;
      const page = await this.#page(LIVE.count, LIVE.wait, signal);
      if (page && !signal.aborted) this.#sample(page.messages.length === LIVE.count);
      await this.#pause(LIVE.interval, signal);
    }
  }

  /** More than a page within a moment: what is not in it is left out, and the next one begins now. */
  #sample(isFull: boolean): void {
    if (isFull && this.#sampling === 0) {
      this.#note("More messages arrive than are shown here: from now on some are left out.");
    }
    if (isFull) this.#next = "now";
    // Of the pages that begin now every other one is small.
    this.#sampling = isFull ? 2 : Math.max(0, this.#sampling - 1);
    const isSampling = this.#sampling > 0;
    if (isSampling !== this.state.value.isSampling) this.#set({ isSampling });
  }

  /** Takes a page; `undefined` if there is none now. */
  async #page(
    count: number,
    wait: number | undefined,
    signal: AbortSignal,
  ): Promise<MessagePage | undefined> {
    try {
      const query = { after: this.#next, count, ...(wait !== undefined && { wait }) };
      const page = await this.#api.messages(this.#topic, query, signal);
      if (signal.aborted) return undefined;
      this.#next = page.next;
      this.#add(page.messages);
      if (this.state.value.error !== undefined) this.#set({ error: undefined });
      return page;
    } catch (error) {
      return await this.#onError(error, signal);
    }
  }

  async #onError(error: unknown, signal: AbortSignal): Promise<undefined> {
    if (signal.aborted) return;
    if (error instanceof HttpError && error.position !== undefined) {
      this.#note(gapText(error));
      this.#next = error.position;
      return;
    }
    const isHttp = error instanceof HttpError;
    this.#set({ error: isHttp ? error.message : "There is no connection to the server." });
    await this.#pause(isHttp ? error.retryAfter ?? 5 * RETRY_DELAY : RETRY_DELAY, signal);
  }

  #add(messages: readonly PageMessage[]): void {
    if (messages.length === 0) return;
    const rows = messages.map((message): TailRow => {
      this.#characters += message.body.length;
      return { kind: "message", key: ++this.#keys, message };
    });
    this.#keep([...this.state.value.rows, ...rows]);
  }

  #note(text: string): void {
    this.#keep([...this.state.value.rows, { kind: "note", key: ++this.#keys, text }]);
  }

  #keep(rows: TailRow[]): void {
    const most = KEPT.rows[this.state.value.mode];
    let dropped = 0;
    // The newest is shown, however large it is.
    while (
      dropped < rows.length - 1 &&
      (rows.length - dropped > most || this.#characters > KEPT.characters)
    ) {
      const row = rows[dropped++]!;
      if (row.kind === "message") this.#characters -= row.message.body.length;
    }
    this.#set({ rows: dropped > 0 ? rows.slice(dropped) : rows });
  }

  #set(changes: Partial<TailState>): void {
    this.state.value = { ...this.state.value, ...changes };
  }
}

/** What is told of messages that are gone. */
function gapText({ code, message }: HttpError): string {
  if (code === "epoch_changed") return "The server lost its messages here, and began anew.";
  if (code === "trimmed") return "Messages are missing here: they expired, or were purged.";
  return message;
}

/** A page has less than was asked for at the end, or if its messages are large: then nothing says that it is the last. */
function isLast({ messages }: MessagePage, count: number): boolean {
  const characters = messages.reduce((sum, { body }) => sum + body.length, 0);
  return messages.length === 0 || (messages.length < count && characters < LARGE_PAGE);
}
