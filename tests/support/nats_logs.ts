/**
 * Logs in NATS, and what an operator does to their streams, for tests.
 *
 * @module
 */

import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import { assertEquals, assertRejects } from "@std/assert";
import { parseNatsAddress } from "../../stores/replicated/nats/nats_address.ts";
import { openNatsLog } from "../../stores/replicated/nats/nats_log.ts";
import { LogError, type LogFaultCode, type RecordLog } from "../../stores/replicated/record_log.ts";

/** Opens the log at an address. */
export function openAt(text: string, waitMs = 5000, signal?: AbortSignal): Promise<RecordLog> {
  return openNatsLog({ address: parseNatsAddress(text), waitMs, ...(signal && { signal }) });
}

/** The log at an address does not open; returns why. */
export async function assertRefused(
  text: string,
  code: LogFaultCode,
  waitMs?: number,
): Promise<string> {
  const error = await assertRejects(async () => {
    await using _ = await openAt(text, waitMs);
  }, LogError);
  assertEquals(error.code, code, error.message);
  return error.message;
}

/** An operator with the usual tools. */
export class NatsOperator implements AsyncDisposable {
  /** Makes, changes and deletes streams. */
  readonly manager: JetStreamManager;
  /** The connection. */
  readonly client: NatsConnection;

  private constructor(client: NatsConnection, manager: JetStreamManager) {
    this.client = client;
    this.manager = manager;
  }

  /** Connects to a server. */
  static async connect(
    servers: string,
    options: Partial<ConnectionOptions> = {},
  ): Promise<NatsOperator> {
    const client = await connect({ servers: servers.split(","), ...options });
    try {
      return new NatsOperator(client, await jetstreamManager(client));
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** The names of the consumers of a stream. */
  async consumers(stream: string): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const { name } of this.manager.consumers.list(stream)) names.push(name);
    return names;
  }

  /** Has the leader of a stream leave that to another of its servers. */
  async stepDown(stream: string): Promise<void> {
    const answer = await this.client.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`);
    const { success } = answer.json<{ readonly success?: boolean }>();
    if (!success) throw new Error("the leader does not step down");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}
