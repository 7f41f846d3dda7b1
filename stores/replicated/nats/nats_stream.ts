/**
 * The stream that is the log: how it must be set up, and what it holds.
 *
 * @module
 */

import { LogError, type LogState } from "../record_log.ts";
import type { NatsAddress } from "./nats_address.ts";
import { isApiError, type NatsConnection } from "./nats_connection.ts";
import { apiError, JETSTREAM_ERRORS, unavailable } from "./nats_errors.ts";

/** Settings of a stream; there are more. */
export type StreamSettings = Readonly<Record<string, unknown>>;

/** What JetStream says of a stream. */
export interface StreamInfo {
  readonly config: StreamSettings;
  /** When it was made: a stream that is deleted and made anew has another time. */
  readonly created: string;
  readonly state: {
    readonly messages: number;
    readonly first_seq: number;
    readonly last_seq: number;
    /** When the last one was stored. */
    readonly last_ts: string;
    /** How many messages each subject has, where that was asked for. */
    readonly subjects?: Readonly<Record<string, number>>;
  };
}

/** What is asked for with a stream's state. */
export interface InfoRequest {
  readonly subjects_filter?: string;
}

/** The smallest window that JetStream takes, in nanoseconds: our records have no ids of its, they recognise repeats by themselves. */
const DUPLICATE_WINDOW = 100_000_000;

/** The one subject of a log. */
export function subjectOf(name: string): string {
  return `dsmq.${name}`;
}

/** The settings of the stream of a log. */
export function logSettings({ name, replicas, storage }: NatsAddress): StreamSettings {
  return {
    name,
    subjects: [subjectOf(name)],
    storage,
    num_replicas: replicas,
    // Records go when a snapshot has what they did, and not by age or size; when there is no room, the new one is refused.
    retention: "limits",
    discard: "new",
    max_age: 0,
    max_bytes: -1,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    max_consumers: -1,
    duplicate_window: DUPLICATE_WINDOW,
    // A hole in the log stops all servers; whole heads of it are purged.
    deny_delete: true,
    deny_purge: false,
    allow_rollup_hdrs: false,
    // What is read comes from the leader.
    allow_direct: false,
  };
}

/** What a stream may have none of, whatever else: each would change, add or lose records, or their acknowledgements. */
const UNWANTED: StreamSettings = {
  discard_new_per_subject: false,
  no_ack: false,
  sealed: false,
  mirror: undefined,
  sources: undefined,
  subject_transform: undefined,
  republish: undefined,
  first_seq: undefined,
  allow_msg_ttl: false,
  allow_msg_counter: false,
  allow_msg_schedules: false,
  persist_mode: "default",
};

/** What servers leave out. */
const DEFAULTS: StreamSettings = { ...UNWANTED, max_msg_size: -1, max_consumers: -1 };

/**
 * The stream of this name, which is made if it is not there.
 *
 * @param connection to NATS
 * @param wanted its settings
 * @returns what JetStream says of it
 * @throws {LogError} `unusable`, if one is there with other settings: it is not altered
 */
export async function openStream(
  connection: NatsConnection,
  wanted: StreamSettings,
): Promise<StreamInfo> {
  const action = `open the stream ${wanted.name}`;
  const found = await connection.ask<StreamInfo>(action, `STREAM.INFO.${wanted.name}`);
  if (!isApiError(found)) return checkSettings(found, wanted);
  if (found.error.err_code !== JETSTREAM_ERRORS.streamNotFound) throw apiError(action, found.error);
  const made = await connection.ask<StreamInfo>(action, `STREAM.CREATE.${wanted.name}`, wanted);
  if (!isApiError(made)) return checkSettings(made, wanted);
  if (made.error.err_code !== JETSTREAM_ERRORS.streamNameInUse) {
    throw apiError(`make the stream ${wanted.name}`, made.error);
  }
  // Another server was faster.
  return checkSettings(await streamInfo(connection, `${wanted.name}`), wanted);
}

function checkSettings(info: StreamInfo, wanted: StreamSettings): StreamInfo {
  const { config } = info;
  const all = { ...UNWANTED, ...wanted };
  for (const [name, want] of Object.entries(all)) {
    // Without ids there are no duplicates for it.
    if (name === "duplicate_window") continue;
    const have = config[name] ?? DEFAULTS[name];
    if (JSON.stringify(have) === JSON.stringify(want)) continue;
    throw new LogError(
      "unusable",
      `Cannot use the stream ${wanted.name}: its ${name} is ${shown(have)}, it must be ${
        shown(want)
      }. It is left as it is: change it with the nats command, or take another name`,
    );
  }
  return info;
}

function shown(value: unknown): string {
  return value === undefined ? "not set" : JSON.stringify(value);
}

/** What the stream's leader says of it. */
export async function streamInfo(
  connection: NatsConnection,
  name: string,
  request?: InfoRequest,
  timeout?: number,
): Promise<StreamInfo> {
  const action = `ask for the stream ${name}`;
  const answer = await connection.ask<StreamInfo>(action, `STREAM.INFO.${name}`, request, timeout);
  if (!isApiError(answer)) return answer;
  if (answer.error.err_code === JETSTREAM_ERRORS.streamNotFound) {
    throw unavailable(action, "it is not there: it was deleted");
  }
  throw apiError(action, answer.error);
}

/** Removes messages of a stream: those before a number, or those of a subject. */
export async function purgeStream(
  connection: NatsConnection,
  name: string,
  which: { readonly seq: number } | { readonly filter: string },
): Promise<void> {
  await connection.request(`trim the stream ${name}`, `STREAM.PURGE.${name}`, which);
}

/** What a log holds. */
export function logState({ config, created, state }: StreamInfo): LogState {
  const last = state.last_seq;
  return {
    id: `${config.name}@${created}`,
    first: state.messages === 0 ? last + 1 : state.first_seq,
    last,
  };
}
