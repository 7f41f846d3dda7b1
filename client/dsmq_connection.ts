/**
 * A connection: turns the caller's calls into requests.
 *
 * @module
 */

import type { ConnectionInfo } from "../protocol/connection_info.ts";
import type { Durability } from "../protocol/encode_replies.ts";
import type { TopicInfo } from "../protocol/topic_info.ts";
import type { Limits } from "../protocol/client_limits.ts";
import { DEFAULT_WAIT } from "../protocol/limits.ts";
import type { Backup, PurgeOptions } from "./administration.ts";
import type { Connection, PendingPuts } from "./api.ts";
import { AdminRequests } from "./admin_requests.ts";
import { ClientSubscription } from "./client_subscription.ts";
import { GroupCalls } from "./groups/group_calls.ts";
import type { Message, MessageInit, Prefix, PutOptions } from "./messages.ts";
import { askServer } from "./pending_request.ts";
import { checkBody, copyPutList, encodePutOptions, requireList } from "./put_options.ts";
import { type PutList, PutRequests } from "./put_requests.ts";
import { requireReadOptions, SUBSCRIBE_OPTIONS } from "./read_options.ts";
import { GET, READ, ReadRequests } from "./read_requests.ts";
import type { ReadOptions, SubscribeOptions, WaitOptions } from "./reading.ts";
import type { ReconnectingClient } from "./reconnecting_client.ts";
import {
  describeOption,
  rejectOptions,
  requireGapHandler,
  requireOptions,
  requireSignal,
  requireTimeout,
  wrongOption,
} from "./require_options.ts";
import { toWireSince } from "./since.ts";
import type { CloseInfo, ConnectionStatus, StatusChange } from "./status_tracker.ts";
import { fetchTopics } from "./topic_list.ts";
import { type TopicName, TopicNames } from "./topic_names.ts";
import { JSON_CODEC, type JsonValue } from "./values/json_value.ts";
import { SchemaCodec } from "./values/schema_codec.ts";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./values/standard_schema.ts";
import type { TypedTopic } from "./values/typed_api.ts";
import { ValueTopic } from "./values/typed_topic.ts";
import { Validations } from "./values/validations.ts";

const WAIT_OPTIONS = ["timeout", "signal"] as const satisfies (keyof WaitOptions)[];

/** A connection over a client that reconnects. */
export class DsmqConnection extends GroupCalls implements Connection {
  readonly #client: ReconnectingClient;
  readonly #puts: PutRequests;
  readonly #reads: ReadRequests;
  readonly #topics: TopicNames;
  readonly #admin: AdminRequests;
  readonly #validations: Validations;

  /**
   * Makes a connection.
   *
   * @param client an open client
   */
  constructor(client: ReconnectingClient) {
    const topics = new TopicNames(() => client.requests.limits.topicBytes);
    super(client, topics);
    this.#client = client;
    this.#topics = topics;
    this.#puts = new PutRequests(client.requests, client.hasSession);
    this.#reads = new ReadRequests(client);
    this.#validations = new Validations(client.requests, client.deadlines);
    client.onEnd = (failure) => {
      this.#reads.finish(failure);
      this.#validations.end(failure);
    };
    this.#admin = new AdminRequests(client);
  }

  get url(): string {
    return this.#client.url;
  }

  get durability(): Durability {
    return this.#client.welcome.durability;
  }

  get maxMessageBytes(): number {
    return this.#limits.messageBytes;
  }

  get pending(): PendingPuts {
    return this.#puts.pending;
  }

  get status(): ConnectionStatus {
    return this.#client.statusTracker.current;
  }

  statusChanges(): AsyncIterableIterator<StatusChange, undefined> {
    return this.#client.statusTracker.changes();
  }

  get closed(): Promise<CloseInfo> {
    return this.#client.closed;
  }

  get #limits(): Limits {
    return this.#client.requests.limits;
  }

  put(topic: string, body: string, options?: PutOptions): Promise<number> {
    try {
      const attributes = options === undefined ? undefined : encodePutOptions(options);
      const topicName = this.#topics.resolve("put", topic);
      const checked = checkBody(topic, body, attributes, this.#limits);
      return this.#puts.put(topicName, checked, attributes);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async putMany(
    topic: string,
    messages: readonly (string | MessageInit)[],
    extra?: unknown,
  ): Promise<number[]> {
    rejectOptions("put messages", "putMany", extra, "the options of each message in the list");
    const topicName = this.#topics.resolve("put", topic);
    requireList(messages);
    // All are checked before the first is sent, and copied, so that the caller may change the list.
    return await this.#putList(topicName, copyPutList(topic, messages, this.#limits));
  }

  async #putList(topic: TopicName, list: PutList): Promise<number[]> {
    this.#client.requests.acceptance.require({ verb: "put", topic: topic.name });
    return await this.#puts.putMany(topic, list);
  }

  get(topic: string, extra?: unknown): Promise<string> {
    try {
      rejectOptions("get", "get", extra);
      return this.#reads.readOldest(this.#topics.resolve("get", topic), GET);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  getLatest(topic: string, extra?: unknown): Promise<string> {
    try {
      rejectOptions("get", "getLatest", extra);
      return this.#reads.readNewest(this.#topics.resolve("get", topic), GET);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  getWait(topic: string, options: WaitOptions = {}): Promise<string> {
    try {
      requireOptions("get", options, WAIT_OPTIONS);
      const topicName = this.#topics.resolve("get", topic);
      const { timeout = DEFAULT_WAIT, signal } = options;
      requireTimeout("get", timeout);
      requireSignal("get", signal);
      signal?.throwIfAborted();
      const limits = { timeout: Math.ceil(timeout), signal };
      return this.#reads.waitForOldest(topicName, GET, limits);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async read(topic: string, options?: ReadOptions): Promise<Message | undefined> {
    return await this.#read(this.#topics.resolve("read", topic), options);
  }

  #read(topic: TopicName, options: ReadOptions = {}): Promise<Message | undefined> {
    requireReadOptions(options);
    const { wait, latest, signal } = options;
    signal?.throwIfAborted();
    const reads = this.#reads;
    if (wait !== undefined) {
      const limits = { timeout: Math.ceil(wait), signal };
      return latest
        ? reads.waitForNewest(topic, READ, limits)
        : reads.waitForOldest(topic, READ, limits);
    }
    if (!latest) return reads.readOldest(topic, READ, signal);
    return reads.readNewest(topic, READ, signal && { timeout: Infinity, signal });
  }

  subscribe(from: string | Prefix, options: SubscribeOptions = {}): ClientSubscription {
    const source = this.#topics.resolveSource("subscribe", from);
    requireOptions("subscribe", options, SUBSCRIBE_OPTIONS);
    const { since, onGap, signal } = options;
    requireGapHandler(onGap);
    requireSignal("subscribe", signal);
    signal?.throwIfAborted();
    const { topic } = source;
    this.#client.requests.requireRoom("subscribe", topic);
    const fromCursor = since === undefined && topic !== undefined && !this.#client.requests.ended;
    return new ClientSubscription(this.#client, {
      source,
      since: this.#client.storeClock.toFixed(toWireSince("subscribe", since)),
      queue: fromCursor ? this.#reads.queueOf(topic) : undefined,
      onGap,
      signal,
    });
  }

  topic(name: string): TypedTopic<JsonValue>;
  topic<Schema extends StandardSchema>(
    name: string,
    schema: Schema,
  ): TypedTopic<SchemaInput<Schema>, SchemaOutput<Schema>>;
  topic(
    name: string,
    ...rest: [schema?: StandardSchema, extra?: unknown]
  ): unknown {
    const topic = this.#topics.resolve("use topic", name);
    const [schema, extra] = rest;
    if (extra !== undefined) {
      throw new TypeError(
        `Cannot use topic: topic takes a name and a schema, got ${describeOption(extra)} besides`,
      );
    }
    const codec = rest.length === 0 ? JSON_CODEC : new SchemaCodec(schema!);
    return new ValueTopic(name, codec, {
      requireRoom: () => this.#client.requests.requireRoom("put", name),
      requireFit: (text, attributes, index) =>
        checkBody(name, text, attributes, this.#limits, index),
      put: (text, attributes) =>
        this.#puts.putAdmitted(topic, checkBody(name, text, attributes, this.#limits), attributes),
      putMany: (list) => {
        const { bodies, attributes } = list;
        bodies.forEach((text, i) => checkBody(name, text, attributes?.[i], this.#limits, i));
        return this.#putList(topic, list);
      },
      read: (options) => this.#read(topic, options),
      subscribe: (options) => this.subscribe(name, options),
      work: (handler, options) => this.work(name, handler, options),
    }, this.#validations);
  }

  async topics(prefix = "", extra?: unknown): Promise<TopicInfo[]> {
    rejectOptions("list topics", "topics", extra, "a prefix alone");
    if (typeof prefix !== "string") {
      throw wrongOption("list topics", "prefix", "a string", prefix);
    }
    if (!prefix.isWellFormed()) {
      throw new RangeError("Cannot list topics: prefix must have no lone surrogates");
    }
    this.#client.requests.requireRoom("list topics");
    return await fetchTopics(
      prefix,
      (fields, add) => askServer(this.#client.requests, "topics", fields, "topics", add),
    );
  }

  async shutdownServer(extra?: unknown): Promise<void> {
    rejectOptions("shut down", "shutdownServer", extra);
    await askServer(this.#client.requests, "shutdown", "", "done", () => {});
  }

  async connections(extra?: unknown): Promise<ConnectionInfo[]> {
    rejectOptions("list connections", "connections", extra);
    return await this.#admin.connections();
  }

  async disconnect(id: string, extra?: unknown): Promise<void> {
    rejectOptions("disconnect", "disconnect", extra);
    await this.#admin.disconnect(id);
  }

  async purge(topic: string, options: PurgeOptions = {}, extra?: unknown): Promise<number> {
    rejectOptions("purge", "purge", extra, "a topic and options");
    return await this.#admin.purge(this.#topics.resolveStored("purge", topic), options);
  }

  async backup(extra?: unknown): Promise<Backup> {
    rejectOptions("back up", "backup", extra);
    return await this.#admin.backup();
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
