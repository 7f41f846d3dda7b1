/**
 * The calls of a connection that concern groups.
 *
 * @module
 */

import type { DeadJobInfo, GroupInfo } from "../../protocol/group_info.ts";
import { DEAD_PAGE, GROUPS_PAGE } from "../../protocol/group_limits.ts";
import type { ResultReply } from "../../protocol/replies.ts";
import { listPages } from "../list_pages.ts";
import type { Prefix } from "../messages.ts";
import { askServer, jsonFields, protocolError } from "../pending_request.ts";
import type { ReconnectingClient } from "../reconnecting_client.ts";
import { requireFunction, requireOptions } from "../require_options.ts";
import { toWireSince } from "../since.ts";
import type { TopicNames } from "../topic_names.ts";
import { takeJob } from "./take_job.ts";
import { GroupWorker } from "./group_worker.ts";
import { groupName, requireWhole, requireWorking } from "./work_options.ts";
import type {
  ClaimOptions,
  CreateGroupOptions,
  GroupOptions,
  GroupWork,
  Job,
  ManualJob,
  RedriveOptions,
  TopicWorker,
  WorkOptions,
} from "./working.ts";

/** So many groups are listed at most. */
const MAX_GROUPS = 1_000_000;

/** Makes them. */
export class GroupCalls implements GroupWork {
  readonly #client: ReconnectingClient;
  readonly #topics: TopicNames;

  /** Makes none yet. */
  constructor(client: ReconnectingClient, topics: TopicNames) {
    this.#client = client;
    this.#topics = topics;
  }

  work(
    from: string | Prefix,
    handler: (job: Job) => unknown,
    options: WorkOptions = {},
  ): TopicWorker {
    const setup = this.#setup("work", from, options);
    requireFunction("work", "handler", handler);
    return new GroupWorker({ ...setup, handler, onError: options.onError, signal: options.signal });
  }

  async claim(
    from: string | Prefix,
    options: ClaimOptions = {},
  ): Promise<ManualJob | undefined> {
    const setup = this.#setup("claim", from, options);
    return await takeJob({ ...setup, signal: options.signal }, options.wait ?? 0);
  }

  #setup(action: "work" | "claim", from: string | Prefix, options: WorkOptions & ClaimOptions) {
    const source = this.#topics.resolveSource(action, from);
    const working = requireWorking(action, options);
    const since = this.#client.storeClock.toFixed(toWireSince(action, options.since));
    const { requests } = this.#client;
    requests.acceptance.require({ verb: action, topic: source.topic });
    requests.requireRoom(action, source.topic);
    return { requests, source, working, since };
  }

  async groups(from?: string | Prefix): Promise<GroupInfo[]> {
    const verb = "list groups";
    const filter = from === undefined ? {} : this.#topics.resolveSource(verb, from).fields;
    const all: GroupInfo[] = [];
    const pages = listPages(GROUPS_PAGE, (count) => {
      const { topic, prefix, group } = all.at(-1) ?? {};
      const after = group === undefined ? undefined : { topic, prefix, group };
      return this.#ask("groups", { ...filter, after, count }, "groups", (page) => page);
    });
    for await (const { groups } of pages) {
      all.push(...groups);
      if (all.length > MAX_GROUPS) throw protocolError(verb);
    }
    return all;
  }

  deadJobs(
    from: string | Prefix,
    options: GroupOptions = {},
  ): AsyncIterableIterator<DeadJobInfo, undefined> {
    const target = this.#target("list dead jobs", from, options, ["group"]);
    return this.#deadJobs(target);
  }

  async *#deadJobs(target: object): AsyncGenerator<DeadJobInfo, undefined> {
    let after = 0;
    const pages = listPages(
      DEAD_PAGE,
      (count) => this.#ask("dead", { ...target, after, count }, "dead", (page) => page),
    );
    for await (const { jobs } of pages) {
      if (jobs[0] && jobs[0].seq <= after) throw protocolError("list dead jobs");
      after = jobs.at(-1)?.seq ?? after;
      yield* jobs;
    }
  }

  async redrive(from: string | Prefix, options: RedriveOptions = {}): Promise<number> {
    const target = this.#target("redrive", from, options, ["group", "seq"]);
    const { seq } = options;
    requireSet("redrive", options);
    if (seq !== undefined) requireWhole("redrive", "seq", seq, 1);
    return await this.#ask("redrive", { ...target, seq }, "redriven", (it) => it.redriven);
  }

  async createGroup(from: string | Prefix, options: CreateGroupOptions = {}): Promise<boolean> {
    const verb = "create group";
    const target = this.#target(verb, from, options, ["group", "since"]);
    const since = this.#client.storeClock.toFixed(toWireSince(verb, options.since));
    return await this.#ask("create_group", { ...target, since }, "group_changed", isChanged);
  }

  async deleteGroup(from: string | Prefix, options: GroupOptions = {}): Promise<boolean> {
    const target = this.#target("delete group", from, options, ["group"]);
    requireSet("delete group", options);
    return await this.#ask("delete_group", target, "group_changed", isChanged);
  }

  /** The fields that name a group. */
  #target(
    verb: string,
    from: string | Prefix,
    options: GroupOptions,
    names: readonly string[],
  ): object {
    const { fields, topic } = this.#topics.resolveSource(verb, from);
    requireOptions(verb, options, names);
    const group = groupName(verb, options.group);
    this.#client.requests.requireRoom(verb, topic);
    return { ...fields, group };
  }

  /** Makes a request with these fields. */
  #ask<Kind extends ResultReply["kind"], T>(
    action: string,
    fields: object,
    kind: Kind,
    map: (reply: Extract<ResultReply, { readonly kind: Kind }>) => T,
  ): Promise<T> {
    return askServer(this.#client.requests, action, jsonFields(fields), kind, map);
  }
}

const isChanged = ({ changed }: { readonly changed: boolean }) => changed;

/** A variable that was never set must not mean the default group, or all of its jobs. */
function requireSet(verb: string, options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) throw new TypeError(`Cannot ${verb}: ${name} must not be undefined`);
  }
}
