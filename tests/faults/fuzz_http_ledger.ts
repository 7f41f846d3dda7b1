/**
 * What the fuzzer of plain HTTP has put, and whether that, and nothing else, was stored.
 *
 * @module
 */

/** A message that was stored. */
export interface StoredMessage {
  readonly seq: number;
  readonly topic: string;
  readonly body: string;
}

/** How a mark stands in a message. */
const MARK = /#\d+\.\d+#/;

/** What came of the puts of all connections. */
export class Ledger {
  /** What was answered with a number, by that. */
  readonly #acknowledged = new Map<number, { readonly topic?: string; readonly body?: string }>();
  /** Marks of messages that must not be stored: they were refused, or have not come whole. */
  readonly #refused = new Set<string>();
  readonly faults: string[] = [];

  /** How many were answered with a number. */
  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** A put was answered with a number; what is not known of it may be anything. */
  onStored(seq: number, put: { readonly topic?: string; readonly body?: string }): void {
    if (this.#acknowledged.has(seq)) this.faults.push(`two puts have the number ${seq}`);
    this.#acknowledged.set(seq, put);
  }

  /** What has these marks must not be stored. */
  onRefused(marks: readonly string[]): void {
    for (const mark of marks) this.#refused.add(mark);
  }

  /** Compares it with everything that was stored. Returns what is wrong. */
  check(stored: readonly StoredMessage[]): string[] {
    const wrong = [...this.faults];
    const bySeq = new Map(stored.map((message) => [message.seq, message]));
    for (const [seq, { topic, body }] of this.#acknowledged) {
      const message = bySeq.get(seq);
      if (!message) wrong.push(`${seq} was acknowledged, and is not there`);
      else if (topic !== undefined && message.topic !== topic) {
        wrong.push(`${seq} is in ${message.topic}, not in ${topic}`);
      } else if (body !== undefined && message.body !== body) {
        wrong.push(`${seq} is ${JSON.stringify(message.body)}, not ${JSON.stringify(body)}`);
      }
    }
    const seen = new Set<string>();
    for (const { seq, topic, body } of stored) {
      const mark = MARK.exec(body)?.[0];
      if (topic === "smuggled") wrong.push(`${seq} was smuggled: ${body}`);
      if (mark === undefined) continue;
      if (seen.has(mark)) wrong.push(`${mark} is stored twice`);
      if (this.#refused.has(mark)) wrong.push(`${mark} was not acknowledged, and is stored`);
      seen.add(mark);
    }
    return wrong;
  }
}
