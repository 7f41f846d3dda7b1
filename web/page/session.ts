/**
 * The connection of this page to its server: it begins, asks for a token where one is needed, comes back after a break, and
 * says what was lost.
 *
 * @module
 */

import { connect, type Connection, DsmqError, isDsmqError } from "../../client.ts";
import type { ServerStatus } from "../../http/server_status.ts";
import { delay } from "./delay.ts";
import { counted } from "./format.ts";
import { Observable } from "./observable.ts";
import { HttpError, type ServerApi } from "./server_api.ts";
import { keep, readKept } from "./tab_storage.ts";
import { untilVisible } from "./until_visible.ts";

/** How the page is connected. */
export type SessionState =
  /** Nothing is known yet. */
  | { readonly kind: "starting" }
  /** There was no server, and it is tried again. */
  | { readonly kind: "unreachable"; readonly reason: string }
  /** A token is needed; `reason` says what is wrong with the one that was given. */
  | { readonly kind: "needs_token"; readonly reason: string | undefined }
  /** The server lets this page not in. */
  | { readonly kind: "refused"; readonly reason: string }
  | {
    readonly kind: "open";
    readonly mq: Connection;
    /** Why there is no connection now. It comes back by itself. */
    readonly broken: string | undefined;
  };

/** Where the token is kept: until the tab is closed, and for no other. */
const TOKEN_KEY = "dsmq-token";

/** For which version the page was loaded anew. */
const RELOADED_KEY = "dsmq-reloaded";

/** After so many failures in a row the page says that what it shows is old. */
const FAILURES_SHOWN = 3;

/** How often the status of the server is asked for, and how long to wait after a failure, in milliseconds. */
const [STATUS_INTERVAL, RETRY_DELAY] = [1000, 1000];

/** The session of a page. */
export class Session {
  readonly api: ServerApi;
  readonly state = new Observable<SessionState>({ kind: "starting" });
  /** What the server said last. */
  readonly status = new Observable<ServerStatus | undefined>(undefined);
  /** What was lost since the page was opened, for the reader to be told once. */
  readonly notice = new Observable<string | undefined>(undefined);
  readonly #url: string;
  readonly #build: string;
  #onToken: (token: string) => void = () => {};
  /** Why the WebSocket is not connected. */
  #broken: string | undefined;
  #epoch: string | undefined;
  /** How many messages the server held last, as far as that is known. */
  #stored: number | undefined;

  /**
   * Makes one that is not begun.
   *
   * @param api asks the server over plain HTTP
   * @param url the address of its WebSocket
   * @param build the version of this page
   */
  constructor(api: ServerApi, url: string, build: string) {
    this.api = api;
    this.#url = url;
    this.#build = build;
    api.token = readKept(TOKEN_KEY);
  }

  /** Begins, and goes on as long as the page is open. */
  async run(): Promise<never> {
    for (;;) {
      const failure = await this.#serve().catch((error) => error as unknown);
      await this.#onFailure(failure);
    }
  }

  /** The token that the server asked for. */
  enterToken(token: string): void {
    this.#onToken(token);
  }

  /** Forgets the token, and asks for another one. */
  forgetToken(): void {
    this.#keep(undefined);
    location.reload();
  }

  /** Is connected until that has ended for good; returns or throws why. */
  async #serve(): Promise<unknown> {
    await this.#refresh();
    const { token } = this.api;
    // A function is asked again: so the client does not check the text before the server has.
    const mq = await connect(this.#url, {
      ...(token !== undefined && { token: () => token }),
      reconnect: { timeout: Infinity },
    });
    const polling = new AbortController();
    const polled = this.#pollStatus(mq, polling.signal);
    try {
      for await (const { status, reason } of mq.statusChanges()) {
        if (status === "closed") break;
        this.#broken = status === "connected" ? undefined : reason ?? "the connection is broken";
        this.state.value = { kind: "open", mq, broken: this.#broken };
        if (this.#broken === undefined) void this.#onConnected();
      }
      const { error } = await mq.closed;
      polling.abort();
      return await polled ?? error;
    } finally {
      polling.abort();
      await mq.close();
    }
  }

  async #onConnected(): Promise<void> {
    await this.#refresh().catch(() => {});
    const build = await this.api.build();
    // Another server, with another page: what this one knows may not fit it.
    if (build === undefined || build === this.#build) return;
    // Once: it may be a cache, or one of several servers, that has another page than what is loaded.
    if (readKept(RELOADED_KEY) === build) return;
    keep(RELOADED_KEY, build);
    location.reload();
  }

  /** Asks for the status as long as there is a connection; returns why that is refused, if it is. */
  async #pollStatus(mq: Connection, signal: AbortSignal): Promise<unknown> {
    let failures = 0;
    for (let interval = STATUS_INTERVAL; !signal.aborted;) {
      await delay(interval, signal);
      await untilVisible();
      if (signal.aborted || this.#broken !== undefined) continue;
      let broken: string | undefined;
      try {
        await this.#refresh();
        [failures, interval] = [0, STATUS_INTERVAL];
      } catch (error) {
        if (needsToken(error)) {
          await mq.close();
          return error;
        }
        interval = (error instanceof HttpError && error.retryAfter) || STATUS_INTERVAL;
        // What is shown is old.
        if (++failures >= FAILURES_SHOWN) broken = failureText(error);
      }
      const state = this.state.value;
      if (signal.aborted || state.kind !== "open" || this.#broken !== undefined) continue;
      if (state.broken !== broken) this.state.value = { ...state, broken };
    }
    return undefined;
  }

  async #refresh(): Promise<void> {
    const status = await this.api.status(AbortSignal.timeout(10_000));
    if (this.#epoch !== undefined && this.#epoch !== status.epoch) this.#onRestarted(status);
    this.#epoch = status.epoch;
    this.#stored = status.operation?.stored?.messages;
    this.status.value = status;
  }

  #onRestarted({ durability }: ServerStatus): void {
    if (durability !== "memory") return;
    const lost = this.#stored === undefined
      ? "The messages that it held in memory are lost."
      : this.#stored === 0
      ? "It held no messages."
      : `${counted(this.#stored, "message")} that it held in memory ${
        this.#stored === 1 ? "is" : "are"
      } lost.`;
    this.notice.value = `The server was started anew. ${lost}`;
  }

  async #onFailure(failure: unknown): Promise<void> {
    if (needsToken(failure)) return await this.#askForToken(failure);
    if (failure instanceof HttpError && failure.status === 403) {
      this.state.value = { kind: "refused", reason: failure.message };
      return await delay(10 * RETRY_DELAY);
    }
    this.state.value = { kind: "unreachable", reason: failureText(failure) };
    await delay(failure instanceof HttpError ? failure.retryAfter ?? RETRY_DELAY : RETRY_DELAY);
  }

  async #askForToken(failure: Error): Promise<void> {
    const reason = this.api.token === undefined ? undefined : await this.#whyRefused(failure);
    this.#keep(undefined);
    const entered = new Promise<string>((resolve) => this.#onToken = resolve);
    this.state.value = { kind: "needs_token", reason };
    this.#keep(await entered);
    this.state.value = { kind: "starting" };
  }

  /** What plain HTTP says of the token is shorter than what a WebSocket was closed with. */
  async #whyRefused(failure: Error): Promise<string> {
    if (failure instanceof HttpError) return failure.message;
    const asked = this.api.status(AbortSignal.timeout(5000));
    return await asked.then(
      () => failure.message,
      (error) => error instanceof HttpError ? error.message : failure.message,
    );
  }

  #keep(token: string | undefined): void {
    this.api.token = token;
    keep(TOKEN_KEY, token);
  }
}

function needsToken(failure: unknown): failure is Error {
  return (failure instanceof HttpError && failure.status === 401) ||
    (failure instanceof DsmqError && failure.code === "unauthorized");
}

function failureText(failure: unknown): string {
  return failure instanceof HttpError || isDsmqError(failure)
    ? failure.message
    : "The server does not answer.";
}
