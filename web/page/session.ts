/**
 * The connection of this page to its server: it begins, asks for a token where one is needed, comes back after a break, and
 * says what was lost.
 *
 * @module
 */

import { connect, type Connection, DsmqError } from "../../client.ts";
import type { ServerStatus } from "../../http/server_status.ts";
import { delay } from "./delay.ts";
import { Observable } from "./observable.ts";
import { loadOtherVersion } from "./page_version.ts";
import { HttpError, type ServerApi } from "./server_api.ts";
import type { SessionState } from "./session_state.ts";
import { type StatusFailure, StatusReader } from "./status_reader.ts";
import { forgetAll, keep, readKept } from "./tab_storage.ts";
import { restartText, statusTrouble, troubleText } from "./trouble.ts";
import { pageClock, untilVisible } from "./until_visible.ts";

/** Where the token is kept: until the tab is closed, and for no other. */
const TOKEN_KEY = "dsmq-token";

/** How long to wait after a failure, in milliseconds; and where the server refuses the page. */
const [RETRY_DELAY, REFUSED_DELAY] = [1000, 10_000];

/** Why a connection ends whose reader wants to enter a token. */
const TOKEN_WANTED = Symbol();

/** The session of a page. */
export class Session {
  readonly api: ServerApi;
  readonly state = new Observable<SessionState>({ kind: "starting" });
  /** What the server said last. */
  readonly status: Observable<ServerStatus | undefined>;
  /** What happened since the page was opened, for the reader to be told once. */
  readonly notice = new Observable<string | undefined>(undefined);
  readonly #url: string;
  readonly #build: string;
  readonly #reader: StatusReader;
  #onToken: (token: string | undefined) => void = () => {};
  #ending = new AbortController();
  #mq: Connection | undefined;
  #isConnected = false;
  /** The server may have another version of the page since it was asked last. */
  #isOtherVersion = false;
  #statusFailure: StatusFailure | undefined;
  #socketFailure: DsmqError | undefined;

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
    this.#reader = new StatusReader(api, pageClock, (before) => {
      this.notice.value = restartText(before) ?? this.notice.value;
    });
    this.status = this.#reader.status;
    api.token = readKept(TOKEN_KEY);
  }

  /** Begins, and goes on as long as the page is open. */
  async run(): Promise<never> {
    for (;;) {
      await untilVisible();
      const failure = await this.#serve().catch((error) => error as unknown);
      await this.#onFailure(failure);
    }
  }

  /** The token that was asked for; `undefined`: none, where the server lets those in, too. */
  enterToken(token: string | undefined): void {
    this.#onToken(token);
  }

  /** Asks for a token, where the server has let the page in without one. */
  askForToken(): void {
    this.#ending.abort(TOKEN_WANTED);
  }

  /** Forgets the token, and what was typed with it; and begins anew. */
  forgetToken(): void {
    this.api.token = undefined;
    forgetAll();
    location.reload();
  }

  /** Is connected until that has ended for good; returns or throws why. */
  async #serve(): Promise<unknown> {
    const ending = this.#ending = new AbortController();
    const { signal } = ending;
    await this.#reader.read(signal);
    this.#statusFailure = this.#socketFailure = undefined;
    const polled = this.#reader.poll(signal, (failure) => this.#onStatus(failure));
    const { token } = this.api;
    try {
      const mq = this.#mq = await connect(this.#url, {
        // A function is asked again: so the client does not check the text before the server has.
        ...(token !== undefined && { token: () => token }),
        signal,
        timeout: Infinity,
        reconnect: { timeout: Infinity },
        onRetry: (error) => this.#onRetry(error),
      });
      signal.addEventListener("abort", () => void mq.close());
      for await (const { status } of mq.statusChanges()) {
        if (status === "closed") break;
        this.#onConnection(status === "connected");
      }
      return signal.aborted ? signal.reason : (await mq.closed).error;
    } finally {
      ending.abort();
      await this.#mq?.close();
      [this.#mq, this.#isConnected] = [undefined, false];
      await polled;
    }
  }

  #onConnection(isConnected: boolean): void {
    this.#isConnected = isConnected;
    if (isConnected) {
      this.#socketFailure = undefined;
      this.#isOtherVersion = true;
      this.#reader.readNow();
    }
    this.#show();
  }

  #onRetry(error: DsmqError): void {
    // Where nothing answers, the WebSocket cannot either. It is shown once the status has been read again: the server may be
    // gone since it was read.
    if (!this.#statusFailure) this.#socketFailure = error;
  }

  #onStatus(failure: StatusFailure | undefined): void {
    if (needsToken(failure?.error)) return this.#ending.abort(failure.error);
    this.#statusFailure = failure;
    if (failure) this.#socketFailure = undefined;
    else if (this.#isConnected && this.#isOtherVersion) {
      this.#isOtherVersion = false;
      void loadOtherVersion(this.api, this.#build)
        .then((text) => this.notice.value = text ?? this.notice.value);
    }
    this.#show();
  }

  #show(): void {
    const [mq, isConnected] = [this.#mq, this.#isConnected];
    const [status, socket] = [this.#statusFailure, this.#socketFailure];
    const trouble = troubleText({ isConnected, status, socket });
    if (mq) this.state.value = { kind: "open", mq, isConnected, trouble };
    else if (trouble !== undefined) this.state.value = { kind: "unreachable", trouble };
  }

  async #onFailure(failure: unknown): Promise<void> {
    if (failure === TOKEN_WANTED || needsToken(failure)) return await this.#askForToken(failure);
    if (failure instanceof HttpError && failure.status === 403) {
      this.state.value = { kind: "refused", reason: failure.message };
      return await delay(REFUSED_DELAY);
    }
    const pause = failure instanceof HttpError ? failure.retryAfter ?? RETRY_DELAY : RETRY_DELAY;
    const trouble = statusTrouble({ error: failure, delay: pause });
    this.state.value = { kind: "unreachable", trouble };
    await delay(pause);
  }

  async #askForToken(failure: unknown): Promise<void> {
    await untilVisible();
    const hadToken = this.api.token !== undefined;
    const reason = hadToken ? await this.#whyRefused(failure as Error) : undefined;
    this.#keep(undefined);
    const isOptional = failure === TOKEN_WANTED ||
      hadToken && await this.#problemOfStatus() === undefined;
    const entered = new Promise<string | undefined>((resolve) => this.#onToken = resolve);
    this.state.value = { kind: "needs_token", reason, isOptional };
    this.#keep(await entered);
    this.state.value = { kind: "starting" };
  }

  /** What plain HTTP says of the token is shorter than what a WebSocket was closed with. */
  async #whyRefused(failure: Error): Promise<string> {
    const error = failure instanceof HttpError ? failure : await this.#problemOfStatus();
    return error instanceof HttpError ? error.message : failure.message;
  }

  /** Why the status cannot be read with the token of now, if that is so. */
  #problemOfStatus(): Promise<unknown> {
    return this.api.status(AbortSignal.timeout(5000)).then(() => undefined, (error) => error);
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
