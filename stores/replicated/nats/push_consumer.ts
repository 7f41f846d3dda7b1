/**
 * Messages of a stream in order, from a consumer of our own that ends at every doubt.
 *
 * The library's ordered consumer makes itself anew when something is wrong, also after its stream was lost and made anew, and goes on
 * in silence. This one has no acknowledgements, lives in the memory of one server, and is deleted when it ends.
 *
 * @module
 */

import { LogError } from "../record_log.ts";
import type { NatsConnection } from "./nats_connection.ts";
import { permissionError, unavailable } from "./nats_errors.ts";
import type { NatsMessage, NatsPackages, NatsSubscription } from "./nats_packages.ts";

/** A message as it was delivered. */
export interface Delivered {
  /** Its number in the stream. */
  readonly position: number;
  /** When the stream took it, in milliseconds since 1970. */
  readonly time: number;
  readonly record: Uint8Array;
}

/** What to deliver. */
export interface ConsumerOptions {
  /** The name of the stream. */
  readonly stream: string;
  /** The number of the first message. */
  readonly from: number;
  /** Only messages of this subject; then numbers have gaps. Default: all */
  readonly filter?: string;
  /** What cannot be done if it fails, such as "read the log". */
  readonly action: string;
}

/** How often the server says that it has nothing, and how often this looks, in milliseconds. */
const HEARTBEAT = 1000;

/** After how many looks without a sign of the server it is given up. */
const MAX_QUIET = 4;

/** How long the server keeps the consumer when nobody listens, in milliseconds. */
const INACTIVE_THRESHOLD = 5000;

const NANOSECONDS = 1_000_000;

/** The beginning of the reply subject of each stored message. */
const STORED = "$JS.ACK.";

interface ConsumerInfo {
  readonly num_pending: number;
}

/** Delivers messages. */
export class PushConsumer implements Disposable {
  /** Is called each second until it ends. */
  onTick: () => void = () => {};
  readonly #connection: NatsConnection;
  readonly #options: ConsumerOptions;
  readonly #name: string;
  readonly #stopListening: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #subscription: NatsSubscription;
  /** Messages, and between them what to answer when one has got that far: the server sends about 32 MiB without an answer. */
  #queue: (Delivered | string)[] = [];
  #arrived = Promise.withResolvers<void>();
  #error: LogError | undefined;
  #hasEnded = false;
  #delivered = 0;
  #unanswered = 0;
  #next: number;
  #quiet = 0;

  private constructor(
    connection: NatsConnection,
    inbox: string,
    options: ConsumerOptions,
  ) {
    this.#connection = connection;
    this.#options = options;
    this.#next = options.from;
    this.#name = `dsmq-${inbox.slice(inbox.lastIndexOf(".") + 1)}`;
    this.#stopListening = connection.onBreak((error) => this.fail(error));
    this.#timer = setInterval(() => this.#tick(), HEARTBEAT);
    this.#subscription = connection.client.subscribe(inbox, {
      callback: (error, message) => {
        if (error) this.fail(permissionError(options.action, error));
        else this.#onMessage(message);
      },
    });
  }

  /**
   * Begins to deliver.
   *
   * @returns the consumer, and how many messages there are for it now
   * @throws {LogError} if that is not possible now
   */
  static async open(
    connection: NatsConnection,
    nats: Pick<NatsPackages, "createInbox">,
    options: ConsumerOptions,
  ): Promise<{ readonly consumer: PushConsumer; readonly pending: number }> {
    const inbox = nats.createInbox();
    const consumer = new PushConsumer(connection, inbox, options);
    try {
      return { consumer, pending: await consumer.#create(inbox) };
    } catch (error) {
      consumer[Symbol.dispose]();
      throw error;
    }
  }

  /** The number of the message that comes next. */
  get next(): number {
    return this.#next;
  }

  /** Whether all that has arrived was taken. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Ends it with an error, once what has arrived was taken. */
  fail(error: LogError): void {
    this.#error ??= error;
    this.#arrived.resolve();
  }

  /**
   * Waits for messages. Each of the batch is given to {@linkcode accept} when its turn comes.
   *
   * @returns what has arrived since the last call, in order; `undefined`, once it is disposed of
   * @throws what was given to {@linkcode fail}
   */
  async nextBatch(): Promise<readonly (Delivered | string)[] | undefined> {
    while (this.#queue.length === 0 && !this.#hasEnded) {
      if (this.#error) throw this.#error;
      await this.#arrived.promise;
      this.#arrived = Promise.withResolvers();
    }
    if (this.#hasEnded) return undefined;
    const queue = this.#queue;
    this.#queue = [];
    return queue;
  }

  /** Answers the server, if that is what an item is for: it has more, up to here all was taken. */
  accept(item: Delivered | string): item is Delivered {
    if (typeof item !== "string") return !this.#hasEnded;
    this.#unanswered--;
    // Without a connection it would be sent to the next server.
    if (this.#connection.isConnected) this.#connection.client.publish(item);
    return false;
  }

  /** Ends it at once, and deletes it on the server. */
  [Symbol.dispose](): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#queue = [];
    this.#arrived.resolve();
    clearInterval(this.#timer);
    this.#stopListening();
    const { client, isConnected } = this.#connection;
    if (client.isClosed()) return;
    this.#subscription.unsubscribe();
    // Nobody waits for it: a consumer without a listener goes by itself a little later.
    const { stream, action } = this.#options;
    if (isConnected) {
      this.#connection.ask(action, `CONSUMER.DELETE.${stream}.${this.#name}`).catch(() => {});
    }
  }

  async #create(inbox: string): Promise<number> {
    const { action, stream, from, filter } = this.#options;
    const config = {
      name: this.#name,
      deliver_subject: inbox,
      deliver_policy: "by_start_sequence",
      opt_start_seq: from,
      ...(filter !== undefined && { filter_subject: filter }),
      ack_policy: "none",
      replay_policy: "instant",
      flow_control: true,
      idle_heartbeat: HEARTBEAT * NANOSECONDS,
      inactive_threshold: INACTIVE_THRESHOLD * NANOSECONDS,
      mem_storage: true,
      num_replicas: 1,
    };
    const end = filter === undefined ? "" : `.${filter}`;
    const { num_pending } = await this.#connection.request<ConsumerInfo>(
      action,
      `CONSUMER.CREATE.${stream}.${this.#name}${end}`,
      { stream_name: stream, config, action: "create" },
    );
    return num_pending;
  }

  #onMessage(message: NatsMessage): void {
    if (this.#hasEnded || this.#error) return;
    this.#quiet = 0;
    const { reply = "" } = message;
    if (reply.startsWith(STORED)) return this.#onStored(reply.split("."), message.data);
    if (reply !== "") {
      this.#unanswered++;
      return this.#enqueue(reply);
    }
    const { headers } = message;
    const last = Number(headers?.get("Nats-Last-Consumer"));
    if (headers?.code !== 100 || last !== this.#delivered) {
      return this.fail(this.#doubt("messages were lost on their way"));
    }
    // The server waits for an answer that was lost, if this is not just slow.
    const stalled = headers.get("Nats-Consumer-Stalled");
    if (stalled && this.#unanswered === 0) this.#connection.client.publish(stalled);
  }

  /** `$JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.TIMES.POSITION.DELIVERED.NANOSECONDS.PENDING[.…]` */
  #onStored(tokens: readonly string[], record: Uint8Array): void {
    const at = tokens.length === 9 ? 5 : 7;
    const position = Number(tokens[at]);
    if (Number(tokens[at + 1]) !== ++this.#delivered) {
      return this.fail(this.#doubt("messages were lost on their way"));
    }
    if (this.#options.filter === undefined && position !== this.#next) {
      try {
        this.#checkPosition(position);
      } catch (error) {
        return this.fail(error as LogError);
      }
    }
    this.#next = position + 1;
    this.#enqueue({ position, time: Number(tokens[at + 2]!.slice(0, -6)), record });
  }

  /** The consumer itself has lost nothing. */
  #checkPosition(position: number): void {
    if (position > this.#next) {
      const gone = `${this.#next} to ${position - 1}`;
      throw new LogError("trimmed", `Cannot ${this.#options.action}: ${gone} were removed`);
    }
    // A copy that is behind, or another stream of this name.
    if (position < this.#next) throw this.#doubt(`${position} comes where ${this.#next} should be`);
  }

  #enqueue(item: Delivered | string): void {
    this.#queue.push(item);
    if (this.#queue.length === 1) this.#arrived.resolve();
  }

  #tick(): void {
    // A process that did nothing for long has what came meanwhile before it, and ticks once.
    if (++this.#quiet >= MAX_QUIET) {
      return this.fail(
        this.#doubt(`nothing was heard of the stream for ${MAX_QUIET * HEARTBEAT / 1000} s`),
      );
    }
    this.onTick();
  }

  #doubt(reason: string): LogError {
    return unavailable(this.#options.action, reason);
  }
}
