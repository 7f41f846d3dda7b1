/*! the client of dsmq, @dsmq/server 0.1.0, MIT */
/**
 * The client: puts messages into the topics of a server and gets them out. It uses only what browsers have, too.
 *
 * ```ts
 * import { connect } from "@dsmq/server/client";
 * import { serve } from "@dsmq/server/server";
 *
 * await using server = await serve({ port: 0 });
 * await using mq = await connect(server.url);
 * await mq.put("greetings", "hello");
 * console.log(await mq.get("greetings")); // hello
 * ```
 *
 * @module
 */

/**
 * Where a server is: a text, a `URL`, or its parts.
 *
 * A text without a scheme, such as `"example.org"`, `"example.org:4000"` or `"::1"`, means `ws:` and, unless it names
 * another, port 30008. One with `ws:`, `wss:`, `http:` or `https:`, such as `"wss://example.org/mq"`, has that scheme's
 * own port unless it names another: 80, and with TLS 443. `http:` and `https:` are taken as `ws:` and `wss:`.
 */
type Address = string | URL | HostAddress;
/** A server without TLS, at a host and a port. */
interface HostAddress {
    /** A name, or an IP address, also of IPv6. Default: `"127.0.0.1"`. */
    readonly host?: string;
    /** Its port, from 1 to 65535. Default: 30008. */
    readonly port?: number;
}

/**
 * Why a server could not be reached, as a code for programs; the error's message is for people.
 *
 * - `name_not_found`: the host name is unknown, or cannot be looked up
 * - `refused`: nothing listens there
 * - `no_route`: the network does not lead there
 * - `timed_out`: no connection was established in time
 * - `silent`: a connection was accepted, but no reply came
 * - `broken`: the connection broke before it was established
 * - `no_resources`: this machine has no port or no file descriptor left
 * - `certificate_expired`, `certificate_not_yet_valid`, `certificate_wrong_name`, `certificate_untrusted` (self-signed, or
 *   signed by an authority that this machine does not trust), `certificate_invalid` (anything else)
 * - `tls_needed`: the address begins with `ws:`, but the server uses TLS
 * - `no_tls`: the address begins with `wss:`, but the server does not use TLS
 * - `tls_failed`: both ends use TLS, but do not agree
 * - `http_status`: the HTTP response has another status, which is `status`
 * - `redirect`: the HTTP response is a redirect that is not followed
 * - `not_websocket`: what answers is not a WebSocket server
 * - `not_dsmq`: what answers is a WebSocket server, but not dsmq
 * - `no_token`: the function that returns the token failed, or took too long
 * - `unknown`: the socket does not say why, as in browsers
 */
type ConnectReason = "name_not_found" | "refused" | "no_route" | "timed_out" | "silent" | "broken" | "no_resources" | "certificate_expired" | "certificate_not_yet_valid" | "certificate_wrong_name" | "certificate_untrusted" | "certificate_invalid" | "tls_needed" | "no_tls" | "tls_failed" | "http_status" | "redirect" | "not_websocket" | "not_dsmq" | "no_token" | "unknown";

/** What a message carries besides its body. */
interface MessageAttributes {
    /**
     * Names the message: while a message with this id is retained in the topic, a put of the same identity with the same id is
     * not stored again, and has its sequence number. 1 to 256 bytes of UTF-8.
     */
    readonly messageId?: string;
    /** Which messages belong together, for groups of workers. 1 to 256 bytes of UTF-8. */
    readonly key?: string;
    /**
     * What programs agree on, such as `traceparent` or `content-type`: a plain object of at most 64 names, each 1 to 128 bytes
     * of UTF-8.
     */
    readonly headers?: Readonly<Record<string, string>>;
    /** After how many milliseconds groups of workers get it: 0 to 2,592,000,000 (30 days). Readers get it at once. */
    readonly delay?: number;
}

/** A message as its reader gets it. The attributes are there only if the message was put with them. */
interface Message extends MessageAttributes {
    /** The topic that it was put into. */
    readonly topic: string;
    /** The text that was put. */
    readonly body: string;
    /** Its sequence number: its place in the order of the whole store. */
    readonly seq: number;
    /**
     * Its sequence number and the history that it belongs to, as one text, `EPOCH:SEQ`. A program that saves it and gives it
     * to the next one as `since` goes on after this message there, and is told if what came after it is gone.
     */
    readonly position: string;
    /** When it was stored, in milliseconds since 1970 by the server's clock. */
    readonly time: number;
}

/**
 * The code of a {@linkcode DsmqError}: what happened, for a program.
 *
 * What the server answers to a request:
 *
 * - `bad_request`: the request does not have the form that its action needs
 * - `unknown_action`: the server does not know this action
 * - `bad_topic`: the topic is empty, too long, or contains a character that topics must not have
 * - `bad_message`: the body is missing or no string, or an attribute is invalid
 * - `too_large`: the message is larger than the server accepts, which is `limit`
 * - `full`: the store is full: try again later
 * - `limit_exceeded`: a limit is reached, such as that of connections, requests or topics; it is `limit`
 * - `unauthorized`: a token is needed, and none or an invalid one was given
 * - `permission_denied`: the token does not permit this, or the server does not allow it
 * - `not_found`: there is nothing of that name, such as a connection
 * - `shutting_down`: the server is shutting down
 * - `unavailable`: the store, or the machine, could not do it
 * - `busy`: too much waits for the store: nothing was done, try again later
 * - `behind`: the server is cut off from the log of its store, or behind it: another one may do it
 * - `unknown_outcome`: nobody can know whether the message is stored
 * - `superseded`: the message is not stored: a later one of its session was stored before it arrived
 *
 * What ends a subscription, or fails one read; the next read continues after the gap:
 *
 * - `trimmed`: messages after the requested position are gone
 * - `ahead`: the requested position is beyond the last message
 * - `epoch_changed`: the history of the requested position is lost; the server has begun a new one
 *
 * What ends the stream of a worker, or fails what is done with a job:
 *
 * - `lease_lost`: the lease of the job has ended: somebody else may have it
 * - `session_taken_over`: a newer connection has taken over this session, or this worker
 *
 * What a client finds itself:
 *
 * - `closed`: the connection is closed or broken
 * - `refused`: the connection is closed each time this is sent, or each time its reply arrives
 * - `unreachable`: no dsmq server answers at the address; `reason` says why, as a {@linkcode ConnectReason}
 * - `protocol_error`: the server sent something that violates the protocol
 * - `invalid_value`: the value of a message does not fit its topic's schema, or JSON does not hold it
 *
 * What `serve` rejects with, besides `permission_denied`, `full` and `unavailable`:
 *
 * - `address_in_use`: another program listens at the address already
 * - `address_not_available`: this machine does not have the address, or the name is unknown
 * - `store_in_use`: the file is in use already, by this process or another one
 * - `store_unusable`: the file cannot be used: it is damaged, of another program or version, or its folder does not exist
 * - `module_unavailable`: the SQLite engine, or what the transport needs, cannot be loaded, or Deno is too old
 */
type ErrorCode = "bad_request" | "unknown_action" | "bad_topic" | "bad_message" | "too_large" | "full" | "limit_exceeded" | "unauthorized" | "permission_denied" | "not_found" | "shutting_down" | "unavailable" | "busy" | "behind" | "unknown_outcome" | "superseded" | "trimmed" | "ahead" | "epoch_changed" | "lease_lost" | "session_taken_over" | "closed" | "refused" | "unreachable" | "protocol_error" | "invalid_value" | "address_in_use" | "address_not_available" | "store_in_use" | "store_unusable" | "module_unavailable";
/** The outcome of one message of a `putMany`: its sequence number, or why it was not stored. */
type PutOutcome = number | {
    readonly code: ErrorCode;
    readonly message: string;
};
/** What the errors of puts carry. */
interface PutFailure {
    /** From `putMany`: the outcome of each message, in order. */
    readonly outcomes?: readonly PutOutcome[];
}
/** What the error of a gap carries: messages are missing behind the number that was asked for. */
interface GapFound {
    /**
     * The sequence number after which messages were asked for, in the history that was asked for: no position, which names its
     * history. (With a purge: the number that it was given.)
     */
    readonly after: number;
    /** Everything up to this sequence number is gone. */
    readonly floor: number;
    /** The last sequence number of the store. */
    readonly last: number;
}
/** What is wrong with a value. */
interface ValueIssue {
    /** Where: the keys that lead to it, from the outside in; empty for the value itself. */
    readonly path: readonly PropertyKey[];
    /** What is wrong there. */
    readonly message: string;
}
/** What an error of each code carries besides what all errors have. */
interface ErrorFields {
    /** The request does not have the form that its action needs. */
    readonly bad_request: PutFailure;
    /** The server does not know this action. */
    readonly unknown_action: PutFailure;
    /** The topic is empty, too long, or contains a character that topics must not have. */
    readonly bad_topic: PutFailure;
    /** The body is missing or no string, or an attribute is invalid. */
    readonly bad_message: PutFailure;
    /** The message is larger than the server accepts. */
    readonly too_large: PutFailure & {
        /** The largest message that the server accepts, in bytes of its JSON encoding in UTF-8. */
        readonly limit: number;
        /** The size of this message in the same bytes, if this client measured it. */
        readonly bytes?: number;
        /** From `putMany`, with it: the index of the first message that is too large. */
        readonly index?: number;
    };
    /** The store is full: try again later. */
    readonly full: PutFailure & {
        /** The bytes that may be stored, unless it is the disk that is full. */
        readonly limit?: number;
    };
    /** A limit is reached, such as that of connections, requests or topics. */
    readonly limit_exceeded: PutFailure & {
        /** The limit, unless the whole connection was refused. */
        readonly limit?: number;
    };
    /** A token is needed, and none or an invalid one was given. */
    readonly unauthorized: PutFailure & {
        /** `http_status`, if an HTTP response said so. */
        readonly reason?: ConnectReason;
        /** The HTTP status of that response. */
        readonly status?: number;
    };
    /** The token does not permit this, or the server does not allow it. */
    readonly permission_denied: PutFailure;
    /** There is nothing of that name, such as a connection. */
    readonly not_found: PutFailure;
    /** The server is shutting down. */
    readonly shutting_down: PutFailure;
    /** The store, or the machine, could not do it. */
    readonly unavailable: PutFailure;
    /** Too much waits for the store: nothing was done, try again later. */
    readonly busy: PutFailure;
    /** The server is cut off from the log of its store, or behind it: another one may do it. */
    readonly behind: PutFailure;
    /** Nobody can know whether the message is stored. */
    readonly unknown_outcome: PutFailure;
    /** The message is not stored: a later one of its session was stored before it arrived. */
    readonly superseded: PutFailure;
    /** Messages after the requested position are gone. */
    readonly trimmed: GapFound;
    /** The requested position is beyond the last message. */
    readonly ahead: GapFound;
    /** The history of the requested position is lost; the server has begun a new one. */
    readonly epoch_changed: GapFound;
    /** The lease of the job has ended: somebody else may have it. */
    readonly lease_lost: object;
    /** A newer connection has taken over this session, or this worker. */
    readonly session_taken_over: PutFailure;
    /** The connection is closed or broken. */
    readonly closed: PutFailure;
    /** The connection is closed each time this is sent, or each time its reply arrives. */
    readonly refused: {
        /** The last sequence number of the store that the client knows, if it was a reply. */
        readonly last?: number;
    };
    /** No dsmq server answers at the address. */
    readonly unreachable: {
        /** Why, as a word for programs. */
        readonly reason: ConnectReason;
        /** With the reasons `http_status` and `redirect`: the HTTP status. */
        readonly status?: number;
    };
    /** The server sent something that violates the protocol. */
    readonly protocol_error: PutFailure;
    /** The value of a message does not fit its topic's schema, or JSON does not hold it. */
    readonly invalid_value: {
        /** What is wrong with it. */
        readonly issues: readonly ValueIssue[];
        /** From `putMany`: the index of the first value that does not fit. */
        readonly index?: number;
        /** From a reader: the message, which counts as read. */
        readonly received?: Message;
    };
    /** Another program listens at the address already. */
    readonly address_in_use: object;
    /** This machine does not have the address, or the name is unknown. */
    readonly address_not_available: object;
    /** The file is in use already, by this process or another one. */
    readonly store_in_use: object;
    /** The file cannot be used: it is damaged, of another program or version, or its folder does not exist. */
    readonly store_unusable: object;
    /** The SQLite engine, or what the transport needs, cannot be loaded, or Deno is too old. */
    readonly module_unavailable: object;
}

/** An error as it goes over the wire, under `error`. */
interface WireError {
    /** What kind of error it is. */
    readonly code: ErrorCode;
    /** What could not be done, why, and the value seen. */
    readonly message: string;
    /** With `too_large`, `full` and `limit_exceeded`: the limit. */
    readonly limit?: number;
    /**
     * With `trimmed`, `ahead` and `epoch_changed`: the sequence number after which messages were asked for. Of a purge: the one
     * before which; of a backup: its last.
     */
    readonly after?: number;
    /** With these: everything up to this sequence number is gone. */
    readonly floor?: number;
    /** With these: the last sequence number of the store. */
    readonly last?: number;
    /** With a `put` of many messages: the outcome of each, in order. */
    readonly outcomes?: readonly PutOutcome[];
}
/** What an error carries besides its code and message. */
interface DsmqErrorDetails extends ErrorOptions, Omit<Partial<WireError>, "code" | "message"> {
    /** The topic that the failed call named. */
    readonly topic?: string;
    /** The prefix that it named instead of a topic. */
    readonly prefix?: string;
    /** The size of a message that is too large, in bytes of its JSON encoding in UTF-8. */
    readonly bytes?: number;
    /** Why a server could not be reached. */
    readonly reason?: ConnectReason;
    /** The HTTP status with which a server refused the connection. */
    readonly status?: number;
    /** What is wrong with a value. */
    readonly issues?: readonly ValueIssue[];
    /** The index of that value, or of a message that is too large, in a list. */
    readonly index?: number;
    /** The message that has that value. */
    readonly received?: Message;
}
/** The same with those that may be `undefined`, which count as absent. */
type GivenDetails = {
    readonly [Name in keyof DsmqErrorDetails]: DsmqErrorDetails[Name] | undefined;
};
/**
 * An error that a caller of dsmq may want to catch: it carries a code, and what is needed to recover.
 * {@linkcode isDsmqError} tells it from other errors, and what it carries by its code.
 *
 * Wrong arguments are a `TypeError` or `RangeError` instead.
 *
 * @example Tell a full store from a message that is too large
 * ```ts
 * import { connect, isDsmqError, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0, limits: { messageBytes: 10 } });
 * await using mq = await connect(server.url);
 * try {
 *   await mq.put("t", "more than ten bytes");
 * } catch (error) {
 *   if (isDsmqError(error, "too_large")) console.log(error.limit.toFixed()); // 10
 *   else if (isDsmqError(error) && error.retryable) console.log("try again later");
 *   else throw error;
 * }
 * ```
 */
declare class DsmqError extends Error {
    /** The name of the class with the code, such as `DsmqError [full]`: what is printed where nobody catches it. */
    readonly name: string;
    /** What kind of error it is. */
    readonly code: ErrorCode;
    /** The topic that the failed call named, where there is one. */
    readonly topic?: string;
    /** Of a subscription to a prefix: the prefix. */
    readonly prefix?: string;
    /** With `too_large`, `full` and `limit_exceeded`: the limit. */
    readonly limit?: number;
    /** With `too_large`, if this client measured it: the size of the message, in bytes of its JSON encoding in UTF-8. */
    readonly bytes?: number;
    /**
     * With `trimmed`, `ahead` and `epoch_changed`: the sequence number after which messages were asked for. Of a purge: the one
     * before which; of a backup: its last.
     */
    readonly after?: number;
    /** With these: everything up to this sequence number is gone. */
    readonly floor?: number;
    /** With these: the last sequence number of the store. */
    readonly last?: number;
    /** With `unreachable`, and with `unauthorized` if an HTTP response says so: why, as a word for programs. */
    readonly reason?: ConnectReason;
    /** With the reasons `http_status` and `redirect`: the HTTP status. */
    readonly status?: number;
    /** From `putMany`: the outcome of each message, in order. */
    readonly outcomes?: readonly PutOutcome[];
    /** With `invalid_value`: what is wrong with the value. */
    readonly issues?: readonly ValueIssue[];
    /** With it, and with `too_large`, from `putMany`: the index of that value or message. */
    readonly index?: number;
    /** With it, from a reader: the message. Its text is not printed with the error, since it may be long, or private. */
    readonly received?: Message;
    /**
     * Makes an error.
     *
     * @param code what kind of error it is
     * @param message what could not be done, why, and the value seen
     * @param details what is needed to recover, and the `cause`
     */
    constructor(code: ErrorCode, message: string, details?: GivenDetails);
    /**
     * Whether the same call may succeed later, without risk: it has had no effect, and what prevented it can pass by itself.
     * What is put again comes after what was put meanwhile. False if the call may have had an effect (`unknown_outcome`, or a
     * `putMany` of which some messages are stored), if repeating it would hide a loss (`trimmed`, `ahead`, `epoch_changed`), if
     * something must be changed first, and for codes that this version does not know. (A put with a `messageId` may be repeated
     * whatever this says: it is stored once.)
     */
    get retryable(): boolean;
}
/** What all errors of a code have. */
interface CodedError<Code extends ErrorCode> extends Error {
    /** What kind of error it is. */
    readonly code: Code;
    /** As {@linkcode DsmqError.retryable}. */
    readonly retryable: boolean;
    /** The topic that the failed call named, where there is one. */
    readonly topic?: string;
    /** Of a subscription to a prefix: the prefix. */
    readonly prefix?: string;
}
/** The errors of some codes, by default of all: a union that `code` narrows to what each carries. */
type DsmqErrorOf<Code extends ErrorCode = ErrorCode> = {
    readonly [C in Code]: CodedError<C> & ErrorFields[C];
}[Code];
/**
 * Tells whether something that was caught is an error of dsmq, and narrows its type.
 *
 * It recognises errors of every copy of this package in the program, whichever realm (iframe, `node:vm`) made them, where
 * `instanceof` knows only its own. It does not recognise what JSON or `structuredClone` made of an error, nor `postMessage`:
 * these drop what an error carries.
 *
 * @param error what was caught
 * @returns whether it is a `DsmqError`; its `code` then narrows it further, as in a `switch`
 *
 * @example Do for each code what it needs
 * ```ts
 * import { isDsmqError, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0 });
 * try {
 *   await serve({ port: server.port });
 * } catch (error) {
 *   if (!isDsmqError(error)) throw error;
 *   switch (error.code) {
 *     case "address_in_use":
 *       console.log("try again later:", error.retryable); // true
 *       break;
 *     case "full":
 *       console.log("the disk is full", error.limit);
 *   }
 * }
 * ```
 */
declare function isDsmqError(error: unknown): error is DsmqError & DsmqErrorOf;
/**
 * Tells whether something that was caught is an error of dsmq with one of some codes, and narrows it to what these carry.
 *
 * @param error what was caught
 * @param codes the codes
 * @returns whether it is such an error, and carries everything that these codes always carry
 *
 * @example Read on after a gap
 * ```ts
 * import { isDsmqError } from "@dsmq/server";
 *
 * function lost(error: unknown): number | undefined {
 *   if (isDsmqError(error, "trimmed", "epoch_changed")) return error.floor;
 * }
 * console.log(lost(new Error("another one"))); // undefined
 * ```
 */
declare function isDsmqError<Code extends ErrorCode>(error: unknown, ...codes: [Code, ...Code[]]): error is DsmqErrorOf<Code>;

/** How durable messages are: lost with the process; survive `kill -9`; survive power loss; held by several servers. */
type Durability = "memory" | "process" | "disk" | "quorum";

/** One topic in the answer to `topics`. */
interface TopicInfo {
    /** Its name. */
    readonly topic: string;
    /** How many messages it holds. */
    readonly messages: number;
    /** What these messages count of the limit `storedBytes`, in bytes. `undefined`: the server is older, and does not say. */
    readonly bytes?: number | undefined;
    /**
     * How many messages were stored in it since the server has opened its store, those included that it no longer holds: a
     * counter, of which a watcher makes a rate. It begins again with the first message after all others were gone, and when
     * a file is opened again because of an error: a number that is lower than before counts from 0. `undefined`: the server
     * is older, and does not say.
     */
    readonly stored?: number | undefined;
    /** The sequence number of its newest message. */
    readonly seq: number;
    /** When its newest message was stored, in milliseconds since 1970. */
    readonly time: number;
    /**
     * How many readers follow it now: subscriptions to it, or to a prefix of it, and reads that wait for its next message, over
     * WebSockets and plain HTTP. `undefined`: the server is older, and does not say.
     */
    readonly readers?: number | undefined;
}

/** An epoch that has ended. */
interface EpochEnd {
    /** Its name. */
    readonly epoch: string;
    /** Its last sequence number. */
    readonly last: number;
}
/** The moment of which a backup is, and what is needed to go on from there. */
interface BackupInfo {
    /** Names the file, or the memory, that holds the messages; a copy has the same name. */
    readonly store: string;
    /** The present epoch. */
    readonly epoch: string;
    /** The epochs before it that are known, the oldest first. */
    readonly epochs: readonly EpochEnd[];
    /** The last sequence number that was given. The backup has what is stored up to there. */
    readonly last: number;
    /** Everything up to this sequence number is gone. */
    readonly floor: number;
    /** The newest message that is gone, of any topic; 0 if there is none. */
    readonly gone: number;
    /** The store's time, in milliseconds since 1970. */
    readonly time: number;
    /** For how many milliseconds a message is kept there; absent if an older server does not tell. */
    readonly retention?: number;
}
/** What is gone by now. */
interface NewestGone {
    /** The newest message that is gone; 0 if there is none. */
    readonly seq: number;
    /**
     * When the last one ceased to be readable, in the store's time: milliseconds since 1970, perhaps with a fraction. Absent if
     * nothing is gone, or an older server does not tell.
     */
    readonly at?: number;
}
/** What is gone of a topic that holds messages. */
interface TopicGone extends NewestGone {
    /** Its name. */
    readonly topic: string;
}

/**
 * `read` messages and the list of topics, `write` messages, `work`: take jobs of groups and finish them, and `admin`: purge
 * topics, and if it is for all topics, administer the server and stop it.
 */
type Permission = "read" | "write" | "work" | "admin";

/** One connection, in the answer to `connections`. An older server does not say what can be `undefined` here. */
interface ConnectionInfo {
    /** Names it for `disconnect`. No other connection has ever had the same. */
    readonly id: string;
    /**
     * What it is: `websocket`, or a request of plain HTTP that follows (`http_stream`) or waits for a message (`http_wait`).
     * Others, of a newer server, are left out.
     */
    readonly kind?: "websocket" | "http_stream" | "http_wait" | undefined;
    /** When it was admitted, in milliseconds since 1970 by the clock of the messages. */
    readonly connectedAt: number;
    /** The address of its peer; that of the proxy, if there is one. */
    readonly address: string;
    /**
     * Tells one token from another; `""` without a token. It is a part of a digest, and shows no token that cannot be guessed.
     */
    readonly identity: string;
    /** What it may do: `read`, `write`, `work` and `admin`, perhaps for some topics only. Others, of a newer server, are left out. */
    readonly permissions: readonly Permission[];
    /** How many subscriptions it has, its workers included. */
    readonly subscriptions: number;
    /** How many workers of groups it has. */
    readonly workers?: number | undefined;
    /** How many of its reads wait for a message. */
    readonly waits?: number | undefined;
    /** For how many topics the server remembers how far it has read. */
    readonly cursors?: number | undefined;
    /** How much memory its requests take that wait or are processed, in bytes. */
    readonly inFlightBytes?: number | undefined;
    /** How many bytes were sent to it and not read yet, as far as the server knows. */
    readonly unreadBytes: number;
    /** `true`: it is the connection that asks. Absent for all others. */
    readonly own?: boolean;
}

/** What a putter says of a message besides its body. */
interface PutOptions extends MessageAttributes {
}
/** A message of a list that has attributes. */
interface MessageInit extends PutOptions {
    /** Its text, any string. */
    readonly body: string;
}
/** All topics that begin with a text, such as `"orders."`; with `""` all topics there are, and all that will be. */
interface Prefix {
    /** What the names of the topics begin with, as text, not as a pattern: each character stands for itself. */
    readonly prefix: string;
}
/** The messages of a topic, or of all topics with a prefix, one after another; read it with `for await`. It can be read only once. */
type MessageStream = AsyncIterableIterator<Message, undefined> & AsyncDisposable;

/** Which messages a purge removes. */
interface PurgeOptions {
    /**
     * Those that were stored before this: the position of a message, a sequence number of the present history, a time, or
     * so many milliseconds ago, both by the server's clock. The message of that position stays. Left out: all messages that are
     * stored when it arrives; `undefined` is refused, since it may be a variable that was never set.
     */
    readonly before?: string | number | Date | {
        readonly ago: number;
    };
}
/** A message of a backup. */
interface BackupMessage extends Message {
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
interface Backup extends AsyncIterableIterator<BackupMessage, undefined>, AsyncDisposable {
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
interface Administration {
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

/**
 * A group of workers, as the server lists it. The numbers of jobs are as of now, the counts (`claimed` to `givenUp`) since the
 * group was made, or since the server opened its store.
 */
interface GroupInfo {
    /** The topic that it works on; a group has this or `prefix`. */
    readonly topic?: string;
    /** What the topics that it works on begin with. */
    readonly prefix?: string;
    /** Its name. */
    readonly group: string;
    /** All messages after this sequence number wait. */
    readonly frontier: number;
    /** How many jobs wait: those after the frontier, and all of `ready`, `delayed` and `blocked`. */
    readonly depth: number;
    /** How many were given back, and can be taken at once. */
    readonly ready: number;
    /** How many have a time to come: put with a `delay`, or to be retried. */
    readonly delayed: number;
    /** How many are behind another one with their key. */
    readonly blocked: number;
    /** How many are held by a worker. */
    readonly held: number;
    /** How many are dead. */
    readonly dead: number;
    /** When the oldest message that waits or is held was stored, in milliseconds since 1970, if there is one. */
    readonly oldest?: number;
    /** It takes no new messages, because it has as many unfinished jobs as it may have. */
    readonly stalled: boolean;
    /** How often a job was given to a worker. */
    readonly claimed: number;
    /** How many were done. */
    readonly done: number;
    /** How often one was to be tried again: it had failed, or its lease had ended. */
    readonly retried: number;
    /** How often one died. */
    readonly died: number;
    /** How many messages were given up, unfinished, because there was no more room for them. */
    readonly givenUp: number;
    /** How many workers are connected to the server. */
    readonly workers: number;
}
/** A dead job: nobody works on it unless it is put back. The attributes are there only if its message was put with them. */
interface DeadJobInfo extends MessageAttributes {
    /** The topic of its message. */
    readonly topic: string;
    /** The text of its message. */
    readonly body: string;
    /** The sequence number of its message. */
    readonly seq: number;
    /** When its message was stored, in milliseconds since 1970 by the server's clock. */
    readonly time: number;
    /** How often it was tried. */
    readonly attempt: number;
    /** When it died, in milliseconds since 1970 by the server's clock. */
    readonly at: number;
    /** Why, for people; `""` if nobody has said it. */
    readonly reason: string;
}

/** Where a subscription continues after a gap: at the oldest message, or with what is put from now on. */
type GapPolicy = "oldest" | "now";

/**
 * Where to start reading: `"start"`, at the oldest message that is kept; `"now"`, with what is stored from now on; a `Date`,
 * with what was stored then or later, and one in the future is now; `{ ago }`, with what was stored in the last `ago`
 * milliseconds; the `position` of a message, after that message; a number, after the message with that sequence number in the
 * server's present history. Times are those of the server's clock; with `ago`, the clock of this machine may be wrong.
 *
 * After a position or a number, messages of a topic that are gone are reported: its first read, or its subscription, gets the
 * error `trimmed`. It gets `ahead` if that history does not go so far, and `epoch_changed` if the server does not have it. A
 * number cannot tell histories apart: on a server that has begun a new one, it passes over the first messages there without
 * an error. So a program keeps the `position` of a message, not its number.
 */
type Since = "start" | "now" | Date | {
    readonly ago: number;
} | string | number;

/**
 * A message that a worker has to work on. The attributes are there only if the message was put with them.
 *
 * Nobody else in the group has it while the lease of the worker lasts, which is renewed for as long as the handler runs. A
 * handler that goes on after its `signal` has aborted may run beside another one with the same message: what it writes to can
 * compare `claim`, and refuse a smaller one than it has seen for the message.
 */
interface Job extends MessageAttributes {
    /** The topic of the message. */
    readonly topic: string;
    /** Its text. */
    readonly body: string;
    /** Its sequence number: its place in the order of the whole store. */
    readonly seq: number;
    /** When it was stored, in milliseconds since 1970 by the server's clock. */
    readonly time: number;
    /** How often the group has tried it, this time included: from 1. */
    readonly attempt: number;
    /** Names this delivery: a number that is larger than that of each delivery before it, in all groups. A fencing token. */
    readonly claim: number;
    /**
     * Aborts when the outcome of the handler counts for nothing any more, or soon will not: the lease has ended or could not be
     * renewed (a {@linkcode DsmqError} `lease_lost`), the handler has run for longer than `timeout` (a `DOMException` of the name
     * `TimeoutError`), or the connection has ended.
     */
    readonly signal: AbortSignal;
    /**
     * Renews the lease now, which happens by itself, and makes sure of it: for a step that must not be done twice. It does not
     * prolong the `timeout`.
     *
     * @throws {DsmqError} `lease_lost`, if somebody else may have the job
     */
    extend(): Promise<void>;
}
/** A job and the value that its text stands for. */
type ValueJob<Value> = Job & {
    /** The value. */
    readonly value: Value;
};
/** How long a job waits that is to be tried again: twice as long each time, by chance up to half of it less. */
interface RetryBackoff {
    /** Before the second attempt, in milliseconds. Default: 1000. */
    readonly minDelay?: number;
    /** The longest, in milliseconds, at most 2,592,000,000 (30 days). Default: 300000. */
    readonly maxDelay?: number;
}
/** Which group. */
interface GroupOptions {
    /** Its name, 1 to 256 bytes of UTF-8. Default: `"default"`. */
    readonly group?: string;
}
/** How to hold jobs. */
interface HoldOptions extends GroupOptions {
    /**
     * For how long jobs are held without a sign of this worker, in milliseconds, from 1000. It is renewed three times as often, so
     * this is about how long a job waits whose worker has died. Default: 30000.
     */
    readonly lease?: number;
    /** For how long a job may be worked on, in milliseconds: then it is to be tried again. Default: 600000. */
    readonly timeout?: number;
    /** How often a job is tried: one that fails then is dead. Default: 5. */
    readonly attempts?: number;
    /** Where the group begins if it is not there yet. Default: at the oldest message that is kept. */
    readonly since?: Since;
}
/** How to work. */
interface WorkOptions extends HoldOptions {
    /** How many jobs are worked on at one time. Default: 1. */
    readonly concurrency?: number;
    /** When a job that fails is tried again. */
    readonly backoff?: RetryBackoff;
    /** Stops the worker when it aborts, as {@linkcode TopicWorker.stop} does. */
    readonly signal?: AbortSignal;
    /**
     * Is told what a handler throws, other than {@linkcode retry} and {@linkcode dead}, with its job; and what ends the worker,
     * which then does not reject `closed` unheard.
     */
    readonly onError?: (error: unknown, job?: Job) => void;
}
/** How to take one job. */
interface ClaimOptions extends HoldOptions {
    /** How long to wait for a job, in milliseconds. Default: 0. */
    readonly wait?: number;
    /** Ends waiting when it aborts, with its reason as the error. */
    readonly signal?: AbortSignal;
}
/** What a worker has done so far. */
interface WorkerStats {
    /** How many handlers run now. */
    readonly running: number;
    /** How many jobs are done. */
    readonly done: number;
    /** How many failed, and are to be tried again. */
    readonly retried: number;
    /** How many have died. */
    readonly dead: number;
    /** How many were lost: somebody else may have worked on them. */
    readonly lost: number;
}
/** A worker of a group. */
interface TopicWorker extends AsyncDisposable {
    /** What it has done so far. */
    readonly stats: WorkerStats;
    /**
     * Resolves when the worker has stopped, or its own side has closed the connection. Rejects if it had to end: because it may not
     * work on the topic (`permission_denied`), the group was deleted (`not_found`), the server does not accept an option, or the
     * connection has ended.
     */
    readonly closed: Promise<void>;
    /**
     * Takes no more jobs, waits for the handlers that run, and gives back what they have not begun. May be called twice.
     *
     * @returns resolves once the server knows what became of the jobs, or cannot be reached for some seconds
     */
    stop(): Promise<void>;
}
/**
 * A job that its caller holds until it says what became of it. Its lease is renewed until then, for as long as `timeout`.
 *
 * What is said first counts. The same again settles as the first, whatever its arguments are; anything else rejects, too, since it does
 * not happen: with the error of the first, or with a `TypeError` where that is confirmed.
 */
interface ManualJob extends Job {
    /** It is done. Rejects with `lease_lost` if that counts for nothing, since somebody else may have the job. */
    done(): Promise<void>;
    /** It is to be tried again, after `delay` milliseconds (default: as a worker's `backoff`), because of `reason`. */
    retry(delay?: number, reason?: string): Promise<void>;
    /** It is dead, because of `reason`. */
    dead(reason?: string): Promise<void>;
    /** It is given back, as if it had not been taken. */
    release(): Promise<void>;
}
/** Which dead jobs to put back. */
interface RedriveOptions extends GroupOptions {
    /** The sequence number of one job. Default: all. */
    readonly seq?: number;
}
/** How to make a group. */
interface CreateGroupOptions extends GroupOptions {
    /** Where it begins. Default: at the oldest message that is kept. */
    readonly since?: Since;
}
/**
 * What a connection offers to groups: each message of a topic is given to one worker of a group, and to readers as ever. Each
 * needs the permission `work` for the topic or the whole prefix.
 */
interface GroupWork {
    /**
     * Works on the messages of a topic, or of all topics with a prefix. A message whose handler returns, or whose promise resolves,
     * is done. One whose handler throws is tried again later, by any worker of the group; after `attempts` it is dead.
     * {@linkcode retry} and {@linkcode dead} are errors to throw that decide otherwise. A message can be worked on twice, after a
     * worker has died or was cut off; never by two at once, if handlers obey their `signal`.
     *
     * The group is made by its first worker: it gets all messages that are kept by then, unless `since` says otherwise.
     *
     * @param from the topic, or `{ prefix }`
     * @param handler works on one job
     * @param options how to work
     * @returns the worker; it goes on until it is stopped, also after the connection has broken and come back
     * @throws {TypeError | RangeError} if an argument is invalid
     * @throws {DsmqError} `closed`, `limit_exceeded`
     *
     * @example Send mails
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * await mq.put("mails", "hello");
     * await using worker = mq.work("mails", (job) => console.log(job.body)); // hello
     * console.log(worker.stats.lost); // 0
     * ```
     */
    work(from: string | Prefix, handler: (job: Job) => unknown, options?: WorkOptions): TopicWorker;
    /**
     * Takes one job, for those who do not want a handler.
     *
     * @param from the topic, or `{ prefix }`
     * @param options which group, and how long to wait
     * @returns the job, or `undefined` if there is none
     * @throws {TypeError | RangeError} if an argument is invalid
     * @throws {DsmqError} as what ends a worker; see {@linkcode TopicWorker.closed}
     *
     * @example Take a job, and finish it
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * await mq.put("mails", "hello");
     * const job = await mq.claim("mails", { wait: 1000 });
     * console.log(job?.body); // hello
     * await job?.done();
     * ```
     */
    claim(from: string | Prefix, options?: ClaimOptions): Promise<ManualJob | undefined>;
    /**
     * Lists the groups that the token may work in.
     *
     * @param from only those that work on this topic or `{ prefix }`. Default: all
     */
    groups(from?: string | Prefix): Promise<GroupInfo[]>;
    /**
     * The dead jobs of a group, the oldest message first; they are fetched as the loop goes on.
     *
     * @param from the topic, or `{ prefix }`
     * @param options which group
     * @returns the jobs, for `for await`; rejects with `not_found` if there is no such group
     */
    deadJobs(from: string | Prefix, options?: GroupOptions): AsyncIterableIterator<DeadJobInfo, undefined>;
    /**
     * Has dead jobs of a group worked on again, as if they had never been tried.
     *
     * @param from the topic, or `{ prefix }`
     * @param options which group, and which job
     * @returns how many
     * @throws {DsmqError} `not_found`, if there is no such group
     */
    redrive(from: string | Prefix, options?: RedriveOptions): Promise<number>;
    /**
     * Makes a group before its first worker comes, so that nothing that is put until then is lost to it.
     *
     * @param from the topic, or `{ prefix }`
     * @param options its name, and where it begins
     * @returns whether it was not there
     * @throws {DsmqError} `limit_exceeded`, if there are too many groups
     */
    createGroup(from: string | Prefix, options?: CreateGroupOptions): Promise<boolean>;
    /**
     * Deletes a group, with all that it has not finished; its workers end with `not_found`. It needs the permission `admin`.
     *
     * @param from the topic, or `{ prefix }`
     * @param options which group
     * @returns whether it was there
     */
    deleteGroup(from: string | Prefix, options?: GroupOptions): Promise<boolean>;
}

/** How to wait for a message. */
interface WaitOptions {
    /**
     * How long to wait, in milliseconds; `Infinity` is no limit. The client measures this time, also while it has no
     * connection. While it has one, the server always gets at least half a second to answer. Default: 10000.
     */
    readonly timeout?: number;
    /** Stops waiting when it aborts. A message that is already on its way then goes to the next read. */
    readonly signal?: AbortSignal;
}
/** How to read one message. */
interface ReadOptions {
    /**
     * How long to wait if there is no message, in milliseconds; `Infinity` is no limit. The client measures this time, also
     * while it has no connection. While it has one, the server always gets at least half a second to answer. Default: the
     * read does not wait for a message, only for the server's answer.
     */
    readonly wait?: number;
    /**
     * Read the newest unread message; older ones are skipped for good, also if the read is aborted on its way. With `wait`, if
     * there is none, the next one that is stored. Default: `false`, the oldest unread message.
     */
    readonly latest?: boolean;
    /** Ends the read when it aborts. A message that is already on its way then goes to the next read. */
    readonly signal?: AbortSignal;
}
/** The error of a gap: messages are gone, or (`refused`) one cannot be received. */
type GapError = DsmqError & DsmqErrorOf<"trimmed" | "ahead" | "epoch_changed" | "refused">;
/**
 * What to do when messages are gone that should have been delivered. `"oldest"` continues with the oldest message that is
 * left, `"now"` with what is put from now on. A function receives the gap as an error and returns one of the two, not a
 * promise. If it returns `undefined`, the subscription ends with the gap as its error. If it throws, the subscription ends
 * with what it threw; if it returns anything else, with a `TypeError`.
 */
type GapHandler = GapPolicy | ((gap: GapError) => GapPolicy | undefined);
/** How to subscribe. */
interface SubscribeOptions {
    /** Where to start. Default: the connection's cursor for the topic; for a prefix, where the connection started to read. */
    readonly since?: Since;
    /**
     * What to do when messages are gone that should have been delivered. Default: the subscription ends with the error
     * `trimmed`, `ahead` or `epoch_changed`.
     */
    readonly onGap?: GapHandler;
    /** Ends the subscription when it aborts, with the signal's reason as the error. */
    readonly signal?: AbortSignal;
}

/** Whether a connection is connected, reconnecting, or closed for good. */
type ConnectionStatus = "connected" | "reconnecting" | "closed";
/** A change of the status of a connection. */
interface StatusChange {
    /** The new status. */
    readonly status: ConnectionStatus;
    /** The address that it is, or was, connected to. */
    readonly url: string;
    /** Why, unless it is connected. */
    readonly reason?: string;
    /** With `connected`: the server has another store than before, such as a memory server that was restarted. */
    readonly epochChanged?: boolean;
}
/** How a connection ended for good. */
interface CloseInfo {
    /** `closed`, or why it cannot continue: `unauthorized`, `session_taken_over` or `protocol_error`. */
    readonly code: ErrorCode;
    /** Why, in words. */
    readonly reason: string;
    /**
     * The error that ended it; `undefined` if the caller closed it. If the client could not reconnect, its `cause` is the error of
     * the last attempt, with the `reason`.
     */
    readonly error?: DsmqError;
}

/** A value that JSON holds exactly. */
type JsonValue = null | boolean | number | string | JsonValue[] | readonly JsonValue[] | {
    readonly [name: string]: JsonValue;
};

/** What is wrong with a value, as a schema says it. */
interface SchemaIssue {
    /** What is wrong. */
    readonly message: string;
    /** Where: the keys that lead to it, from the outside in. Default: the value itself. */
    readonly path?: readonly (PropertyKey | {
        readonly key: PropertyKey;
    })[] | undefined;
}
/** What a schema makes of a value: its output, or what is wrong with it. */
type SchemaResult<Output> = {
    readonly value: Output;
    readonly issues?: undefined;
} | {
    readonly issues: readonly SchemaIssue[];
};
/** A schema of any library that keeps to Standard Schema version 1, such as zod, valibot and arktype. */
interface StandardSchema<Input = unknown, Output = Input> {
    /** What a library offers to others. */
    readonly "~standard": {
        /** The version of the interface. */
        readonly version: 1;
        /** The name of the library. */
        readonly vendor: string;
        /** Validates a value. */
        readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
        /** Its types; there is no such value. */
        readonly types?: {
            readonly input: Input;
            readonly output: Output;
        } | undefined;
    };
}
/** The values that a schema takes. */
type SchemaInput<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["input"];
/** The values that a schema gives. */
type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["output"];

/** A message and its value. */
type ValueMessage<Value> = Message & {
    /** The value that the text of the message stands for. */
    readonly value: Value;
};
/** The messages of a topic with their values, one after another; read it with `for await`. */
type ValueStream<Value> = AsyncIterableIterator<ValueMessage<Value>, undefined> & AsyncDisposable;
/**
 * What a subscription does with a message whose value does not fit. With `"throw"` the loop ends with the error
 * `invalid_value`; the subscription does not: another loop over it goes on with the next message. A function is given the
 * error and the message, and the loop goes on with the next one, once a promise that the function returns is settled; what it
 * throws ends the loop. Once another call of `next` has waited 10 seconds for it, it is waited for no longer, and the loop ends
 * with a `TypeError`: it must not wait for messages of its own loop.
 */
type InvalidHandler = "throw" | ((error: DsmqErrorOf<"invalid_value">, message: Message) => unknown);
/** How to subscribe to values. */
interface ValueSubscribeOptions extends SubscribeOptions {
    /** What to do with a message whose value does not fit. Default: `"throw"`. */
    readonly onInvalid?: InvalidHandler;
}
/**
 * A topic whose messages are values: JSON texts, validated at both ends if there is a schema. It is a view: it holds nothing,
 * needs no closing, and every view of a topic shares the connection's cursor.
 */
interface TypedTopic<Input, Output = Input> {
    /** The name of the topic. */
    readonly name: string;
    /**
     * Puts a value. With a schema it is validated, and sent as it was given: what the schema makes of it is for the readers.
     * The values that a connection puts into a topic are stored in the order of the calls, also if a validator takes its time;
     * {@linkcode Connection.put} does not wait for them. A put waits at most 10 seconds for those before it; then those of them
     * that are still being validated are refused with `invalid_value`, so that a validator that waits for a later put of its
     * own topic does not wait forever. Until it is validated a value counts as unanswered, for `pending` and the limits;
     * `close` waits for it as for any put, and if it is still being validated when the connection ends it is not sent: its put
     * rejects with `closed`.
     *
     * @param value the value, as the schema takes it
     * @param options as for {@linkcode Connection.put}
     * @returns the sequence number of the message, once it is stored
     * @throws {DsmqError} `invalid_value`, with the `issues`, if it does not fit the schema, or JSON does not hold it exactly:
     *   nothing is sent then. It is thrown as soon as that is known: such a put waits for no other, and none waits for it. Else
     *   as {@linkcode Connection.put}
     */
    put(value: Input, options?: PutOptions): Promise<number>;
    /**
     * Puts values, in order. All are validated before the first is sent.
     *
     * @param values the values
     * @returns their sequence numbers, once all are stored
     * @throws {DsmqError} `invalid_value`, with the `index` of the first that does not fit: nothing is sent then. It is thrown as
     *   soon as the values before that one are validated, in no order with other puts. Else as {@linkcode Connection.putMany}
     */
    putMany(values: readonly Input[]): Promise<number[]>;
    /**
     * Puts values, in order, each with attributes of its own.
     *
     * @param values the values
     * @param options gives the attributes of each value, `undefined` for none: called once for each, in order, before any is
     *   validated. What it throws rejects the call, and nothing is sent
     * @returns their sequence numbers, once all are stored
     * @throws {TypeError | RangeError} if what it gives is invalid, or a promise
     * @throws {DsmqError} as without attributes
     *
     * @example Put orders that may be repeated without risk
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * const orders = [{ id: 7, item: "pears" }, { id: 8, item: "apples" }];
     * const topic = mq.topic("orders");
     * await topic.putMany(orders, ({ id }) => ({ messageId: `order-${id}` }));
     * await topic.putMany(orders, ({ id }) => ({ messageId: `order-${id}` })); // stored once
     * console.log((await mq.topics())[0]!.messages); // 2
     * ```
     */
    putMany<Value extends Input>(values: readonly Value[], options: ((value: Value, index: number) => PutOptions | undefined) | undefined): Promise<number[]>;
    /**
     * Reads the next message, and its value as the schema gives it. If the signal aborts, or the connection ends, while the
     * value is being validated, the read ends, and the message counts as read.
     *
     * @param options as for {@linkcode Connection.read}; `wait` is the time to wait for the message, without that of a validator
     * @returns the message with its `value`, or `undefined` if there is none
     * @throws {DsmqError} `invalid_value`, with the `issues` and the message as `received`, if its text is no JSON, or does not
     *   fit the schema: the message counts as read, and the next read goes on after it. Else as {@linkcode Connection.read}
     */
    read(options?: ReadOptions): Promise<ValueMessage<Output> | undefined>;
    /**
     * Subscribes to the topic. If the signal aborts, the loop is left or the connection ends while a value is being validated,
     * the loop ends as any other: neither that message nor those behind it count as delivered, so a subscription `since` the
     * position of the message before begins with it.
     *
     * @param options as for {@linkcode Connection.subscribe}, and what to do with a message whose value does not fit
     * @returns the messages with their values, as they are stored
     */
    subscribe(options?: ValueSubscribeOptions): ValueStream<Output>;
    /**
     * Works on the messages of the topic, as {@linkcode Connection.work} does. A job whose text is no JSON, or does not fit the schema, is
     * dead at once, with that as its reason.
     *
     * @param handler works on one job, whose `value` is as the schema gives it
     * @param options how to work
     * @returns the worker
     */
    work(handler: (job: ValueJob<Output>) => unknown, options?: WorkOptions): TopicWorker;
}
/** What a connection offers for topics of values. */
interface TypedTopics {
    /**
     * A topic whose messages are values that JSON holds exactly: `null`, booleans, finite numbers, strings, arrays and plain
     * objects. Anything else is an error, never changed silently.
     *
     * @param name the topic
     * @returns a view of the topic
     * @throws {TypeError | RangeError} if the name is invalid
     *
     * @example Put an object, and read it
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * const orders = mq.topic("orders");
     * await orders.put({ id: "a-17", items: [1, 2] });
     * console.log((await orders.read())?.value); // { id: "a-17", items: [ 1, 2 ] }
     * ```
     */
    topic(name: string): TypedTopic<JsonValue>;
    /**
     * A topic whose values a schema describes: any Standard Schema, such as those of zod, valibot and arktype. Values are
     * validated at both ends. What is sent is the value that was put, as JSON; the reader gets what its schema makes of it.
     *
     * @param name the topic
     * @param schema the schema
     * @returns a view of the topic
     * @throws {TypeError | RangeError} if the name or the schema is invalid
     *
     * @example Orders with a date
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     * import * as z from "npm:zod@4";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * const orders = mq.topic("orders", z.object({ id: z.string(), at: z.coerce.date() }));
     * await orders.put({ id: "a-17", at: new Date(0) });
     * console.log((await orders.read())?.value.at.getTime()); // 0
     * ```
     */
    topic<Schema extends StandardSchema>(name: string, schema: Schema): TypedTopic<SchemaInput<Schema>, SchemaOutput<Schema>>;
}

/** What was put and is not acknowledged yet. */
interface PendingPuts {
    /** How many messages. */
    readonly messages: number;
    /** About how many bytes they take: the characters of their texts, with quotes. */
    readonly bytes: number;
}
/**
 * A connection to a server. By default it reads only messages that were stored after it connected. It has a
 * cursor of its own for each topic.
 *
 * When the network or the server fails, the client reconnects and continues where it was: reads and subscriptions resume
 * at their cursors, waits continue, and unanswered puts are sent again without being stored twice. Calls made in the
 * meantime wait. If messages of a topic were lost meanwhile (they expired, or the server lost its history), the next read
 * of that topic rejects once with `trimmed`, `ahead` or `epoch_changed`, and subscriptions do what their `onGap` says.
 *
 * If something between client and server closes the connection because of what it carries, such as a proxy that rejects
 * large frames, only the call that causes it fails: a put with `unknown_outcome`, anything else with `refused`. If the
 * message cannot be received, the read or subscription fails once, and the next one continues after that message.
 *
 * The messages of a topic go to its readers oldest first, in the order in which the readers asked.
 *
 * An open connection keeps its program alive: close it, or use `await using`.
 *
 * After {@linkcode Connection.close}, and once the client has given up, every call rejects with a {@linkcode DsmqError} of
 * code `closed` (or `unauthorized`, or `session_taken_over`).
 */
interface Connection extends Administration, GroupWork, TypedTopics, AsyncDisposable {
    /** The address of the server, without user name, password and query. */
    readonly url: string;
    /** Whether it is connected, reconnecting, or closed for good. */
    readonly status: ConnectionStatus;
    /**
     * Reports the present status and each change of it, until the connection is closed.
     *
     * @example Log when the connection breaks
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * for await (const { status, reason } of mq.statusChanges()) {
     *   console.log(status, reason ?? ""); // connected
     *   if (status === "connected") break;
     * }
     * ```
     */
    statusChanges(): AsyncIterableIterator<StatusChange, undefined>;
    /**
     * Resolves when the connection has ended for good: the caller closed it, the client gave up reconnecting, the server
     * rejected the token, another client took over the session, or the server violated the protocol. Breaks after which the
     * client reconnects do not end it. Never rejects.
     *
     * @example Notice that a connection has ended
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * const server = await serve({ port: 0 });
     * const mq = await connect(server.url, { reconnect: false });
     * await server.shutdown();
     * const { code, error } = await mq.closed;
     * console.log(code, error?.message); // closed, and why
     * ```
     */
    readonly closed: Promise<CloseInfo>;
    /**
     * What was put and is not acknowledged yet, now: a program that puts without awaiting sees here how far it is ahead of the
     * server. Calls that read do not count. Values that are still being validated count.
     *
     * @example Let no more than 10,000 messages be under way
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * let last;
     * for (let i = 0; i < 20_000; i++) {
     *   last = mq.put("numbers", `${i}`);
     *   if (mq.pending.messages >= 10_000) await last;
     * }
     * await last;
     * console.log(mq.pending); // { messages: 0, bytes: 0 }
     * ```
     */
    readonly pending: PendingPuts;
    /** How durable messages are on the server: with `memory` they are lost with its process. */
    readonly durability: Durability;
    /** The largest message that the server accepts, in bytes of its JSON encoding in UTF-8, attributes included. */
    readonly maxMessageBytes: number;
    /**
     * Puts a message into a topic. Puts are stored in the order of the calls, also if nobody awaits them. If nobody
     * awaits a put that fails, it ends the program, as every unhandled rejection does.
     *
     * @param topic 1 to 256 bytes of UTF-8, without control characters
     * @param body its text, any string
     * @param options its attributes: `messageId`, `key`, `headers`, `delay`. Together at most 16 KiB as JSON, and with the
     *   body at most {@linkcode Connection.maxMessageBytes}. It may be a message that was read: then its attributes are taken
     * @returns the sequence number of the message, once it is stored
     * @throws {TypeError | RangeError} if the topic, the body or an option is invalid
     * @throws {DsmqError} `too_large`, `full`, `busy`, `limit_exceeded`, `permission_denied`, `unavailable`, `shutting_down`;
     *   `superseded`, if the message is not stored, because a connection broke before its rejection arrived, and a later one has been stored
     *   meanwhile; `unknown_outcome`, if nobody can know whether it is stored: the client gave up, the connection
     *   is closed each time this message is sent, or the server lost its memory of this client
     *
     * @example Put a message that may be repeated without risk
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * const first = await mq.put("orders", '{"n":7}', { messageId: "order-7" });
     * const again = await mq.put("orders", '{"n":7}', { messageId: "order-7" });
     * console.log(first === again); // true: it is stored once
     * ```
     */
    put(topic: string, body: string, options?: PutOptions): Promise<number>;
    /**
     * Puts messages into a topic, in order. All are checked before the first is sent. A list may have any length: it is
     * sent in parts, and later puts are stored behind it.
     *
     * @param topic as for `put`
     * @param messages their texts, any strings; an object with `body` where a message has options of its own, such as a
     *   message that was read
     * @returns their sequence numbers, once all are stored
     * @throws as `put`, where `too_large` has the `index` of the message; a {@linkcode DsmqError} lists the outcome of each
     *   message in `outcomes`, once something was sent
     *
     * @example Put several messages, one of them with a header
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * const headers = { "content-type": "application/json" };
     * console.log(await mq.putMany("news", ["one", { body: "[2]", headers }])); // [ 1, 2 ]
     * ```
     */
    putMany(topic: string, messages: readonly (string | MessageInit)[]): Promise<number[]>;
    /**
     * Reads one message: the oldest unread one, unless `latest` asks for the newest. With `wait`, as soon as there is one;
     * nothing polls: the server answers when a message is stored. A read that waits for the latest waits behind reads of the
     * topic that were made until the server said that there is none.
     *
     * @param topic the topic to read
     * @param options which message, how long to wait for it, and what cancels that
     * @returns the message, or `undefined` if there is none; a message may be `""`
     * @throws {TypeError | RangeError} if the topic or an option is invalid
     * @throws {DsmqError} `trimmed`, `ahead` or `epoch_changed`, once for each gap: the next read gets the oldest message that
     *   is left; `permission_denied`, `limit_exceeded`, `unavailable`; `refused`, once, if something on the way does not let the
     *   message pass. If the signal aborts, its reason
     *
     * @example Wait for a message, and go on after it in the next program
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * await mq.put("orders", "one");
     * const message = await mq.read("orders", { wait: 5000 });
     * console.log(message?.body); // one
     *
     * await using next = await connect(server.url, { since: message!.position });
     * console.log(await next.read("orders")); // undefined: there is nothing after it
     * ```
     */
    read(topic: string, options?: ReadOptions): Promise<Message | undefined>;
    /**
     * Gets the text of the oldest unread message: `read(topic)` as in dsmq 1.x.
     *
     * @param topic the topic to read
     * @returns the message, or `""` if there is none
     * @throws as `read`
     */
    get(topic: string): Promise<string>;
    /**
     * Gets the text of the newest unread message; older ones are skipped for good: `read(topic, { latest: true })` as in
     * dsmq 1.x.
     *
     * @param topic the topic to read
     * @returns the message, or `""` if there is none
     * @throws as `read`
     */
    getLatest(topic: string): Promise<string>;
    /**
     * Gets the text of the oldest unread message as soon as there is one: `read(topic, { wait })` as in dsmq 1.x.
     *
     * @param topic the topic to read
     * @param options how long to wait
     * @returns the message, or `""` when the time is over
     * @throws as `read`
     */
    getWait(topic: string, options?: WaitOptions): Promise<string>;
    /**
     * Subscribes to a topic, or to all topics that begin with a prefix, also to those that come later. A subscription
     * to a topic starts at the connection's cursor and has its own position from there on: gets do not move it, and it does not
     * move them. A prefix has no cursor: without `since` each subscription starts where the connection started to read, which is
     * by default with what is stored after it connected.
     *
     * The messages of a prefix come in the order in which they were stored, across all its topics; each has its own `topic`.
     * The server sends at most 4096 messages and about 4 MiB ahead of what is read.
     *
     * @param topic the topic, or `{ prefix }`
     * @param options where to start, and what to do at a gap
     * @returns the messages, as they are stored. Reading them rejects with `trimmed`, `ahead` or `epoch_changed` at a gap, unless
     *   `onGap` decides otherwise; and with `permission_denied`, `limit_exceeded` or `refused`
     * @throws {TypeError | RangeError} if the topic or an option is invalid
     * @throws {DsmqError} `limit_exceeded`, if too many calls are unanswered
     *
     * @example All orders, whichever topic they are in
     * ```ts
     * import { connect, serve } from "@dsmq/server";
     *
     * await using server = await serve({ port: 0 });
     * await using mq = await connect(server.url);
     * await mq.put("orders.eu", "12 apples");
     * await mq.put("orders.us", "7 pears");
     * for await (const { topic, body } of mq.subscribe({ prefix: "orders." })) {
     *   console.log(topic, body); // orders.eu 12 apples, then orders.us 7 pears
     *   if (topic === "orders.us") break;
     * }
     * ```
     */
    subscribe(topic: string | Prefix, options?: SubscribeOptions): MessageStream;
    /**
     * Lists the topics that hold messages, in the order of their code points.
     *
     * @param prefix only topics that begin with it. Default: all
     * @returns the topics
     * @throws {TypeError | RangeError} if the prefix is invalid
     * @throws {DsmqError} `permission_denied`, `limit_exceeded`
     */
    topics(prefix?: string): Promise<TopicInfo[]>;
    /**
     * Stops the server, if the server and the token allow it.
     *
     * @throws {DsmqError} `permission_denied`, if they do not
     */
    shutdownServer(): Promise<void>;
    /**
     * Sends what was put, waits up to 5 s for the replies, ends waits and subscriptions, and closes the connection. Calls
     * that are still unanswered then reject, and so does every later call. May be called twice.
     */
    close(): Promise<void>;
}

/**
 * The part of a `WebSocket` that a connection uses, so that other implementations, such as that of `npm:ws`, fit too.
 * The handlers are written as methods for that: their events may have more fields than the ones here.
 */
interface Socket {
    /** Sends a text frame. */
    send(data: string): void;
    /** Closes it. */
    close(code?: number): void;
    /** Called when it is open. */
    onopen: {
        handle(event: object): void;
    }["handle"] | null;
    /** Called with each message. */
    onmessage: {
        handle(event: {
            readonly data: unknown;
        }): void;
    }["handle"] | null;
    /** Called when it is closed, with a code of RFC 6455. */
    onclose: {
        handle(event: {
            readonly code: number;
            readonly reason: string;
            readonly wasClean?: boolean;
        }): void;
    }["handle"] | null;
    /** Called before `onclose` if it failed; the `error` or the `message` of the event may say why. */
    onerror: {
        handle(event: object): void;
    }["handle"] | null;
    /**
     * How many bytes have arrived, incomplete messages included, if the socket knows. Then even a slow message shows that the
     * connection is alive.
     */
    readonly bytesReceived?: number;
    /** How many bytes wait to be sent, if the socket knows. */
    readonly bufferedAmount?: number;
    /**
     * The largest message to accept, in bytes, for a socket that checks it before the whole message has arrived. A larger one
     * violates the protocol in any case.
     */
    maxMessageBytes?: number;
}
/** Opens a socket. */
type Dial = (url: string, protocols: string[]) => Socket;

/** How to connect. Durations are in milliseconds. */
interface ConnectOptions {
    /**
     * The token, if the server needs one: 1 to 8192 visible ASCII characters. It is sent in a header; from browsers, and
     * with `dial`, as a subprotocol, or in the first request if it is long. A function is asked for a token for each attempt to
     * connect, once for all addresses, and again before the token expires; it may take 10 seconds, but no longer than there is
     * time to connect, and if it fails it is asked again.
     */
    readonly token?: string | (() => string | Promise<string>);
    /** Where this connection starts reading. Default: `"now"`, what is stored after it connected. */
    readonly since?: Since;
    /**
     * Cancels connecting when it aborts: `connect` rejects with its reason. Once connected, the signal has no effect; use
     * `close`.
     */
    readonly signal?: AbortSignal;
    /** How to reconnect; `false`: not at all. Default: see {@linkcode ReconnectOptions}. */
    readonly reconnect?: boolean | ReconnectOptions;
    /** How often the server sends a heartbeat, from 100 to 600000 milliseconds. Default: 10000. */
    readonly heartbeatInterval?: number;
    /**
     * How long to try to connect for the first time, in milliseconds; `Infinity` is no limit. An error that a retry cannot fix, such
     * as an unknown host name or an invalid certificate, ends the attempts at once. Default: 15000.
     */
    readonly timeout?: number;
    /**
     * Called after each failed attempt that is followed by another one, both for the first connection and when
     * reconnecting, with the error that `connect` would reject with. If it throws, connecting ends with that; also if it returns a
     * promise that rejects. Nothing waits for that promise.
     */
    readonly onRetry?: (error: DsmqError) => unknown;
    /**
     * How many calls may wait while there is no connection; each message of a put counts. One more rejects with
     * `limit_exceeded`. The list of a `putMany` counts part by part, as it is taken up; one of values that are being validated
     * counts as a whole. Default: 100000.
     */
    readonly maxPending?: number;
    /**
     * How many bytes all unanswered calls may take, with or without a connection, before another call rejects with
     * `limit_exceeded`. Each call counts as 100 bytes, and a put also the characters of its messages. Default: 134217728, 128 MiB.
     */
    readonly maxPendingBytes?: number;
    /**
     * Opens the socket. Default: `new WebSocket(url, protocols)`; on Deno a WebSocket of this library that sends without
     * delay. That one connects directly: if the environment names a proxy to be used, dial Deno's own WebSocket instead.
     */
    readonly dial?: Dial;
}
/** How to reconnect: exponential backoff with full jitter. Durations are in milliseconds. */
interface ReconnectOptions {
    /**
     * The first delay; each later one, once all addresses were tried, is up to twice as long. Each actual delay is chosen at random
     * between 0 and that. With 0 the first attempt comes at once, and later delays grow from 2. Default: 100, or `maxDelay` if that is shorter.
     */
    readonly minDelay?: number;
    /**
     * No delay is longer. After 16 attempts at each address in a row none is shorter than 10. Default: 5000, or `minDelay` if that is
     * longer.
     */
    readonly maxDelay?: number;
    /**
     * How long to try to reconnect before the connection is closed for good. Time that the process or its machine was
     * asleep does not count. Default: 600000, ten minutes.
     */
    readonly timeout?: number;
}

/**
 * Makes an error for the handler of a job to throw: the job is to be tried again, if it was not tried as often as it may be.
 *
 * @param delay after how many milliseconds, up to 2,592,000,000 (30 days). Default: as the worker's `backoff` says
 * @param reason why, for people; at most 1,000 characters of it are kept. Default: `"retry"`
 * @returns the error
 * @throws {TypeError | RangeError} if the delay is invalid, or the reason is no text
 *
 * @example Try again in a minute
 * ```ts
 * import { type Job, retry } from "@dsmq/server";
 *
 * export async function handler({ body }: Job) {
 *   const response = await fetch("https://example.org/", { method: "POST", body });
 *   if (response.status === 429) throw retry(60_000, "too many requests");
 * }
 * ```
 */
declare function retry(delay?: number, reason?: string): Error;
/**
 * Makes an error for the handler of a job to throw: the job is dead, and not tried again.
 *
 * @param reason why, for people; at most 1,000 characters of it are kept. Default: `"dead"`
 * @returns the error
 * @throws {TypeError} if the reason is no text
 *
 * @example Give up what cannot succeed
 * ```ts
 * import { dead, type Job } from "@dsmq/server";
 *
 * export function handler({ body }: Job) {
 *   if (body === "") throw dead("it is empty");
 * }
 * ```
 */
declare function dead(reason?: string): Error;

/**
 * Connects to a server. The server may still be starting: for 15 seconds, unless `timeout` says otherwise, failed attempts
 * are repeated. An error that cannot pass is not tried again. The error says why connecting failed: in its message, in its
 * `cause`, and as a word in `reason`.
 *
 * Of several addresses of one queue the client takes one at random that answers, and after a break first tries the others.
 *
 * @param address an address such as `"example.org"`, `"wss://example.org/mq"` or `{ port: 4000 }`, or a list of several; by
 *   default the server of this machine, `ws://127.0.0.1:30008`
 * @param options how to connect: token, where to start reading, limits
 * @returns the connection
 * @throws {TypeError | RangeError} if an address or an option is invalid, or there is neither `WebSocket` nor `dial`
 * @throws {Error} if the JavaScript runtime is too old for the client
 * @throws {DsmqError} `unreachable`, if no server answers, with the `reason`; `unauthorized`, if the server needs a token
 *   and did not accept the one that was given, or none was given
 *
 * @example Put, and get
 * ```ts
 * import { connect, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0 });
 * await using mq = await connect(server.url);
 * await mq.put("greetings", "hello");
 * console.log(await mq.get("greetings")); // hello
 * console.log(await mq.get("greetings")); // nothing more: an empty string
 * ```
 */
declare function connect(address?: Address | readonly Address[], options?: ConnectOptions): Promise<Connection>;

export { DsmqError, connect, dead, isDsmqError, retry };
export type { Address, Administration, Backup, BackupInfo, BackupMessage, ClaimOptions, CloseInfo, CodedError, ConnectOptions, ConnectReason, Connection, ConnectionInfo, ConnectionStatus, CreateGroupOptions, DeadJobInfo, Dial, DsmqErrorDetails, DsmqErrorOf, Durability, EpochEnd, ErrorCode, ErrorFields, GapError, GapFound, GapHandler, GapPolicy, GroupInfo, GroupOptions, GroupWork, HoldOptions, HostAddress, InvalidHandler, Job, JsonValue, ManualJob, Message, MessageAttributes, MessageInit, MessageStream, NewestGone, PendingPuts, Permission, Prefix, PurgeOptions, PutFailure, PutOptions, PutOutcome, ReadOptions, ReconnectOptions, RedriveOptions, RetryBackoff, SchemaInput, SchemaIssue, SchemaOutput, SchemaResult, Since, Socket, StandardSchema, StatusChange, SubscribeOptions, TopicGone, TopicInfo, TopicWorker, TypedTopic, TypedTopics, ValueIssue, ValueJob, ValueMessage, ValueStream, ValueSubscribeOptions, WaitOptions, WireError, WorkOptions, WorkerStats };

