/**
 * The rows of several topics, merged in the order of the store.
 *
 * @module
 */

/** The next row of a topic; rows are named by the number of their last message. */
export interface TopicHead {
  /** The id of the topic. */
  readonly id: number;
  /** `null` if there is none. */
  readonly last: number | null;
  /** The newest message of the topic: there are no rows after it. */
  readonly newest: number;
}

/** Finds the rows of a topic after a number, at most so many. */
type FindRows = (id: number, after: number, limit: number) => readonly number[];

/** How many rows of a topic are looked up at once; each time it is twice as many. */
const LOOKUP = { first: 4, max: 64 };

/** The rows of a topic that were looked up, the next one first. */
interface TopicRows {
  readonly id: number;
  readonly newest: number;
  rows: readonly number[];
  index: number;
  limit: number;
}

/** Merges rows as they are taken. */
export class MergedRows {
  readonly #find: FindRows;
  /** The topic with the next row is the last one. */
  readonly #topics: TopicRows[];

  /**
   * Begins with the next row of each topic.
   *
   * @param heads these rows
   * @param find finds those that come after them
   */
  constructor(heads: readonly TopicHead[], find: FindRows) {
    this.#find = find;
    this.#topics = heads
      .filter((head): head is TopicHead & { last: number } => head.last !== null)
      .map(({ id, last, newest }) => {
        return { id, newest, rows: [last], index: 0, limit: LOOKUP.first };
      })
      .sort((a, b) => b.rows[0]! - a.rows[0]!);
  }

  /** The next rows, at most so many. */
  take(count: number): number[] {
    const taken: number[] = [];
    while (taken.length < count) {
      const topic = this.#topics.pop();
      if (!topic) break;
      const last = topic.rows[topic.index++]!;
      taken.push(last);
      if (topic.index === topic.rows.length) this.#lookUp(topic, last);
      if (topic.index < topic.rows.length) this.#insert(topic);
    }
    return taken;
  }

  #lookUp(topic: TopicRows, after: number): void {
    topic.rows = after < topic.newest ? this.#find(topic.id, after, topic.limit) : [];
    topic.index = 0;
    topic.limit = Math.min(LOOKUP.max, 2 * topic.limit);
  }

  #insert(topic: TopicRows): void {
    const next = topic.rows[topic.index]!;
    const topics = this.#topics;
    let [low, high] = [0, topics.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (topics[middle]!.rows[topics[middle]!.index]! > next) low = middle + 1;
      else high = middle;
    }
    topics.splice(low, 0, topic);
  }
}
