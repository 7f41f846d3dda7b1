/**
 * Reads a response that does not end: as parts of text that end with a certain line end.
 *
 * @module
 */

import { withTimeout } from "./with_timeout.ts";

/** One event of `text/event-stream`, as it was written. */
export interface ReadEvent {
  readonly id?: string;
  readonly event?: string;
  /** Its data, parsed. */
  readonly data?: unknown;
  readonly comment?: boolean;
}

/** A message, a gap, or the end. */
interface Told {
  readonly code?: string;
  readonly body?: string;
  readonly position?: string;
}

/** Reads the parts of a body. */
export class EventReader implements AsyncDisposable {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #separator: string;
  #text = "";

  constructor(response: Response, separator = "\n\n") {
    this.response = response;
    this.#separator = separator;
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Follows an address as `EventSource` does. */
  static async events(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    return new EventReader(
      await fetch(url, { headers: { accept: "text/event-stream", ...headers } }),
    );
  }

  /** Follows an address by lines. */
  static async lines(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const response = await fetch(url, { headers: { accept: "application/x-ndjson", ...headers } });
    return new EventReader(response, "\n");
  }

  /** The next part; `undefined` at the end. */
  async part(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf(this.#separator);
      if (end >= 0) {
        const part = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + this.#separator.length);
        return part;
      }
      const { done, value } = await withTimeout(this.#reader.read());
      if (done) return undefined;
      this.#text += value;
    }
  }

  /** The next event; `undefined` at the end. */
  async event(): Promise<ReadEvent | undefined> {
    const part = await this.part();
    if (part === undefined) return undefined;
    if (part.startsWith(":")) return { comment: true };
    const fields = Object.fromEntries(part.split("\n").map((line) => line.split(/: (.*)/s, 2)));
    return { ...fields, ...(fields.data && { data: JSON.parse(fields.data) }) };
  }

  /** The bodies of the next messages, one after the other. */
  async bodies(count: number): Promise<unknown[]> {
    const found: unknown[] = [];
    while (found.length < count) {
      const event = this.#separator === "\n" ? { data: await this.line() } : await this.event();
      if (!event?.data) continue;
      found.push((event.data as { body?: unknown }).body ?? event.data);
    }
    return found;
  }

  /** The next line, parsed; `undefined` at the end. */
  async line(): Promise<unknown> {
    const part = await this.part();
    return part === undefined || part === "" ? part : JSON.parse(part);
  }

  /** The next of what it tells, in short: the text of a message, or the code of a gap or of the end, and the number it leads to. */
  async told(count: number): Promise<string[]> {
    const told: string[] = [];
    while (told.length < count) {
      const part = this.#separator === "\n" ? { data: await this.line() } : await this.event();
      // Its end, which nobody has announced.
      if (!part || (this.#separator === "\n" && part.data === undefined)) break;
      if (!part.data) continue;
      const { gap, end, ...message } = part.data as Readonly<Record<string, Told | undefined>>;
      const { code, body, position } = gap ?? end ?? (message as Told);
      const number = position === undefined ? "" : ` ${position.split(":")[1]}`;
      told.push(code === undefined ? `${body}` : `${code}${number}`);
    }
    return told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}
