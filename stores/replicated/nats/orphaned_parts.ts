/**
 * Parts of snapshots that nobody will complete: whoever wrote them was killed.
 *
 * @module
 */

import { isApiError, type NatsConnection } from "./nats_connection.ts";
import { purgeStream, type StreamInfo } from "./nats_stream.ts";

/** How long nothing must have come after a part, in milliseconds: by then its writer has given up. */
const MAX_PAUSE = 3_600_000;

interface StoredMessage {
  readonly message: { readonly time: string };
}

/**
 * Removes them.
 *
 * @param connection to NATS
 * @param info of the stream of the object store, with the number of messages of each subject
 * @param isPart whether a subject is that of parts
 * @param wanted the subjects of the parts of complete objects
 */
export async function removeOrphanedParts(
  connection: NatsConnection,
  { config, state }: StreamInfo,
  isPart: (subject: string) => boolean,
  wanted: readonly string[],
): Promise<void> {
  const name = `${config.name}`;
  for (const subject of Object.keys(state.subjects ?? {})) {
    if (!isPart(subject) || wanted.includes(subject)) continue;
    const answer = await connection.ask<StoredMessage>(
      "look at the parts of a snapshot",
      `STREAM.MSG.GET.${name}`,
      { last_by_subj: subject },
    );
    if (isApiError(answer)) continue;
    // By the clock of NATS alone.
    const pause = Date.parse(state.last_ts) - Date.parse(answer.message.time);
    if (pause > MAX_PAUSE) await purgeStream(connection, name, { filter: subject });
  }
}
