/**
 * Puts jobs into a file and works on them until it is killed. It prints what the store has answered: `put SEQ`, `claim SEQ CLAIM`
 * and `done SEQ`; and `finish SEQ` before it asks for that.
 *
 * @module
 */

import type { ClaimedJob } from "../../stores/groups/group_commands.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { claim, finish, open, workPut } from "../../testing/store/group_support.ts";
import { append } from "../../testing/store/support.ts";

const [path] = Deno.args as [string];
const clock = { now: () => Date.now() };
const options = { path, durability: "process", engine: nodeSqlite, retention: 600_000 } as const;
const store = new FileStore({ ...options, clock });

const held: ClaimedJob[] = [];

function say(what: readonly string[]): void {
  Deno.stdout.writeSync(new TextEncoder().encode(what.map((line) => `${line}\n`).join("")));
}

function got(jobs: readonly ClaimedJob[]): void {
  held.push(...jobs);
  say(jobs.map(({ message: { seq }, claim }) => `claim ${seq} ${claim}`));
}

async function put(): Promise<void> {
  for (let i = 0;; i++) {
    const messages = await append(store, [
      workPut("t", "x", { key: `k${i % 5}` }),
      workPut("t", "x", { delay: 1 + i % 7 }),
    ]);
    say(messages.map(({ seq }) => `put ${seq}`));
  }
}

async function work(): Promise<void> {
  // Those that the last process had, too.
  got((await open(store, "w", { attempts: 1000 })).jobs);
  for (let i = 0;; i++) {
    got(await claim(store, "w", 1 + i % 7));
    const jobs = held.splice(0, 1 + i % 5);
    const [retried, done] = [jobs.slice(0, i % 2), jobs.slice(i % 2)];
    const outcomes = retried.map((
      { claim },
    ) => ({ claim, outcome: "retry", delay: i % 3 } as const));
    say(done.map(({ message: { seq } }) => `finish ${seq}`));
    await finish(store, done, outcomes);
    say(done.map(({ message: { seq } }) => `done ${seq}`));
  }
}

await Promise.all([put(), work()]);
