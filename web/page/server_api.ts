/**
 * Plain HTTP of the server that this page is from.
 *
 * @module
 */

import type { Message, TopicInfo } from "../../client.ts";
import type { ServerStatus } from "../../http/server_status.ts";
import { parsePosition } from "../../protocol/position.ts";

/** A message in a page. */
export type PageMessage = Omit<Message, "topic">;

/** Messages, and from where to go on. */
export interface MessagePage {
  readonly messages: readonly PageMessage[];
  readonly next: string;
}

/** What to read of a topic. */
export interface PageQuery {
  /** From where: `start`, `now`, a position or a number. */
  readonly after: string;
  readonly count: number;
}

/** How long an answer may take, in milliseconds. */
const TIMEOUT = 15_000;

/** A request was refused: a problem of RFC 9457. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly code: string;
  /** After a gap: from where to go on. */
  readonly position: string | undefined;
  /** When to try again, in milliseconds. */
  readonly retryAfter: number | undefined;

  /** Takes what the response says. */
  constructor(response: Response, problem: { code?: string; detail?: string; position?: string }) {
    super(problem.detail ?? `The server answered ${response.status} ${response.statusText}`.trim());
    this.status = response.status;
    this.code = problem.code ?? "";
    this.position = problem.position;
    const seconds = Number(response.headers.get("retry-after"));
    this.retryAfter = seconds > 0 ? seconds * 1000 : undefined;
  }
}

/** There is no answer, or none of a dsmq server: the message says which. (What `fetch` says differs from browser to browser.) */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/**
 * Asks the server. Each call rejects with an {@linkcode HttpError} if it is refused, with a {@linkcode NoAnswerError}, or with
 * the reason of its signal.
 */
export class ServerApi {
  readonly #base: string;
  /** Sent with each request. */
  token: string | undefined;

  /** Asks the server at an address, which ends with a slash. */
  constructor(base: string) {
    this.#base = base;
  }

  /** What the server is, how it does, and what the token permits. */
  async status(signal: AbortSignal): Promise<ServerStatus> {
    const status = await this.#get<ServerStatus>("status", signal);
    requireAnswer(typeof status?.epoch === "string" && typeof status.permissions === "object");
    return status;
  }

  /** A page of the messages of a topic. */
  async messages(topic: string, query: PageQuery, signal: AbortSignal): Promise<MessagePage> {
    const { after, count } = query;
    const parameters = new URLSearchParams({ topic, after, count: `${count}` });
    const page = await this.#get<MessagePage>(`topics?${parameters}`, signal);
    requireAnswer(Array.isArray(page?.messages) && typeof page.next === "string");
    return page;
  }

  /** One message in full; `undefined` if it is gone. */
  async message(
    topic: string,
    { seq, time, position }: Pick<PageMessage, "seq" | "time" | "position">,
    signal: AbortSignal,
  ): Promise<PageMessage | undefined> {
    // In its own history: in another one the number is another message's.
    const query = { after: positionAt(position, seq - 1), count: 1 };
    try {
      const [found] = (await this.messages(topic, query, signal)).messages;
      // The server may have lost the end of that history. (It names its present one in all positions.)
      return found?.seq === seq && found.time === time ? found : undefined;
    } catch (error) {
      if (error instanceof HttpError && error.status === 410) return undefined;
      throw error;
    }
  }

  /** What there is of one topic; `undefined` if it holds no messages. */
  async topic(topic: string, signal: AbortSignal): Promise<TopicInfo | undefined> {
    // Of all that begin with its name it is the first.
    const parameters = new URLSearchParams({ prefix: topic, count: "1" });
    const { topics } = await this.#get<{ topics: TopicInfo[] }>(`topics?${parameters}`, signal);
    requireAnswer(Array.isArray(topics));
    return topics[0]?.topic === topic ? topics[0] : undefined;
  }

  /** Which version of this page the server has; `undefined` if it cannot be asked. */
  async build(): Promise<string | undefined> {
    const init = { method: "HEAD", headers: { accept: "text/html" }, cache: "no-store" } as const;
    const response = await fetch(this.#base, init).catch(() => undefined);
    return /[0-9a-f]{16}/.exec(response?.headers.get("etag") ?? "")?.[0];
  }

  async #get<T>(path: string, signal: AbortSignal): Promise<T> {
    const headers = new Headers({ accept: "application/json" });
    if (this.token !== undefined) headers.set("authorization", `Bearer ${this.token}`);
    // A connection that is dead without a sign is given up. (`AbortSignal.any` is younger than the browsers of the client.)
    const given = new AbortController();
    const abort = () => given.abort(signal.reason);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    const timer = setTimeout(
      () => given.abort(new NoAnswerError("The server takes too long to answer.")),
      TIMEOUT,
    );
    try {
      const init = { headers, signal: given.signal, cache: "no-store" } as const;
      const response = await fetch(`${this.#base}${path}`, init);
      if (response.ok) return await response.json();
      throw new HttpError(response, await response.json().catch(() => ({})));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof HttpError || error instanceof NoAnswerError) throw error;
      if (error instanceof SyntaxError) throw notDsmq();
      throw new NoAnswerError("The server does not answer.", { cause: error });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }
}

/** The position of another number in the same history. */
export function positionAt(position: string, seq: number): string {
  const parsed = parsePosition(position);
  return typeof parsed === "object" ? `${parsed.epoch}:${seq}` : `${seq}`;
}

/** Another program may answer at the address, or a proxy. */
function requireAnswer(isOne: boolean): void {
  if (!isOne) throw notDsmq();
}

function notDsmq(): NoAnswerError {
  return new NoAnswerError("What answers there is no dsmq server.");
}
