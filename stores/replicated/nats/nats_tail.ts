/**
 * The tail of a log in NATS.
 *
 * A consumer is on any server that has a copy of the stream, and that copy may be cut off from the others: so the stream's leader is
 * asked beside it, again and again, what the stream holds.
 *
 * @module
 */

import { type LogEntry, LogError, type LogPosition } from "../record_log.ts";
import type { NatsConnection } from "./nats_connection.ts";
import { unavailable } from "./nats_errors.ts";
import type { NatsPackages } from "./nats_packages.ts";
import { logState, streamInfo } from "./nats_stream.ts";
import { PushConsumer } from "./push_consumer.ts";

const ACTION = "follow the log";

/** The leader is asked in each second look, one look being a second; for how many looks it may not answer, or nothing may come of what it has. */
const ASK_EACH = 2;
const MAX_QUIET = 5;

/** How long it may take to answer, in milliseconds. */
const ASK_TIMEOUT = 1500;

/** A log, as its tail needs it. */
export interface TailedStream {
  readonly connection: NatsConnection;
  readonly nats: Pick<NatsPackages, "createInbox">;
  /** The name of the stream. */
  readonly name: string;
  /** As `RecordLog.fence`. */
  fence(): Promise<LogPosition>;
}

/** As `RecordLog.tail`. */
export async function* natsTail(
  stream: TailedStream,
  after: LogPosition,
  signal: AbortSignal,
): AsyncGenerator<LogEntry, void> {
  const aborted = Promise.withResolvers<undefined>();
  const abort = () => aborted.resolve(undefined);
  signal.addEventListener("abort", abort);
  try {
    if (signal.aborted) return;
    const opening = openTail(stream, after);
    const consumer = await Promise.race([opening, aborted.promise]);
    if (consumer === undefined) {
      opening.then((late) => late[Symbol.dispose](), () => {});
      return;
    }
    using opened = consumer;
    signal.addEventListener("abort", () => opened[Symbol.dispose](), { once: true });
    if (signal.aborted) return;
    for (let batch; (batch = await opened.nextBatch()) !== undefined;) {
      for (const item of batch) if (opened.accept(item)) yield item;
    }
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function openTail(stream: TailedStream, after: LogPosition): Promise<PushConsumer> {
  const { connection, nats, name } = stream;
  const { id, first, last } = logState(await streamInfo(connection, name));
  if (after > last) await checkEnd(stream, after);
  if (after + 1 < first) {
    throw new LogError("trimmed", `Cannot ${ACTION}: ${after + 1} to ${first - 1} were removed`);
  }
  const options = { stream: name, from: after + 1, action: ACTION };
  const { consumer } = await PushConsumer.open(connection, nats, options);
  const leader = new LeaderWatch(stream, consumer, id);
  consumer.onTick = () => leader.tick();
  return consumer;
}

/**
 * A leader that was replaced and does not know it yet, or a new one that has not caught up with itself, says that the log ends before
 * what it had acknowledged: seen when leaders were stopped and went on. What takes a quorum decides; the record that this costs is
 * seldom needed.
 */
async function checkEnd({ fence }: TailedStream, after: LogPosition): Promise<void> {
  const last = await fence() - 1;
  if (after <= last) return;
  throw new LogError("ahead", `Cannot ${ACTION}: it ends at ${last}, before ${after}`);
}

/** Asks the leader of a stream beside its consumer. */
class LeaderWatch {
  readonly #stream: TailedStream;
  readonly #consumer: PushConsumer;
  readonly #id: string;
  #looks = 0;
  #quiet = 0;
  #isAsking = false;
  /** Where the consumer was at the last answer, and for how many looks it has stood there though there was more. */
  #next = 0;
  #standing = 0;

  constructor(stream: TailedStream, consumer: PushConsumer, id: string) {
    this.#stream = stream;
    this.#consumer = consumer;
    this.#id = id;
  }

  tick(): void {
    this.#standing++;
    if (++this.#quiet >= MAX_QUIET) {
      const seconds = `${MAX_QUIET} s`;
      this.#consumer.fail(
        unavailable(ACTION, `the leader of the stream has not answered for ${seconds}`),
      );
    } else if (++this.#looks % ASK_EACH === 0 && !this.#isAsking) this.#ask();
  }

  async #ask(): Promise<void> {
    const { connection, name } = this.#stream;
    this.#isAsking = true;
    try {
      const { next } = this.#consumer;
      const { id, last } = logState(await streamInfo(connection, name, undefined, ASK_TIMEOUT));
      this.#quiet = 0;
      if (id !== this.#id) this.#consumer.fail(unavailable(ACTION, "the stream was made anew"));
      else if (last < next - 1) {
        const reason = `the leader of the stream has ${last} records, and ${next - 1} came`;
        this.#consumer.fail(unavailable(ACTION, reason));
      } else this.#compare(last);
    } catch (error) {
      const { message } = error as Error;
      // Deleted: nothing else tells so at once.
      if (message.endsWith("it was deleted")) this.#consumer.fail(error as LogError);
    } finally {
      this.#isAsking = false;
    }
  }

  /** A consumer that is behind, does not move and does not wait for its reader, stands still. */
  #compare(last: number): void {
    const { next, isEmpty } = this.#consumer;
    if (next > last || next !== this.#next || !isEmpty) {
      this.#next = next;
      this.#standing = 0;
    } else if (this.#standing >= MAX_QUIET) {
      this.#consumer.fail(
        unavailable(ACTION, `nothing comes after ${next - 1}, and there is more`),
      );
    }
  }
}
