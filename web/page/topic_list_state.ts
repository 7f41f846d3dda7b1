/**
 * What is kept of the list of topics while something else is shown, so that who comes back finds it as it was.
 *
 * @module
 */

import type { TopicInfo } from "../../client.ts";
import { TOPIC_COLUMNS, type TopicColumn } from "./topic_columns.ts";
import { Rates } from "./traffic.ts";

/** The list of topics. It changes as the reader and the server change it. */
export class TopicListState {
  readonly rates = new Rates();
  /** What was read last. */
  topics: readonly TopicInfo[] | undefined;
  /** What is in the names that are shown. */
  filter = "";
  /** What they are sorted by. */
  column: TopicColumn = TOPIC_COLUMNS[0]!;
}
