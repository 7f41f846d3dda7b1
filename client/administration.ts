/**
 * What a connection offers to an administrator.
 *
 * @module
 */

import type { BackupInfo, NewestGone, TopicGone } from "../protocol/backup_info.ts";
import type { ConnectionInfo } from "../protocol/connection_info.ts";
import type { Message } from "./messages.ts";

/** Which messages a purge removes. */
export interface PurgeOptions {
  /**
   * Those that were stored before this: the position of a message, a sequence number of the present history, a time, or
   * so many milliseconds ago, both by the server's clock. The message of that position stays. Left out: all messages that are
   * stored when it arrives; `undefined` is refused, since it may be a variable that was never set.
   */
  readonly before?: string | number | Date | { readonly ago: number };
}

/** A message of a backup. */
export interface BackupMessage extends Message {
  /**
   * Whose its `messageId` is: by this a server that opens the copy recognises a put that repeats it. It is made of the token
   * that the message was put with, and does not show that; `""` without a token. Absent without a `messageId`, if an older
   * server does not tell, or in a copy of what such a server told.
   */
  readonly identity?: string;
  /** A client of dsmq 1.x put `None`, and such clients get that back; all others get the text "null". Else absent. */
  readonly isNull?: true;
}

/**
 * A copy of all messages that a server had at one moment, oldest first; read it with `for await`, once. It is read from the
 * server as the loop goes on. What expires or is purged before it is read is not in it.
 */
export interface Backup extends AsyncIterableIterator<BackupMessage, undefined>, AsyncDisposable {
  /** The moment, and what is needed to go on from there. */
  readonly info: BackupInfo;
  /**
   * What is gone by now of each topic that holds messages, in the order of their code points, but with the empty topic of
   * dsmq 1.x at the end; for `for await`. So readers of the copy can be told exactly. Call it once all messages are read: it
   * covers what expired or was purged meanwhile, and what is in the copy of a topic up to its number, or of a topic that is not
   * listed, has to be removed from it.
   */
  gone(): AsyncIterableIterator<TopicGone, undefined>;
  /**
   * What is gone by now of all topics together, also of those that hold no messages any more. Call it last, once
   * {@linkcode Backup.gone} is read: so it covers all that is missing in the copy.
   */
  newestGone(): Promise<NewestGone>;
}

/**
 * What a connection offers to an administrator: its token needs the permission `admin`, for all topics, or to purge, for that
 * topic. A server without access control lets clients on its own machine administer it, if it listens only there.
 *
 * Each of these rejects with a {@linkcode DsmqError} of code `permission_denied` if that is not allowed.
 */
export interface Administration {
  /**
   * Lists the connections of the server, the oldest first.
   *
   * @returns all of them, including this one, whose `own` is `true`
   *
   * @example See who is connected
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * for (const { id, address, permissions } of await mq.connections()) {
   *   console.log(id, address, permissions.join());
   * }
   * ```
   */
  connections(): Promise<ConnectionInfo[]>;

  /**
   * Closes a connection, with close code 4410. A client that reconnects comes back and loses nothing, as long as its token
   * is valid: to keep it away, revoke that.
   *
   * @param id as {@linkcode Administration.connections} lists it; it may be this one
   * @throws {DsmqError} `not_found`, if there is no such connection (any more)
   */
  disconnect(id: string): Promise<void>;

  /**
   * Removes the messages of a topic before they expire. Once it resolves nobody can read them, and their text is erased from
   * memory and file (`docs/reliability.md` says how far). What was delivered before cannot be taken back. Readers that have
   * not read so far get the gap `trimmed`.
   *
   * A purge of very many messages is done in parts, the oldest first. If the connection breaks before the answer, nobody knows
   * whether it was done: purge again.
   *
   * @param topic the topic to purge
   * @param options which messages. Default: all
   * @returns how many were removed
   * @throws {TypeError | RangeError} if the topic or `before` is invalid
   * @throws {DsmqError} `ahead` or `epoch_changed`, if the server has no such position; `unknown_outcome`; `unavailable`, if the
   *   store fails, or another program reads the file so that its log cannot be erased
   *
   * @example Remove what is older than an hour
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * await mq.put("orders", "one");
   * console.log(await mq.purge("orders", { before: { ago: 3_600_000 } })); // 0: it is not that old
   * console.log(await mq.purge("orders")); // 1
   * ```
   */
  purge(topic: string, options?: PurgeOptions): Promise<number>;

  /**
   * Copies all messages as of the present moment, while the server goes on. `dsmq backup` makes a file of them that
   * `dsmq serve` opens.
   *
   * @returns the messages; reading them rejects with `epoch_changed` or `ahead` if the server loses that history meanwhile
   *
   * @example Count what is stored
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * await mq.putMany("t", ["one", "two"]);
   * const bodies: string[] = [];
   * for await (const { body } of await mq.backup()) bodies.push(body);
   * console.log(bodies.join()); // one,two
   * ```
   */
  backup(): Promise<Backup>;
}
