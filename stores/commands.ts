/**
 * The commands of a store, and their results.
 *
 * @module
 */

import type { GroupCommand, GroupResult } from "./groups/group_commands.ts";

/** Stores a message. */
export interface Put {
  /** Which command it is. */
  readonly type: "put";
  /** The topic that it is put into. */
  readonly topic: string;
  /** The JSON encoding of the message. */
  readonly body: string;
  /** The length of `body` and `attributes` in bytes of UTF-8. */
  readonly bytes: number;
  /** The JSON encoding of its attributes, if it has any, as `encodeAttributes` makes it. */
  readonly attributes?: string | undefined;
  /** The session that puts it, if it may be repeated. */
  readonly session?: string | undefined;
  /** Who owns the session, if it is not known yet. Owners share fairly in how much is remembered. */
  readonly owner?: string | undefined;
  /** Who puts it: a `messageId` is unique within an identity and a topic. `""` for all clients without one. */
  readonly identity?: string | undefined;
  /** Its number within the session, by which a repetition is recognised. Numbers only grow, and may skip some. */
  readonly n?: number | undefined;
}

/** Opens a session of an owner, or continues it: it counts as used now. */
export interface OpenSession {
  /** Which command it is. */
  readonly type: "open_session";
  /** The session. */
  readonly session: string;
  /** Who owns it. Default: nobody. */
  readonly owner?: string | undefined;
  /** The number of the attempt of its client to connect: where several servers share a store, an older one than the last is refused. */
  readonly attempt?: number | undefined;
}

/** Forgets a session whose client will not come back. */
export interface ForgetSession {
  /** Which command it is. */
  readonly type: "forget_session";
  /** The session. */
  readonly session: string;
}

/**
 * Removes messages of a topic, the oldest first: those that were stored before a number or a time, or all that are stored
 * so far. Its readers are told that they are gone.
 */
export interface Purge {
  /** Which command it is. */
  readonly type: "purge";
  /** The topic. */
  readonly topic: string;
  /** The number, or the time in milliseconds since 1970, of the first message that stays. Default: none stays. */
  readonly before?: { readonly seq: number } | { readonly time: number } | undefined;
  /** At most this many, at least 1: to remove very many takes long. */
  readonly max: number;
}

/** What a purge has done. */
export interface PurgeResult {
  /** How many messages are gone by it. */
  readonly purged: number;
  /** The number before which they were to be purged. */
  readonly end: number;
  /** There are more: the same purge, before that number, removes them. */
  readonly more: boolean;
}

/** What changes a store; nothing else does. */
export type Command = Put | Purge | OpenSession | ForgetSession | GroupCommand;

/** Commands that a store applies at one time. */
export interface CommandBatch<C extends Command = Command> {
  /** The time, in milliseconds since 1970. A time before the last one that was applied counts as that. */
  readonly time: number;
  /** The commands, in their order. */
  readonly commands: readonly C[];
}

/** Where a message is stored. */
export interface PutAck {
  /** Its sequence number. */
  readonly seq: number;
  /** When it was stored, in milliseconds since 1970; absent if it had been stored before. */
  readonly time?: number;
  /** It had been stored before: this is where. */
  readonly dup?: boolean;
}

/** What a store answers to a command that it has applied. */
export type Result<C extends Command = Command> = C extends Put ? PutAck
  : C extends Purge ? PurgeResult
  : C extends GroupCommand ? GroupResult<C>
  : object;
