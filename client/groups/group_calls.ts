/**
 * The calls of a connection that concern groups.
 *
 * @module
 */

import type { DeadJobInfo, GroupInfo } from "../../protocol/group_info.ts";
import { DEAD_PAGE, GROUPS_PAGE } from "../../protocol/group_limits.ts";
import { DsmqError } from "../../protocol/errors.ts";
import type { ResultReply } from "../../protocol/replies.ts";
import type { Prefix } from "../messages.ts";
import { jsonFields, protocolError, SimpleRequest } from "../pending_request.ts";
import type { ReconnectingClient } from "../reconnecting_client.ts";
import { requireOptions } from "../require_options.ts";
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
    if (typeof handler !== "function") {
      throw new TypeError(`Cannot work: handler must be a function, got ${typeof handler}`);
    }
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
    const pages = this.#pages("groups", GROUPS_PAGE, () => {
      const { topic, prefix, group } = all.at(-1) ?? {};
      return { ...filter, after: group === undefined ? undefined : { topic, prefix, group } };
    }, ({ groups, more }) => ({ items: groups, more }));
    for await (const page of pages) {
      all.push(...page);
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
    const pages = this.#pages("dead", DEAD_PAGE, () => ({ ...target, after }), (
      { jobs, more },
    ) => ({ items: jobs, more }));
    for await (const page of pages) {
      if (page[0] && page[0].seq <= after) throw protocolError("list dead jobs");
      after = page.at(-1)?.seq ?? after;
      yield* page;
    }
  }

  /** The pages of a list; one that something on the way refuses is asked for again in smaller ones. */
  async *#pages<Kind extends "groups" | "dead", T>(
    kind: Kind,
    maxCount: number,
    fields: () => object,
    map: (
      reply: Extract<ResultReply, { readonly kind: Kind }>,
    ) => { items: readonly T[]; more: boolean },
  ): AsyncGenerator<readonly T[], undefined> {
    let count = maxCount;
    for (let more = true; more;) {
      try {
        const page = await this.ask(kind, jsonFields({ ...fields(), count }), kind, map);
        more = page.more;
        yield page.items;
      } catch (error) {
        if (count === 1 || !(error instanceof DsmqError && error.code === "refused")) throw error;
        count = Math.ceil(count / 32);
      }
    }
  }

  async redrive(from: string | Prefix, options: RedriveOptions = {}): Promise<number> {
    const target = this.#target("redrive", from, options, ["group", "seq"]);
    const { seq } = options;
    requireSet("redrive", options);
    if (seq !== undefined) requireWhole("redrive", "seq", seq, 1);
    return await this.ask(
      "redrive",
      jsonFields({ ...target, seq }),
      "redriven",
      (it) => it.redriven,
    );
  }

  async createGroup(from: string | Prefix, options: CreateGroupOptions = {}): Promise<boolean> {
    const verb = "create group";
    const target = this.#target(verb, from, options, ["group", "since"]);
    const since = this.#client.storeClock.toFixed(toWireSince(verb, options.since));
    const fields = jsonFields({ ...target, since });
    return await this.ask("create_group", fields, "group_changed", (it) => it.changed);
  }

  async deleteGroup(from: string | Prefix, options: GroupOptions = {}): Promise<boolean> {
    const target = this.#target("delete group", from, options, ["group"]);
    requireSet("delete group", options);
    return await this.ask("delete_group", jsonFields(target), "group_changed", (it) => it.changed);
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

  /** Makes a request, and turns its reply into the result; what `map` throws rejects. */
  protected ask<Kind extends ResultReply["kind"], T>(
    action: string,
    jsonFields: string,
    kind: Kind,
    map: (reply: Extract<ResultReply, { readonly kind: Kind }>) => T,
  ): Promise<T> {
    return new Promise((resolve) => {
      this.#client.requests.send(new SimpleRequest(action, jsonFields, kind, map, resolve));
    });
  }
}

/** A variable that was never set must not mean the default group, or all of its jobs. */
function requireSet(verb: string, options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) throw new TypeError(`Cannot ${verb}: ${name} must not be undefined`);
  }
}
