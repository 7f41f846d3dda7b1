/**
 * Renews the token of an open connection before it expires. If that fails it tries again; and if the token expires, the
 * server closes the connection, and the client comes back with a fresh one.
 *
 * @module
 */

import type { AnswerReply } from "../protocol/replies.ts";
import { type ClientSocket, HELLO_ID } from "./client_socket.ts";
import { askForToken } from "./token_source.ts";

/** At which part of its time a token is renewed; at random, so that clients which came together do not all renew at once. */
const RENEW_AT = { min: 0.75, max: 0.85 } as const;

/** But at least so long before it expires, if it is valid for twice as long, in milliseconds. */
const MIN_LEAD = 5000;

/** The function is not asked again sooner than this, in milliseconds. */
const MIN_DELAY = 250;

/** After failures the delay doubles from the first to the second of these, in milliseconds. */
const RETRY_DELAY = { min: 1000, max: 30_000 } as const;

/** How long the server may take to answer, in milliseconds: then it is tried again. */
const ANSWER_TIMEOUT = 15_000;

/** A longer timer, in milliseconds, would fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/**
 * When a token is to be renewed.
 *
 * @param expiresIn in how many milliseconds it expires
 * @param random from 0 to 1
 * @returns after how many milliseconds
 */
export function renewalDelay(expiresIn: number, random: number = Math.random()): number {
  const { min, max } = RENEW_AT;
  const early = expiresIn * (min + (max - min) * random);
  const latest = Math.max(expiresIn - MIN_LEAD, expiresIn / 2);
  return Math.max(MIN_DELAY, Math.min(early, latest));
}

/** The renewals of one client, over one socket after another. */
export class TokenRenewal {
  readonly #source: () => string | Promise<string>;
  #socket: Pick<ClientSocket, "send"> | undefined;
  #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  /** Renews nothing yet. */
  constructor(source: () => string | Promise<string>) {
    this.#source = source;
  }

  /** There is a new socket, with a token that expires in so many milliseconds, or does not. */
  start(expiresIn: number | undefined, socket: Pick<ClientSocket, "send">): void {
    this.stop();
    this.#socket = socket;
    this.#controller = new AbortController();
    this.#onValid(expiresIn);
  }

  /** There is no socket any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#socket = undefined;
    this.#controller.abort();
  }

  /** Takes the reply to a renewal; returns `false` for any other. */
  onReply(reply: AnswerReply): boolean {
    if (reply.id !== HELLO_ID) return false;
    if (!this.#socket) return true;
    if (reply.kind === "welcome") this.#onValid(reply.welcome.tokenExpiresIn);
    else this.#retry();
    return true;
  }

  #onValid(expiresIn: number | undefined): void {
    this.#failures = 0;
    clearTimeout(this.#timer);
    if (expiresIn !== undefined) this.#renewAfter(renewalDelay(expiresIn));
  }

  /** The token that the connection has may still be valid; if it is not, the server closes the connection. */
  #retry(): void {
    const longest = Math.min(RETRY_DELAY.max, RETRY_DELAY.min * 2 ** this.#failures++);
    this.#renewAfter(longest * (0.5 + Math.random() / 2));
  }

  #renewAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = ms > MAX_TIMER
      ? setTimeout(() => this.#renewAfter(ms - MAX_TIMER), MAX_TIMER)
      : setTimeout(() => void this.#renew(), ms);
  }

  async #renew(): Promise<void> {
    const { signal } = this.#controller;
    try {
      const token = await askForToken(this.#source, Infinity, signal);
      if (signal.aborted) return;
      this.#renewAfter(ANSWER_TIMEOUT);
      this.#socket?.send(JSON.stringify({ action: "hello", id: HELLO_ID, token }));
    } catch {
      if (!signal.aborted) this.#retry();
    }
  }
}
