/**
 * What a subscription reads: a topic, or all topics that begin with a prefix.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import type { TopicFilter } from "../protocol/requests.ts";

/** Checks what arrives, and names the source in errors. */
export class StreamSource {
  /** The fields of a request that name it. */
  readonly fields: TopicFilter;

  /** Takes a valid topic or prefix. */
  constructor(fields: TopicFilter) {
    this.fields = fields;
  }

  /** Its topic; `undefined` for a prefix. */
  get topic(): string | undefined {
    return this.fields.topic;
  }

  /** Its size in characters. */
  get size(): number {
    return (this.fields.topic ?? this.fields.prefix!).length;
  }

  /** Whether messages of these topics may arrive; a stream of one topic does not name it. */
  includes(topics: readonly string[] | undefined): boolean {
    const { prefix } = this.fields;
    return prefix === undefined || topics?.every((topic) => topic.startsWith(prefix)) === true;
  }

  /** An error that names the prefix, where that stands in place of a topic; of the same code, with what it carries. */
  named<E>(error: E): E {
    const { prefix } = this.fields;
    if (prefix === undefined || !(error instanceof DsmqError) || "prefix" in error) return error;
    const { code, message, cause } = error as DsmqError;
    return new DsmqError(code, message, { ...error as DsmqError, cause, prefix }) as E;
  }
}
