/**
 * Random programs for a store with groups.
 *
 * @module
 */

import fc from "fast-check";
import type { GroupName } from "../../stores/groups/group_commands.ts";
import type { GroupSetting } from "./group_model.ts";

/** The topics of programs; some begin with others. */
export const GROUP_TOPICS = ["a", "ab", "b", "dé"];

/** Their groups, of which several work on the same messages. */
export const GROUP_NAMES: readonly GroupName[] = [
  { topic: "a", group: "g" },
  { topic: "a", group: "h" },
  { prefix: "a", group: "g" },
  { prefix: "", group: "g" },
  { topic: "b", group: "g" },
];

const HOLDERS = ["x", "y", "z"];

/** A command. `pick`s choose among the claims that were ever given, the newest first, and wrap. */
export type GroupStep =
  | {
    readonly do: "put";
    readonly topic: string;
    readonly size: number;
    readonly key: string | undefined;
    readonly delay: number | undefined;
  }
  | { readonly do: "create"; readonly name: GroupName; readonly after: number | undefined }
  | { readonly do: "delete"; readonly name: GroupName }
  | {
    readonly do: "open";
    readonly name: GroupName;
    readonly holder: string;
    readonly lease: number;
    readonly timeout: number;
    readonly attempts: number;
    readonly after: number | undefined;
    readonly holding: "all" | "none" | readonly number[];
    readonly bytes: number | undefined;
  }
  | { readonly do: "close"; readonly name: GroupName; readonly holder: string }
  | {
    readonly do: "claim";
    readonly name: GroupName;
    readonly holders: readonly { readonly holder: string; readonly count: number }[];
    readonly bytes: number;
  }
  | {
    readonly do: "finish";
    readonly name: GroupName;
    readonly done: readonly number[];
    readonly outcomes: readonly {
      readonly pick: number;
      readonly outcome: "retry" | "dead" | "release";
      readonly delay: number | undefined;
    }[];
  }
  | {
    readonly do: "extend";
    readonly name: GroupName;
    readonly holder: string | undefined;
    readonly picks: readonly number[];
  }
  | {
    readonly do: "redrive";
    readonly name: GroupName;
    readonly pick: number | undefined;
    /** How many dead ones are passed over, how long ago the others died, and how many of them are worked again at most. */
    readonly skip: number;
    readonly ago: number;
    readonly max: number;
  }
  | {
    readonly do: "purge";
    readonly topic: string;
    /** All, up to so many messages before the last, or those older than so many milliseconds. */
    readonly before: undefined | { readonly back: number } | { readonly ago: number };
  };

/** What happens at one time, and after it. */
export interface GroupTurn {
  /** How long it is since the turn before, in milliseconds. */
  readonly pass: number;
  readonly steps: readonly GroupStep[];
  readonly then: "nothing" | "trim" | "trim a little" | "restart" | "read";
}

/** A program, and the store for it. */
export interface GroupProgram {
  readonly setting: GroupSetting;
  readonly turns: readonly GroupTurn[];
}

const DAY = 86_400_000;

const name = fc.oneof(fc.constantFrom(...GROUP_NAMES.slice(0, 1)), fc.constantFrom(...GROUP_NAMES));
const holder = fc.constantFrom(...HOLDERS);
const topic = fc.constantFrom(...GROUP_TOPICS, "a");
const pick = fc.oneof(fc.nat(3), fc.nat(30));
const after = fc.option(fc.nat(10), { nil: undefined, freq: 4 });

function action<D extends GroupStep["do"]>(
  weight: number,
  kind: D,
  fields: {
    [K in keyof Omit<Extract<GroupStep, { do: D }>, "do">]: fc.Arbitrary<
      Extract<GroupStep, { do: D }>[K]
    >;
  },
): fc.WeightedArbitrary<GroupStep> {
  return {
    weight,
    arbitrary: fc.record({ do: fc.constant(kind), ...fields }) as unknown as fc.Arbitrary<
      GroupStep
    >,
  };
}

/** Any command. */
export const groupSteps: fc.Arbitrary<GroupStep> = fc.oneof(
  action(14, "put", {
    topic,
    size: fc.oneof(fc.nat(9), fc.constant(300)),
    key: fc.option(fc.constantFrom("k", "l"), { nil: undefined, freq: 2 }),
    delay: fc.option(fc.constantFrom(1, 500, 3000, 2 * DAY), { nil: undefined, freq: 2 }),
  }),
  action(10, "claim", {
    name,
    holders: fc.array(fc.record({ holder, count: fc.nat(4) }), { minLength: 1, maxLength: 3 }),
    bytes: fc.constantFrom(1, 400, 1e9, 1e9),
  }),
  action(7, "finish", {
    name,
    done: fc.array(pick, { maxLength: 3 }),
    outcomes: fc.array(
      fc.record({
        pick,
        outcome: fc.constantFrom(
          "retry" as const,
          "retry" as const,
          "dead" as const,
          "release" as const,
        ),
        delay: fc.option(fc.constantFrom(0, 1, 700, 5000), { nil: undefined }),
      }),
      { maxLength: 3 },
    ),
  }),
  action(6, "open", {
    name,
    holder,
    lease: fc.constantFrom(1000, 2500, 30_000),
    timeout: fc.constantFrom(600, 4000, 600_000),
    attempts: fc.constantFrom(1, 2, 3),
    after,
    bytes: fc.constantFrom(undefined, undefined, 1, 100),
    holding: fc.oneof(
      fc.constantFrom("all" as const, "none" as const),
      fc.array(pick, { maxLength: 3 }),
    ),
  }),
  action(2, "extend", {
    name,
    holder: fc.option(holder, { nil: undefined }),
    picks: fc.array(pick, { maxLength: 3 }),
  }),
  action(1, "close", { name, holder }),
  action(1, "create", { name, after }),
  action(1, "delete", { name }),
  action(2, "redrive", {
    name,
    pick: fc.option(pick, { nil: undefined }),
    skip: fc.constantFrom(0, 0, 1),
    ago: fc.constantFrom(0, 0, 400, 1500),
    max: fc.constantFrom(1, 2, 1000),
  }),
  action(1, "purge", {
    topic,
    before: fc.oneof(
      fc.constant(undefined),
      fc.record({ back: fc.nat(8) }),
      fc.record({ ago: fc.constantFrom(0, 400, 1500, 9000) }),
    ),
  }),
);

const turn: fc.Arbitrary<GroupTurn> = fc.record({
  pass: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(0, 1, 400, 1000) },
    { weight: 3, arbitrary: fc.nat(3000) },
    { weight: 1, arbitrary: fc.constantFrom(20_000, 3_600_000, 8 * DAY) },
  ),
  steps: fc.array(groupSteps, { maxLength: 6, size: "max" }),
  then: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom("nothing" as const, "trim" as const, "trim a little" as const),
    },
    { weight: 2, arbitrary: fc.constantFrom("restart" as const, "read" as const) },
  ),
});

const setting: fc.Arbitrary<GroupSetting> = fc.record({
  retention: fc.constantFrom(500, 3000, 3000, 60_000, 30 * DAY),
  limits: fc.record({
    storedBytes: fc.constantFrom(600, 1500, 1e6, 1e6),
    overflow: fc.constantFrom("reject" as const, "drop-oldest" as const, "drop-oldest" as const),
    groups: fc.constantFrom(2, 100, 100),
    unfinished: fc.constantFrom(1, 2, 4, 1000),
    groupBytes: fc.constantFrom(0, 300, 900, 1e6),
    groupRetention: fc.constantFrom(2000, 1e12, 1e12),
  }),
});

/** All programs. */
export const groupPrograms: fc.Arbitrary<GroupProgram> = fc.record({
  setting,
  turns: fc.array(turn, { minLength: 1, maxLength: 40, size: "max" }),
});
