/**
 * The connection to NATS that a log has: it comes back by itself, and says when it broke.
 *
 * @module
 */

import type { LogError } from "../record_log.ts";
import type { NatsAddress } from "./nats_address.ts";
import {
  type ApiError,
  apiError,
  connectError,
  isTimeout,
  requestError,
  unavailable,
} from "./nats_errors.ts";
import { connectOptions } from "./nats_login.ts";
import type { NatsClient, NatsPackages, NatsPoolServer } from "./nats_packages.ts";

/** How long JetStream may take to answer, in milliseconds. */
const API_TIMEOUT = 4000;

/** How long an attempt at one server may take, in milliseconds. */
const DIAL_TIMEOUT = 2000;

/** What breaks a connection: told to all who wait on it. */
export type BreakListener = (error: LogError) => void;

/** A user may not publish to a subject: told to those who do. */
export type DenialListener = (error: unknown, subject: string) => void;

/** The server that is tried next. */
interface ServerChoice {
  next: string | undefined;
}

/** A connection. */
export class NatsConnection implements AsyncDisposable {
  /** The library's. */
  readonly client: NatsClient;
  readonly #breakListeners = new Set<BreakListener>();
  readonly #denialListeners = new Set<DenialListener>();
  readonly #watching: Promise<void>;
  readonly #choice: ServerChoice;
  #onOverdue: () => void = () => {};
  #isConnected = true;

  private constructor(client: NatsClient, choice: ServerChoice) {
    this.client = client;
    this.#choice = choice;
    this.#watching = this.#watch();
  }

  /**
   * Connects to one of the servers of an address.
   *
   * @throws {LogError} `unavailable`, if none can be reached; `unusable`, if they refuse
   */
  static async open(
    address: NatsAddress,
    nats: NatsPackages,
    timeout = DIAL_TIMEOUT,
  ): Promise<NatsConnection> {
    const choice: ServerChoice = { next: undefined };
    const options = {
      ...connectOptions(address, nats, timeout),
      reconnectToServer(servers: readonly NatsPoolServer[]) {
        const { next } = choice;
        // Once: if it cannot be reached, the others are tried in turn.
        choice.next = undefined;
        return servers.find(({ src }) => src === next) ?? null;
      },
    };
    try {
      return new NatsConnection(await nats.connect(options), choice);
    } catch (error) {
      throw connectError(`reach ${address.description}`, error);
    }
  }

  /** Whether it is there, as far as is known. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** The server that it is connected to, as `HOST:PORT`. */
  get server(): string {
    return this.client.getServer();
  }

  /** Leaves the server for another one of the address. */
  moveTo(server: string): void {
    if (!this.#isConnected) return;
    this.#choice.next = server;
    void this.client.reconnect();
  }

  /** Calls this listener, and no earlier one, when the server owes an answer for long. */
  onOverdue(listener: () => void): void {
    this.#onOverdue = listener;
  }

  /** The server owes an answer for long. */
  overdue(): void {
    this.#onOverdue();
  }

  /** Calls a listener at each break; returns how to stop that. */
  onBreak(listener: BreakListener): () => void {
    this.#breakListeners.add(listener);
    return () => this.#breakListeners.delete(listener);
  }

  /** Calls a listener when the user may not publish to a subject. */
  onDenial(listener: DenialListener): void {
    this.#denialListeners.add(listener);
  }

  /**
   * Asks JetStream for something.
   *
   * @param action what for, in errors: "make the stream"
   * @param verb the end of the subject, such as `STREAM.INFO.orders`
   * @param body the request
   * @param timeout in milliseconds. Default: 4 s
   * @returns the answer, or JetStream's error
   * @throws {LogError} if there is no answer
   */
  async ask<Answer>(
    action: string,
    verb: string,
    body?: unknown,
    timeout: number = API_TIMEOUT,
  ): Promise<Answer | { readonly error: ApiError }> {
    if (!this.#isConnected) throw unavailable(action, "there is no connection to NATS");
    const text = body === undefined ? "" : JSON.stringify(body);
    const broken = Promise.withResolvers<never>();
    const stop = this.onBreak((error) => broken.reject(error));
    try {
      const request = this.client.request(`$JS.API.${verb}`, text, { timeout });
      const answer = await Promise.race([request, broken.promise]);
      return JSON.parse(new TextDecoder().decode(answer.data));
    } catch (error) {
      if (isTimeout(error)) this.overdue();
      throw requestError(action, error);
    } finally {
      stop();
    }
  }

  /** The same, and an error of JetStream is thrown, too. */
  async request<Answer>(
    action: string,
    verb: string,
    body?: unknown,
    timeout?: number,
  ): Promise<Answer> {
    const answer = await this.ask<Answer>(action, verb, body, timeout);
    if (isApiError(answer)) throw apiError(action, answer.error);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    for await (const { type, error } of this.client.status()) {
      if (type === "reconnect") this.#isConnected = true;
      if (type === "disconnect") this.#break("the connection to NATS broke");
      if (error?.name === "PermissionViolationError" && error.operation === "publish") {
        for (const listener of this.#denialListeners) listener(error, error.subject ?? "");
      }
    }
    this.#break("the log is closed");
  }

  #break(reason: string): void {
    this.#isConnected = false;
    const error = unavailable("use the log", reason);
    for (const listener of [...this.#breakListeners]) listener(error);
  }
}

/** Whether JetStream answered with an error. */
export function isApiError(answer: unknown): answer is { readonly error: ApiError } {
  return typeof answer === "object" && answer !== null && "error" in answer;
}
