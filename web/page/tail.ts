/**
 * The messages of one topic as this page shows them: those that come (live), or again from some point on (replay).
 *
 * A subscription brings them, at the pace of who looks: a replay goes on when it is scrolled, and a tail that is paused, or that
 * nobody sees, takes nothing. Where more arrives than a person can look at, the subscription ends, and a sample of the newest is
 * read twice a second until the tail has caught up.
 *
 * @module
 */

import type { Connection, Message, Since } from "../../client.ts";
import { FlowLimit } from "./flow_limit.ts";
import { Observable } from "./observable.ts";
import { recentMessages, type TailApi } from "./recent_messages.ts";
import { HttpError, type MessagePage, type PageMessage } from "./server_api.ts";
import { gapText, tailFailure } from "./tail_failure.ts";
import { RowFilter, type TailRow, TailRows } from "./tail_rows.ts";

/** What is shown of a topic. */
export interface TailState {
  readonly mode: "live" | "replay";
  /** The rows that the filter shows. */
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

/** How many rows are kept. */
const MAX_ROWS = { live: 1000, replay: 5000 } as const;

/** How much a replay takes at a time. */
const REPLAY_PAGE = { messages: 200, characters: 1024 * 1024 } as const;

/** How often rows are drawn, and a sample is taken, in milliseconds; and how many of the newest messages are one. */
const DRAW_INTERVAL = 100;
const SAMPLE = { interval: 500, page: 100, newest: 50 } as const;

const BEGINNING: TailState = {
  mode: "live",
  rows: [],
  isPaused: false,
  isSampling: false,
  hasMore: false,
  isLoading: true,
  error: undefined,
};

/** The time, as a tail needs it. */
export interface TailClock {
  /** Milliseconds, from anywhere. */
  now(): number;
  /** Resolves after so many milliseconds, or when the signal aborts. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Resolves as soon as somebody sees the page. */
  seen(): Promise<void>;
}

/** What a tail reads from. */
export interface TailSource {
  readonly mq: Pick<Connection, "subscribe">;
  readonly api: TailApi;
  readonly topic: string;
  readonly clock: TailClock;
}

/** Reads one topic. */
export class TopicTail {
  readonly state = new Observable<TailState>(BEGINNING);
  readonly #source: TailSource;
  #reading = new AbortController();
  #rows = new TailRows(MAX_ROWS.live);
  /** What has come and is not drawn yet. */
  #undrawn: (PageMessage | string)[] = [];
  /** Where to go on after a failure. */
  #position: string | undefined;
  /** How much a replay may still take, and up to which number it is one. */
  #allowed = { messages: 0, characters: 0 };
  #replayEnd = 0;
  #wake = () => {};

  /** Reads nothing yet. */
  constructor(source: TailSource) {
    this.#source = source;
  }

  /** Shows the newest messages, and those that come. */
  live(): void {
    const signal = this.#restart("live");
    const { api, topic } = this.#source;
    void this.#run(signal, async () => {
      const { messages, next, hasOlder } = await recentMessages(api, topic, signal);
      signal.throwIfAborted();
      if (hasOlder) this.#add("Older messages are not shown: choose From the oldest.");
      this.#add(...messages);
      this.#draw();
      this.#set({ isLoading: false, error: undefined });
      return next;
    });
  }

  /** Shows the messages from a point on, oldest first, and then those that come. */
  replay(since: Since): void {
    const signal = this.#restart("replay");
    const { api, topic } = this.#source;
    void this.#run(signal, async () => {
      const newest = await api.topic(topic, signal);
      signal.throwIfAborted();
      this.#replayEnd = newest?.seq ?? 0;
      this.#set({ hasMore: this.#replayEnd > 0, isLoading: false, error: undefined });
      this.more();
      return since;
    });
  }

  /** Shows the next messages of a replay. */
  more(): void {
    const { mode, hasMore, isLoading } = this.state.value;
    if (mode !== "replay" || !hasMore || isLoading) return;
    this.#allowed = { ...REPLAY_PAGE };
    this.#set({ isLoading: true });
    this.#wake();
  }

  /** Takes nothing from the server for now. */
  pause(): void {
    this.#set({ isPaused: true });
  }

  /** Goes on where it was. */
  resume(): void {
    this.#set({ isPaused: false });
    this.#wake();
  }

  /** Shows only messages with this text in them, or in their attributes. */
  filter(text: string): void {
    this.#rows.filter = new RowFilter(text);
    this.#draw();
  }

  /** Shows nothing any more, but what comes. */
  clear(): void {
    this.#rows.clear();
    this.#draw();
  }

  /** Ends. */
  stop(): void {
    this.#reading.abort();
    this.#wake();
  }

  #restart(mode: TailState["mode"]): AbortSignal {
    this.stop();
    this.#reading = new AbortController();
    const { filter } = this.#rows;
    this.#rows = new TailRows(MAX_ROWS[mode]);
    this.#rows.filter = filter;
    this.#undrawn = [];
    this.#position = undefined;
    this.state.value = { ...BEGINNING, mode };
    return this.#reading.signal;
  }

  /** Takes what comes, until the signal aborts. `begin` finds out from where. */
  async #run(signal: AbortSignal, begin: () => Promise<Since>): Promise<void> {
    let from: Since | undefined;
    while (!signal.aborted) {
      try {
        from = this.#position ?? from ?? await begin();
        from = await this.#follow(from, signal);
        from = await this.#sample(from, signal);
      } catch (error) {
        if (signal.aborted) return;
        const { text, delay } = tailFailure(error);
        this.#set({ error: text, isLoading: false });
        if (delay === undefined) return;
        await this.#source.clock.pause(delay, signal);
      }
    }
  }

  /** Takes what a subscription brings; returns where it was given up, because too much came. */
  async #follow(since: Since, signal: AbortSignal): Promise<string> {
    const { mq, topic, clock } = this.#source;
    const onGap = (gap: Parameters<typeof gapText>[0]) => {
      this.#add(gapText(gap));
      return "oldest" as const;
    };
    const stream = mq.subscribe(topic, { since, onGap, signal });
    const limit = new FlowLimit(() => clock.now());
    try {
      for (;;) {
        await this.#allowance(signal);
        const { value, done } = await stream.next();
        signal.throwIfAborted();
        if (done) throw new Error("the subscription has ended");
        const isReplayed = this.#take(value);
        if (!isReplayed && !limit.take(value.body.length)) return value.position;
      }
    } finally {
      await stream.return!();
    }
  }

  /** Waits until something may be taken. */
  async #allowance(signal: AbortSignal): Promise<void> {
    await this.#source.clock.seen();
    while (!signal.aborted) {
      const { isPaused, hasMore } = this.state.value;
      const isTaken = this.#allowed.messages <= 0 || this.#allowed.characters <= 0;
      if (!isPaused && !(hasMore && isTaken)) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Shows a message; returns whether it was there when the replay began. */
  #take({ topic: _topic, ...message }: Message): boolean {
    const { hasMore } = this.state.value;
    this.#add(message);
    this.#position = message.position;
    if (this.state.value.error !== undefined) this.#set({ error: undefined });
    if (!hasMore) return false;
    this.#allowed.messages--;
    this.#allowed.characters -= message.body.length;
    const isEnd = message.seq >= this.#replayEnd;
    const isPage = this.#allowed.messages <= 0 || this.#allowed.characters <= 0;
    if (isEnd || isPage) {
      this.#draw();
      this.#set({ hasMore: !isEnd, isLoading: false });
    }
    return true;
  }

  /** Shows some of the newest messages, twice a second, until it has caught up; returns where that is. */
  async #sample(from: string, signal: AbortSignal): Promise<string> {
    const { api, topic, clock } = this.#source;
    this.#add("More messages arrive than are shown here: from now on some are left out.");
    this.#set({ isSampling: true });
    let after = from;
    for (let isBehind = true; isBehind && !signal.aborted;) {
      await clock.pause(SAMPLE.interval, signal);
      await this.#allowance(signal);
      const last = (await api.topic(topic, signal))?.seq ?? 0;
      let page = await this.#page(after, signal);
      isBehind = page.messages.length > 0 && page.messages.at(-1)!.seq < last;
      if (isBehind) page = await this.#page(`${Math.max(0, last - SAMPLE.newest)}`, signal);
      signal.throwIfAborted();
      this.#add(...page.messages);
      this.#position = after = page.next;
    }
    this.#set({ isSampling: false });
    return after;
  }

  async #page(after: string, signal: AbortSignal): Promise<MessagePage> {
    const { api, topic } = this.#source;
    try {
      return await api.messages(topic, { after, count: SAMPLE.page }, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof HttpError) || error.position === undefined) throw error;
      this.#add(gapText(error));
      return { messages: [], next: error.position };
    }
  }

  /** Rows come one by one, and are drawn some at a time. */
  #add(...added: (PageMessage | string)[]): void {
    const isDue = this.#undrawn.length === 0 && added.length > 0;
    this.#undrawn.push(...added);
    if (!isDue) return;
    const { signal } = this.#reading;
    void this.#source.clock.pause(DRAW_INTERVAL, signal).then(() => {
      if (!signal.aborted) this.#draw();
    });
  }

  #draw(): void {
    this.#rows.add(this.#undrawn);
    this.#undrawn = [];
    this.#set({ rows: this.#rows.shown });
  }

  #set(changes: Partial<TailState>): void {
    this.state.value = { ...this.state.value, ...changes };
  }
}
