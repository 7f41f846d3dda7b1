import { assertMatch } from "@std/assert";
import type { LogEntry } from "../../stores/replicated/record_log.ts";
import { decodeRecord } from "../../stores/replicated/record_text.ts";
import { RecordSender } from "../../stores/replicated/record_sender.ts";
import { Replica } from "../../stores/replicated/replica.ts";
import { ReplicatedStore } from "../../stores/replicated/replicated_store.ts";
import type { Command } from "../../stores/store.ts";
import { judge } from "./oracle/oracle.ts";
import { simulate } from "./run.ts";

/** So many seeds are run until the oracle has found something. */
const SEEDS = 12;

const { apply } = Replica.prototype;
const { send } = RecordSender.prototype;
const { fence } = ReplicatedStore.prototype;

/** Something that is broken, and what the oracle says of it. */
const BROKEN: Readonly<Record<string, readonly [RegExp, () => void]>> = {
  "reads do not wait for what was said at other servers": [
    /it is stale|stored before it connected/,
    () => ReplicatedStore.prototype.fence = () => Promise.resolve(),
  ],
  "some records count twice": [
    /is stored twice/,
    () =>
      Replica.prototype.apply = function (this: Replica, entry: LogEntry) {
        const applied = apply.call(this, entry);
        const { ignored, messages } = applied;
        if (ignored || entry.position % 10 > 0) return applied;
        const commands = decodeRecord(entry.record)!.commands()!.map((command): Command => {
          return command.type === "put" ? { ...command, n: undefined } : command;
        });
        const again = [...messages];
        this.parts.machine.apply({ time: entry.time, commands }, again);
        return { ...applied, messages: again };
      },
  ],
  "one of the replicas leaves a record out": [
    /^record \d+ is /,
    () => {
      let isLeftOut = false;
      Replica.prototype.apply = function (this: Replica, entry: LogEntry) {
        if (isLeftOut || entry.position !== 40) return apply.call(this, entry);
        isLeftOut = true;
        return apply.call(this, { ...entry, record: new Uint8Array([0]) });
      };
    },
  ],
  "puts are answered before their record has come back": [
    /is acknowledged as number .* and is not there/,
    () =>
      RecordSender.prototype.send = async function (this: RecordSender, commands) {
        const results = send.call(this, commands);
        if (!commands.every(({ type }) => type === "put")) return await results;
        return commands.map((_, i) => ({ seq: i + 1, time: 0 }));
      },
  ],
};

for (const [what, [expected, breakIt]] of Object.entries(BROKEN)) {
  Deno.test(`the simulation of several servers finds it when ${what}`, async () => {
    breakIt();
    try {
      let faults: readonly string[] = [];
      for (let seed = 1; seed <= SEEDS && faults.length === 0; seed++) {
        const { entries } = await simulate(seed, { servers: 3, moves: false });
        faults = judge(entries);
      }
      assertMatch(faults[0] ?? "nothing", expected);
    } finally {
      Object.assign(Replica.prototype, { apply });
      Object.assign(RecordSender.prototype, { send });
      Object.assign(ReplicatedStore.prototype, { fence });
    }
  });
}
