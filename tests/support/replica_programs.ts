/**
 * Random programs for replicas: commands of all kinds, and what else happens to one replica and not to others.
 *
 * @module
 */

import fc from "fast-check";
import type { Command } from "../../stores/commands.ts";
import { attributed } from "../../testing/store/attributes.ts";
import { put } from "../../testing/store/support.ts";
import { GROUP_NAMES, GROUP_TOPICS, type GroupStep, groupSteps } from "./group_programs.ts";
import { commandOf, type KnownJobs } from "./group_steps.ts";
import type { ReplicaSetting } from "./restored_replica.ts";

/** Names as they may come: with what ends a text in C, and with half a character. */
const SESSIONS = ["s", "s\0t", "\ud800", "9"];
const OWNERS = [undefined, "o", "o\0p", "\udfff"];

/** A command about sessions, or a put that may be repeated. */
type SessionStep =
  | {
    readonly do: "numbered";
    readonly session: string;
    readonly owner: string | undefined;
    /** How many numbers it passes over; below 0 it goes back. */
    readonly skip: number;
    readonly topic: string;
    readonly size: number;
    readonly messageId: string | undefined;
  }
  | {
    readonly do: "identified";
    readonly messageId: string;
    readonly identity: string;
    readonly topic: string;
    readonly key: string | undefined;
  }
  | { readonly do: "session"; readonly session: string; readonly owner: string | undefined }
  | { readonly do: "forget"; readonly session: string }
  | { readonly do: "purge some"; readonly topic: string; readonly max: number };

type ReplicaStep = GroupStep | SessionStep;

/** What happens in some milliseconds, and what happens to one replica after it. */
export interface ReplicaTurn {
  readonly pass: number;
  readonly batches: readonly {
    /** Its time is so much before that of the turn. */
    readonly back: number;
    readonly steps: readonly ReplicaStep[];
  }[];
  readonly then: readonly ("restore" | "trim" | "trim a little" | "flush")[];
  /** All are looked at, which moves what they have into their databases. */
  readonly looks: boolean;
}

/** A program, and the replicas for it. */
export interface ReplicaProgram {
  readonly setting: ReplicaSetting;
  /** There is a replica with another engine, too. */
  readonly hasThird: boolean;
  readonly turns: readonly ReplicaTurn[];
}

const DAY = 86_400_000;

const topic = fc.constantFrom(...GROUP_TOPICS);
const session = fc.constantFrom(...SESSIONS);
const owner = fc.constantFrom(...OWNERS);
const messageId = fc.constantFrom("m", "n");

const step: fc.Arbitrary<ReplicaStep> = fc.oneof(
  { weight: 20, arbitrary: groupSteps },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("numbered" as const),
      session,
      owner,
      skip: fc.constantFrom(0, 0, 0, 1, -1, -3),
      topic,
      size: fc.oneof(fc.nat(9), fc.constant(300)),
      messageId: fc.option(messageId, { nil: undefined, freq: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("identified" as const),
      messageId,
      identity: fc.constantFrom("", "me"),
      topic,
      key: fc.constantFrom(undefined, "k", "l\0\ud800"),
    }),
  },
  // Of groups without workers, some are deleted because nobody works on them.
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("create" as const),
      name: fc.constantFrom(...GROUP_NAMES),
      after: fc.constant(undefined),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("session" as const), session, owner }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), session }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("purge some" as const),
      topic,
      max: fc.constantFrom(1, 2, 5),
    }),
  },
);

const turn: fc.Arbitrary<ReplicaTurn> = fc.record({
  pass: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(0, 1, 400, 1000) },
    { weight: 3, arbitrary: fc.nat(3000) },
    { weight: 1, arbitrary: fc.constantFrom(20_000, 599_999, 3_600_000, 8 * DAY) },
  ),
  batches: fc.array(
    fc.record({
      back: fc.constantFrom(0, 0, 1, 500),
      steps: fc.array(step, { maxLength: 8, size: "max" }),
    }),
    { minLength: 1, maxLength: 3, size: "max" },
  ),
  then: fc.array(
    fc.constantFrom("restore" as const, "restore", "trim", "trim a little", "flush"),
    { maxLength: 2, size: "max" },
  ),
  looks: fc.constantFrom(false, false, false, true),
});

const setting: fc.Arbitrary<ReplicaSetting> = fc.record({
  retention: fc.constantFrom(500, 3000, 60_000, 30 * DAY),
  limits: fc.record({
    storedBytes: fc.constantFrom(600, 1500, 6000, 1e6),
    overflow: fc.constantFrom("reject" as const, "drop-oldest"),
    topics: fc.constantFrom(2, 3, 100),
    dedupRuns: fc.constantFrom(2, 4, 1000),
    dedupWindow: fc.constantFrom(1, 3, 1000),
    goneTopics: fc.constantFrom(1, 2, 100),
    groups: fc.constantFrom(2, 100, 100),
    unfinished: fc.constantFrom(1, 2, 4, 1000, 1000),
    groupBytes: fc.constantFrom(0, 300, 900, 1e6),
    groupRetention: fc.constantFrom(1000, 2000, 5000, 60_000, 1e12),
  }),
});

/** All programs. */
export const replicaPrograms: fc.Arbitrary<ReplicaProgram> = fc.record({
  setting,
  hasThird: fc.constantFrom(true, false, false),
  turns: fc.array(turn, { minLength: 1, maxLength: 40, size: "max" }),
});

/** Makes commands of steps, and learns from their results. */
export class ReplicaCommands {
  /** All that were ever given, the newest first. */
  readonly #claims: number[] = [];
  readonly #numbers = new Map<string, number>();

  /** The command of a step. */
  commandOf(step: ReplicaStep, known: KnownJobs, now: number): Command {
    switch (step.do) {
      case "numbered": {
        const { session, owner, skip, topic, size, messageId } = step;
        const last = this.#numbers.get(session) ?? 0;
        const n = Math.max(1, last + 1 + skip);
        this.#numbers.set(session, Math.max(last, n));
        const text = "x".repeat(size);
        const one = messageId === undefined
          ? put(topic, text)
          : attributed({ messageId }, topic, text);
        return { ...one, session, n, owner };
      }
      case "identified": {
        const { messageId, identity, topic, key } = step;
        return { ...attributed({ messageId, ...(key && { key }) }, topic), identity };
      }
      case "session":
        return { type: "open_session", session: step.session, owner: step.owner };
      case "forget":
        return { type: "forget_session", session: step.session };
      case "purge some":
        return { type: "purge", topic: step.topic, max: step.max };
      default:
        return withOpening(commandOf(step, known, this.#claims, now), now);
    }
  }

  /** The claims of results are known from then on. */
  learn(results: readonly unknown[]): void {
    for (const result of results) {
      const { jobs, ended } = Object(result) as {
        readonly jobs?: readonly (readonly { readonly claim: number }[])[];
        readonly ended?: readonly number[];
      };
      if (!jobs || !ended) continue;
      for (const { claim } of jobs.flat()) this.#claims.unshift(claim);
    }
  }
}

/** Holders are opened by several servers: which one is it in a command, if it is said, is as good as chance. */
function withOpening(command: Command, now: number): Command {
  const opening = [undefined, 1, 2][now % 3];
  if (command.type === "claim") {
    return { ...command, holders: command.holders.map((one) => ({ ...one, opening })) };
  }
  if (command.type === "finish") {
    return { ...command, outcomes: command.outcomes.map((one) => ({ ...one, opening })) };
  }
  const isOpening = command.type === "open_holder" || command.type === "close_holder";
  return isOpening ? { ...command, opening } : command;
}
