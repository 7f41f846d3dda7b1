/**
 * All that can be learned of a store, for comparing two that have had the same commands.
 *
 * @module
 */

import type { GroupQuery, StoredGroup } from "../../stores/groups/group_commands.ts";
import type { Store, TopicMessage } from "../../stores/store.ts";

/** What cannot be listed: somebody has to know it. */
export interface KnownNames {
  /** Topics of which it is asked what is gone. */
  readonly topics?: readonly string[];
  /** Sessions of which it is asked how much of them is remembered. */
  readonly sessions?: readonly string[];
}

/** So many are asked for at a time: few, so that pages are put together. */
const PAGE = 100;

/**
 * Reads everything: messages, topics, what is gone, groups, dead jobs, and of which sessions all is remembered. It does not depend
 * on how far the clock of the store is, as long as nothing expires.
 *
 * @param store the store
 * @param names what cannot be listed
 */
export async function contentsOf(
  store: Store,
  { topics = [], sessions = [] }: KnownNames = {},
): Promise<object> {
  const { floor, last } = await store.bounds();
  const groups = await groupsOf(store);
  const bounds = await store.topicBounds(topics.map((topic) => ({ topic })));
  return {
    ...{ id: store.id, epoch: store.epoch, floor, last },
    messages: await messagesOf(store),
    topics: await topicsOf(store),
    gone: bounds.map(({ gone }, i) => ({ topic: topics[i], gone })),
    groups: groups.map((group) => ({ ...group })),
    dead: await Promise.all(groups.map(({ name }) => {
      return store.deadJobs({ name, after: 0, count: 1_000_000, bytes: 2 ** 40 });
    })),
    nextDue: store.nextDue,
    holdsJobs: store.holdsJobs,
    sessions: await Promise.all(sessions.map(async (session) => {
      const isKnownAfter = (seq: number) =>
        store.isDedupComplete(session, { epoch: store.epoch, seq });
      // From which number on it is remembered.
      let [low, high] = [0, last];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (await isKnownAfter(middle)) high = middle;
        else low = middle + 1;
      }
      return { session, after: low };
    })),
  };
}

async function messagesOf(store: Store): Promise<TopicMessage[]> {
  const all: TopicMessage[] = [];
  for (let after = 0;;) {
    const query = { prefix: "", after, count: PAGE, bytes: 2 ** 40, identities: true };
    const [page] = await store.read([query]);
    all.push(...page!.messages.map((message) => ({ ...message })));
    if (page!.through <= after) return all;
    after = page!.through;
  }
}

async function topicsOf(store: Store) {
  const all = [];
  for (let after = "";;) {
    const page = await store.topics({ prefix: "", after, count: PAGE });
    all.push(...page.map((topic) => ({ ...topic })));
    if (page.length < PAGE) return all;
    after = page.at(-1)!.topic;
  }
}

async function groupsOf(store: Store): Promise<StoredGroup[]> {
  const all: StoredGroup[] = [];
  for (let after: GroupQuery["after"];; after = all.at(-1)!.name) {
    const page = await store.groups({ count: PAGE, after });
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}
