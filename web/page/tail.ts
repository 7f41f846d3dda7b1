/**
 * The messages of one topic as this page shows them: those that come (live), or again from some point on (replay).
 *
 * A subscription brings them, at the pace of who looks: a replay goes on when it is scrolled, and a tail that is paused, or that
 * nobody sees, takes nothing. Where more arrives than a person can look at, the subscription ends, and a sample of the newest is
 * read twice a second until the tail has caught up.
 *
 * @module
 */

import type { GapError, Message, MessageStream, Since } from "../../client.ts";
import { FlowLimit } from "./flow_limit.ts";
import { type SampledThrough, takeSample } from "./message_sample.ts";
import { Observable } from "./observable.ts";
import { recentMessages } from "./recent_messages.ts";
import { Replay } from "./replay.ts";
import { RowDrawing } from "./row_drawing.ts";
import { NoAnswerError } from "./server_api.ts";
import { gapText, tailFailure } from "./tail_failure.ts";
import { RowFilter } from "./tail_rows.ts";
import type { TailSource } from "./tail_source.ts";
import { BEGINNING, type TailState } from "./tail_state.ts";

/** How many rows are kept. */
const MAX_ROWS = { live: 1000, replay: 5000 } as const;

/** How often a sample is taken, in milliseconds. */
const SAMPLE_INTERVAL = 500;

/**
 * After so long without a message or an error a subscription stands, and a replay may be at its end. Twice as long the next
 * time, up to the second number. In milliseconds.
 */
const [LULL, MAX_LULL] = [500, 8000] as const;

/** Reads one topic. */
export class TopicTail {
  readonly state = new Observable<TailState>(BEGINNING);
  readonly #source: TailSource;
  #reading = new AbortController();
  #filter = new RowFilter("");
  #drawing: RowDrawing | undefined;
  /** Where to go on after a failure. */
  #position: string | undefined;
  #replay: Replay | undefined;
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
      if (hasOlder) this.#drawing?.add("Older messages are not shown: choose From the oldest.");
      this.#drawing?.add(...messages);
      this.#drawing?.draw();
      this.#set({ isLoading: false, error: undefined });
      return next;
    });
  }

  /** Shows the messages from a point on, oldest first, and then those that come. */
  replay(since: Since): void {
    const signal = this.#restart("replay");
    const { api, topic } = this.#source;
    void this.#run(signal, async () => {
      // A time, which can be compared with that of the newest message.
      const from = typeof since === "object" && "ago" in since
        ? new Date((await api.status(signal)).time - since.ago)
        : since;
      const newest = await api.topic(topic, signal);
      signal.throwIfAborted();
      this.#replay = new Replay(from, newest);
      this.#set({ ...this.#progress, error: undefined });
      return from;
    });
  }

  /** Shows the next messages of a replay. */
  more(): void {
    const { hasMore, isLoading } = this.state.value;
    if (!hasMore || isLoading) return;
    this.#replay?.more();
    this.#set(this.#progress);
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
    this.#filter = new RowFilter(text);
    this.#drawing?.filter(this.#filter);
  }

  /** Shows nothing any more, but what comes. */
  clear(): void {
    this.#drawing?.clear();
  }

  /** Ends. */
  stop(): void {
    this.#reading.abort();
    this.#wake();
  }

  #restart(mode: TailState["mode"]): AbortSignal {
    this.stop();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    this.#drawing = new RowDrawing({
      max: MAX_ROWS[mode],
      filter: this.#filter,
      clock: this.#source.clock,
      signal,
      draw: (rows) => this.#set({ rows }),
    });
    this.#position = undefined;
    this.#replay = undefined;
    this.state.value = { ...BEGINNING, mode, run: this.state.value.run + 1 };
    return signal;
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
        this.#set({ error: text, isLoading: false, isSampling: false });
        if (delay === undefined) return this.#set({ hasMore: false });
        await this.#source.clock.pause(delay, signal);
      }
    }
  }

  /** Takes what a subscription brings; returns where it was given up, because too much came. */
  async #follow(since: Since, signal: AbortSignal): Promise<string> {
    const { mq, topic, clock } = this.#source;
    const onGap = (gap: GapError) => {
      this.#drawing?.add(gapText(gap));
      if (gap.code === "epoch_changed") this.#replay?.beginAnew();
      return "oldest" as const;
    };
    const stream = mq.subscribe(topic, { since, onGap, signal });
    const limit = new FlowLimit(() => clock.now());
    try {
      for (;;) {
        const message = await this.#next(stream, signal);
        await this.#allowance(signal);
        signal.throwIfAborted();
        const isReplayed = this.#take(message);
        if (!isReplayed && !limit.take(message.body.length)) return message.position;
      }
    } finally {
      await stream.return!();
    }
  }

  /** Waits for a message. As long as there is none, it finds out whether the subscription stands, and a replay has ended. */
  async #next(stream: MessageStream, signal: AbortSignal): Promise<Message> {
    const next = stream.next();
    const { api, topic, clock } = this.#source;
    const { state } = this;
    for (let lull: number = LULL; state.value.hasMore || state.value.error !== undefined;) {
      const waiting = new AbortController();
      const pause = clock.pause(lull, waiting.signal).then(() => "lull" as const);
      const first = await Promise.race([next, pause]).finally(() => waiting.abort());
      if (first !== "lull") break;
      lull = Math.min(2 * lull, MAX_LULL);
      this.#set({ ...this.#progress, error: undefined });
      if (!this.#replay?.hasMore) continue;
      await clock.seen(signal);
      // Where that fails the subscription tells why, sooner or later.
      const found = await api.topic(topic, signal).then((newest) => ({ newest }), () => undefined);
      signal.throwIfAborted();
      if (found) this.#replay.look(found.newest);
      this.#set(this.#progress);
    }
    const { value, done } = await next;
    signal.throwIfAborted();
    if (done) throw new NoAnswerError("The subscription has ended.");
    return value;
  }

  /** Waits until something may be taken, and shown. */
  async #allowance(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#source.clock.seen(signal);
      const isWaiting = this.state.value.hasMore && this.#replay?.isPageFull === true;
      if (!this.state.value.isPaused && !isWaiting) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Shows a message; returns whether it was there when the replay began. */
  #take({ topic: _topic, ...message }: Message): boolean {
    const { hasMore } = this.state.value;
    this.#drawing?.add(message);
    this.#position = message.position;
    if (this.state.value.error !== undefined) this.#set({ error: undefined });
    if (!hasMore) return false;
    this.#replay!.take(message);
    if (!this.#progress.isLoading) this.#drawing?.draw();
    this.#set(this.#progress);
    return true;
  }

  /** How far the replay is. */
  get #progress(): Pick<TailState, "hasMore" | "isLoading"> {
    const hasMore = this.#replay?.hasMore === true;
    return { hasMore, isLoading: hasMore && !this.#replay!.isPageFull };
  }

  /** Shows some of the newest messages, twice a second, until it has caught up; returns where that is. */
  async #sample(from: string, signal: AbortSignal): Promise<string> {
    const { api, topic, clock } = this.#source;
    this.#drawing?.add("More messages arrive than are shown here: from now on some are left out.");
    this.#set({ isSampling: true });
    let through: SampledThrough = { position: from, stored: undefined };
    for (let isBehind = true; isBehind;) {
      await clock.pause(SAMPLE_INTERVAL, signal);
      await this.#allowance(signal);
      const sample = await takeSample(api, topic, through, signal);
      signal.throwIfAborted();
      this.#drawing?.add(...sample.rows);
      ({ through, isBehind } = sample);
      this.#position = through.position;
    }
    this.#set({ isSampling: false });
    return through.position;
  }

  #set(changes: Partial<TailState>): void {
    this.state.value = { ...this.state.value, ...changes };
  }
}
