/**
 * The calls of an administrator.
 *
 * @module
 */

import type { ConnectionInfo } from "../protocol/connection_info.ts";
import { DsmqError } from "../protocol/errors.ts";
import { CONNECTIONS_PAGE } from "../protocol/limits.ts";
import { POSITION_FORM } from "../protocol/position.ts";
import type { Backup, PurgeOptions } from "./administration.ts";
import { PagedBackup } from "./backup.ts";
import { listPages } from "./list_pages.ts";
import { askServer, jsonFields, protocolError, SimpleRequest } from "./pending_request.ts";
import { requireOptions, wrongOption } from "./require_options.ts";
import type { ReconnectingClient } from "./reconnecting_client.ts";
import { toPlace } from "./since.ts";
import type { TopicName } from "./topic_names.ts";

/** So many connections are listed at most. */
const MAX_CONNECTIONS = 1_000_000;

/** Closes a connection. If the own one breaks before the answer, it is sent again. */
class DisconnectRequest extends SimpleRequest<void, "done"> {
  #isRepeated = false;

  constructor(connection: string, resolve: (value: void | PromiseLike<void>) => void) {
    super("disconnect", jsonFields({ connection }), "done", () => {}, resolve);
  }

  override onReconnect(): boolean {
    this.#isRepeated = this.isSent;
    return true;
  }

  override onErrorReply(error: DsmqError, through: number | undefined): void {
    // The first one closed it, or it went with its server: it is gone, as was asked for.
    if (this.#isRepeated && error.code === "not_found") this.onReply({ kind: "done", id: this.id });
    else super.onErrorReply(error, through);
  }
}

/** Purges a topic. It is not sent again: messages that came meanwhile must stay. */
class PurgeRequest extends SimpleRequest<number, "purged"> {
  override readonly topic: string;

  constructor(
    topic: string,
    fields: string,
    resolve: (value: number | PromiseLike<number>) => void,
  ) {
    super("purge", fields, "purged", ({ purged }) => purged, resolve);
    this.topic = topic;
  }

  override onReconnect(): boolean {
    if (!this.isSent) return true;
    const message = "Cannot tell what was purged: the connection broke before the answer";
    this.onError(new DsmqError("unknown_outcome", message, { topic: this.topic }));
    return false;
  }
}

/** Which messages a purge removes, as it goes over the wire. */
function toWireBefore(before: unknown): object {
  const forms = `${POSITION_FORM}, a sequence number, a Date or { ago }`;
  // A variable that was never set must not erase everything.
  const hint = before === undefined ? "; leave it out to purge the whole topic" : "";
  return toPlace("purge", "before", before, forms, hint);
}

/** Makes the requests of an administrator. */
export class AdminRequests {
  readonly #client: Pick<ReconnectingClient, "requests">;

  /**
   * Makes none yet.
   *
   * @param client an open client
   */
  constructor(client: Pick<ReconnectingClient, "requests">) {
    this.#client = client;
  }

  /** Lists the connections of the server. */
  async connections(): Promise<ConnectionInfo[]> {
    this.#client.requests.requireRoom("list connections");
    const all: ConnectionInfo[] = [];
    const pages = listPages(CONNECTIONS_PAGE, (count) => {
      const fields = jsonFields({ after: all.at(-1)?.id ?? "", count });
      return askServer(this.#client.requests, "connections", fields, "connections", (page) => {
        if (page.connections.length > count) throw protocolError("list connections");
        all.push(...page.connections);
        if (all.length > MAX_CONNECTIONS) throw protocolError("list connections");
        return page;
      });
    });
    for await (const _ of pages);
    return all;
  }

  /** Closes a connection. */
  async disconnect(id: string): Promise<void> {
    if (typeof id !== "string") {
      throw wrongOption("disconnect", "id", "a string, as connections() lists it", id);
    }
    this.#client.requests.requireRoom("disconnect");
    await new Promise<void>((resolve) => {
      this.#client.requests.send(new DisconnectRequest(id, resolve));
    });
  }

  /** Removes messages of a topic. */
  async purge({ name, jsonField }: TopicName, options: PurgeOptions): Promise<number> {
    requireOptions("purge", options, ["before"]);
    const fields = "before" in options
      ? `${jsonField},${jsonFields({ before: toWireBefore(options.before) })}`
      : jsonField;
    this.#client.requests.requireRoom("purge", name);
    return await new Promise((resolve) => {
      this.#client.requests.send(new PurgeRequest(name, fields, resolve));
    });
  }

  /** Begins a backup. */
  async backup(): Promise<Backup> {
    const { requests } = this.#client;
    requests.requireRoom("back up");
    const info = await askServer(requests, "backup", "", "backup", ({ info }) => info);
    const { last, epoch } = info;
    return new PagedBackup(info, (after) => {
      const fields = jsonFields({ after, last, epoch });
      return askServer(requests, "backup", fields, "backup_page", (page) => page);
    }, (topicsAfter) => {
      const fields = jsonFields({ topicsAfter, last, epoch });
      return askServer(requests, "backup", fields, "backup_gone", (page) => page);
    });
  }
}
