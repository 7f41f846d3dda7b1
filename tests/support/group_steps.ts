/**
 * The steps of a program, as commands for a store.
 *
 * @module
 */

import type { Command } from "../../stores/commands.ts";
import type { GroupName } from "../../stores/groups/group_commands.ts";
import { workPut } from "../../testing/store/group_support.ts";
import { put } from "../../testing/store/support.ts";
import type { GroupStep } from "./group_programs.ts";

/** What steps refer to. */
export interface KnownJobs {
  /** The last message. */
  readonly last: number;
  /** A group, if it is there. */
  find(name: GroupName): {
    readonly jobs: {
      /** The jobs of a holder. */
      held(holder: string): readonly { readonly claim?: number | undefined }[];
      /** The dead ones, the oldest message first. */
      inState(state: "dead"): readonly { readonly seq: number }[];
    };
  } | undefined;
}

/**
 * The command of a step.
 *
 * @param step the step
 * @param model the store, before the command
 * @param given all claims that were ever given, the newest first
 * @param now the time
 */
export function commandOf(
  step: GroupStep,
  model: KnownJobs,
  given: readonly number[],
  now: number,
): Command {
  const claimAt = (pick: number) => given.length === 0 ? pick : given[pick % given.length]!;
  switch (step.do) {
    case "put": {
      const { topic, size, key, delay } = step;
      const attributes = { ...(key && { key }), ...(delay && { delay }) };
      const text = "x".repeat(size);
      return key || delay ? workPut(topic, text, attributes) : put(topic, text);
    }
    case "create":
      return { type: "create_group", name: step.name, after: step.after };
    case "delete":
      return { type: "delete_group", name: step.name };
    case "open": {
      const { do: _, holding, name, ...terms } = step;
      const held = model.find(name)?.jobs.held(step.holder) ?? [];
      const claims = holding === "all"
        ? held.map(({ claim }) => claim!)
        : holding === "none"
        ? []
        : holding.map(claimAt);
      return { type: "open_holder", name, ...terms, holding: claims };
    }
    case "close":
      return { type: "close_holder", name: step.name, holder: step.holder };
    case "claim":
      return { type: "claim", name: step.name, holders: step.holders, bytes: step.bytes };
    case "finish": {
      const outcomes = step.outcomes.map(({ pick, ...rest }) => ({
        claim: claimAt(pick),
        ...rest,
        reason: `reason ${pick}`,
      }));
      return { type: "finish", name: step.name, done: step.done.map(claimAt), outcomes };
    }
    case "extend": {
      const { name, holder, picks } = step;
      return { type: "extend", name, holder, claims: picks.map(claimAt) };
    }
    case "redrive": {
      const { name, skip, ago, max } = step;
      const dead = model.find(name)?.jobs.inState("dead") ?? [];
      const seq = step.pick === undefined
        ? undefined
        : dead[step.pick % (dead.length || 1)]?.seq ?? 0;
      const after = skip === 0 ? undefined : dead[skip - 1]?.seq;
      return { type: "redrive", name, seq, after, diedBy: ago === 0 ? undefined : now - ago, max };
    }
    case "purge": {
      const { topic, before } = step;
      const end = before === undefined
        ? undefined
        : "back" in before
        ? { seq: Math.max(1, model.last - before.back) }
        : { time: now - before.ago };
      return { type: "purge", topic, before: end, max: 1_000_000 };
    }
  }
}
