/**
 * A backup of a stream of NATS, as `nats stream backup` makes one and `nats stream restore` brings it back.
 *
 * @module
 */

import type { NatsOperator } from "./nats_logs.ts";

/** The size of its parts, in bytes. */
const CHUNK = 128 * 1024;

/** What JetStream answers. */
interface ApiAnswer {
  readonly error?: { readonly description: string };
}

/** A stream as it was. */
export class NatsBackup {
  readonly #stream: string;
  /** Its settings and its state. */
  readonly #head: Readonly<Record<"config" | "state", unknown>>;
  readonly #chunks: readonly Uint8Array[];

  private constructor(
    stream: string,
    head: Readonly<Record<"config" | "state", unknown>>,
    chunks: readonly Uint8Array[],
  ) {
    this.#stream = stream;
    this.#head = head;
    this.#chunks = chunks;
  }

  /** Makes one of a stream. */
  static async make({ client }: NatsOperator, stream: string): Promise<NatsBackup> {
    const chunks: Uint8Array[] = [];
    const end = Promise.withResolvers<void>();
    const inbox = `_INBOX.${crypto.randomUUID()}`;
    const subscription = client.subscribe(inbox, {
      callback(error, message) {
        if (error) return end.reject(error);
        if (message.data.length === 0) return end.resolve();
        chunks.push(message.data.slice());
        message.respond();
      },
    });
    const request = { deliver_subject: inbox, no_consumers: true, chunk_size: CHUNK };
    const answer = await client.request(
      `$JS.API.STREAM.SNAPSHOT.${stream}`,
      JSON.stringify(request),
    );
    const { config, state } = checked(
      answer.json<ApiAnswer & Record<"config" | "state", unknown>>(),
    );
    await end.promise;
    subscription.unsubscribe();
    return new NatsBackup(stream, { config, state }, chunks);
  }

  /** Brings the stream back as it was; it must not be there. */
  async restore({ client }: NatsOperator): Promise<void> {
    const answer = await client.request(
      `$JS.API.STREAM.RESTORE.${this.#stream}`,
      JSON.stringify(this.#head),
    );
    const { deliver_subject: subject } = checked(
      answer.json<ApiAnswer & { readonly deliver_subject: string }>(),
    );
    for (const chunk of this.#chunks) await client.request(subject, chunk);
    checked((await client.request(subject)).json<ApiAnswer>());
  }
}

function checked<Answer extends ApiAnswer>(answer: Answer): Answer {
  if (answer.error) throw new Error(answer.error.description);
  return answer;
}
