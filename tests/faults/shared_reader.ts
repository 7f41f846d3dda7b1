/**
 * Clients of a shared queue that read all of a topic, and write down what they got and what they were told.
 *
 * @module
 */

import { type Connection, DsmqError } from "../../mod.ts";
import type { Stored } from "./one_history.ts";

/** What a client was told instead of messages. */
export interface Told {
  /** The code of the error. */
  readonly code: string;
  /** How many messages it had got. */
  readonly after: number;
}

/** A client that reads from the start. Its connection belongs to the caller. */
export class SharedReader {
  /** For people. */
  readonly name: string;
  readonly got: Stored[] = [];
  readonly told: Told[] = [];
  /** Resolves once the signal has ended it. */
  readonly ended: Promise<void>;

  private constructor(name: string, read: (reader: SharedReader) => Promise<void>) {
    this.name = name;
    this.ended = read(this);
  }

  /** One that subscribes. */
  static stream(name: string, mq: Connection, topic: string, signal: AbortSignal): SharedReader {
    return new SharedReader(name, async (reader) => {
      const onGap = (error: DsmqError) => {
        reader.#tell(error);
        return "oldest" as const;
      };
      try {
        for await (const { seq, body } of mq.subscribe(topic, { since: "start", signal, onGap })) {
          reader.got.push({ seq, body });
        }
      } catch (error) {
        if (!signal.aborted) reader.#tell(error);
      }
    });
  }

  /** One that reads message by message; its connection begins at the start. */
  static reads(name: string, mq: Connection, topic: string, signal: AbortSignal): SharedReader {
    return new SharedReader(name, async (reader) => {
      while (!signal.aborted) {
        try {
          const message = await mq.read(topic, { wait: 1000, signal });
          if (message) reader.got.push({ seq: message.seq, body: message.body });
        } catch (error) {
          if (signal.aborted) return;
          reader.#tell(error);
          // The connection is closed for good.
          if (codeOf(error) === "closed") return;
        }
      }
    });
  }

  #tell(error: unknown): void {
    const code = codeOf(error);
    // A read may be refused while the log is away; it has taken nothing.
    if (code !== "unavailable" && code !== "behind") {
      this.told.push({ code, after: this.got.length });
    }
  }
}

/** The code of an error; of one that has none, what it is. */
export function codeOf(error: unknown): string {
  return error instanceof DsmqError ? error.code : String(error);
}
