/**
 * The calls of an administrator.
 *
 * @module
 */

import type { BackupInfo } from "../protocol/backup_info.ts";
import type { ConnectionInfo } from "../protocol/connection_info.ts";
import { DsmqError } from "../protocol/errors.ts";
import { CONNECTIONS_PAGE } from "../protocol/limits.ts";
import type { ResultReply } from "../protocol/replies.ts";
import { parsePosition, POSITION_FORM } from "../protocol/position.ts";
import { isOptions } from "../protocol/option_kinds.ts";
import { formatValue, quoted } from "../protocol/text.ts";
import type { Backup, PurgeOptions } from "./administration.ts";
import { PagedBackup } from "./backup.ts";
import { jsonFields, protocolError, SimpleRequest } from "./pending_request.ts";
import { describeOption, requireOptions, wrongNumber } from "./require_options.ts";
import type { ReconnectingClient } from "./reconnecting_client.ts";
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

const BEFORE_FORMS = `${POSITION_FORM}, a sequence number, a Date or { ago }`;

/** Which messages a purge removes, as it goes over the wire. */
function toWireBefore(before: unknown): object {
  if (before instanceof Date) {
    const time = before.getTime();
    if (!Number.isNaN(time)) return { time: Math.max(0, time) };
    throw new RangeError("Cannot purge: before must be a valid Date, got an invalid one");
  }
  if (typeof before === "string" && before.includes(":")) {
    const parsed = parsePosition(before);
    if (typeof parsed === "object") return parsed;
    throw new RangeError(`Cannot purge: before must be ${parsed}, got ${quoted(before)}`);
  }
  if (isOptions(before, ["ago"])) {
    requireOptions("purge", before, ["ago"], "before.");
    if ("ago" in before) return { ago: requireAgo(before.ago) };
  }
  if (isCount(before)) return { seq: before };
  // A variable that was never set must not erase everything.
  const hint = before === undefined ? "; leave it out to purge the whole topic" : "";
  const ErrorClass = typeof before === "number" || typeof before === "string"
    ? RangeError
    : TypeError;
  throw new ErrorClass(
    `Cannot purge: before must be ${BEFORE_FORMS}, got ${describeOption(before)}${hint}`,
  );
}

function requireAgo(ago: unknown): number {
  if (isCount(ago)) return ago;
  throw wrongNumber("purge", "before.ago", "whole milliseconds from 0", ago);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
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
    let count = CONNECTIONS_PAGE;
    for (let more = true; more;) {
      const fields = jsonFields({ after: all.at(-1)?.id ?? "", count });
      try {
        more = await this.#request("connections", fields, "connections", (page) => {
          if (page.connections.length > count) throw protocolError("list connections");
          all.push(...page.connections);
          if (all.length > MAX_CONNECTIONS) throw protocolError("list connections");
          return page.more;
        });
      } catch (error) {
        if (count === 1 || !(error instanceof DsmqError && error.code === "refused")) throw error;
        // A smaller page may pass.
        count = Math.ceil(count / 32);
      }
    }
    return all;
  }

  /** Closes a connection. */
  async disconnect(id: string): Promise<void> {
    if (typeof id !== "string") {
      throw new TypeError(
        `Cannot disconnect: id must be a string, as connections() lists it, got ${formatValue(id)}`,
      );
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
    this.#client.requests.requireRoom("back up");
    const { requests } = this.#client;
    const info = await new Promise<BackupInfo>((resolve) => {
      requests.send(new SimpleRequest("backup", "", "backup", ({ info }) => info, resolve));
    });
    const { last, epoch } = info;
    return new PagedBackup(info, (after) => {
      const fields = jsonFields({ after, last, epoch });
      return this.#request("backup", fields, "backup_page", (page) => page);
    }, (topicsAfter) => {
      const fields = jsonFields({ topicsAfter, last, epoch });
      return this.#request("backup", fields, "backup_gone", (page) => page);
    });
  }

  /** Makes a request, and turns its reply into the result; what `make` throws rejects. */
  #request<Kind extends ResultReply["kind"], T>(
    action: string,
    fields: string,
    kind: Kind,
    map: (reply: Extract<ResultReply, { readonly kind: Kind }>) => T,
  ): Promise<T> {
    return new Promise((resolve) => {
      this.#client.requests.send(new SimpleRequest(action, fields, kind, map, resolve));
    });
  }
}
