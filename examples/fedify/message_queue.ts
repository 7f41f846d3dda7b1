// Fedify's message queue on dsmq, for createFederation({ queue: new DsmqMessageQueue(await connect()), … }).
import type { Connection, PutOptions, WorkOptions } from "@dsmq/server";
import type {
  MessageQueue,
  MessageQueueDepth,
  MessageQueueEnqueueOptions,
  MessageQueueListenOptions,
} from "@fedify/fedify";

/** As often, and with delays as long, as Fedify would try by itself. */
const DEFAULTS: WorkOptions = {
  onError: console.error,
  concurrency: 16,
  attempts: 10,
  backoff: { minDelay: 1000, maxDelay: 12 * 3600 * 1000 },
};

export class DsmqMessageQueue implements MessageQueue {
  /** dsmq tries again by itself. What fails for good is listed by `dsmq dead`. */
  readonly nativeRetrial = true;

  constructor(
    private readonly mq: Connection,
    private readonly topic = "fedify",
    private readonly options: WorkOptions = {},
  ) {}

  async enqueue(message: unknown, options?: MessageQueueEnqueueOptions): Promise<void> {
    await this.mq.put(this.topic, JSON.stringify(message), putOptions(options));
  }

  async enqueueMany(all: readonly unknown[], options?: MessageQueueEnqueueOptions): Promise<void> {
    const messages = all.map((one) => ({ body: JSON.stringify(one), ...putOptions(options) }));
    await this.mq.putMany(this.topic, messages);
  }

  async listen(
    handler: (message: unknown) => Promise<void> | void,
    { signal }: MessageQueueListenOptions = {},
  ): Promise<void> {
    if (signal?.aborted) return;
    const options = { ...DEFAULTS, ...this.options, ...(signal && { signal }) };
    await this.mq.work(this.topic, ({ body }) => handler(JSON.parse(body)), options).closed
      .catch(() => {});
  }

  async getDepth(): Promise<MessageQueueDepth> {
    const { group: name = "default" } = this.options;
    const group = (await this.mq.groups(this.topic)).find(({ group }) => group === name);
    const { depth = 0, delayed = 0, blocked = 0 } = group ?? {};
    return { queued: depth, ready: depth - delayed - blocked, delayed };
  }
}

function putOptions({ delay, orderingKey }: MessageQueueEnqueueOptions = {}): PutOptions {
  return {
    ...(delay && { delay: Math.ceil(delay.total("milliseconds")) }),
    ...(orderingKey !== undefined && { key: orderingKey }),
  };
}
