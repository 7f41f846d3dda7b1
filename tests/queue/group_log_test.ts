/**
 * The log has the first dead job of a group at once, and others with their number.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { GroupLog } from "../../queue/group_log.ts";
import type { LogEvent } from "../../queue/log_event.ts";
import { TimerHeap } from "../../queue/timer_heap.ts";
import type { GroupName } from "../../stores/groups/group_commands.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const NOTHING = { ready: false, dead: 0, givenUp: 0, deleted: false, abandoned: false };
const MAILS: GroupName = { topic: "mails", group: "default" };
const ALL: GroupName = { prefix: "mails.", group: "two" };

function scene() {
  const clock = new ManualClock();
  const events: LogEvent[] = [];
  const log = new GroupLog({ write: (event) => events.push(event) }, new TimerHeap(clock));
  /** What was logged since it was asked last. */
  const logged = () =>
    events.splice(0).map(({ event, fields, repeats }) => [event, fields?.group, repeats?.count]);
  return { clock, events, log, logged };
}

Deno.test("the first dead job of a group is logged at once, and others once a minute with their number", () => {
  const { clock, log, logged } = scene();
  log.write({ ...NOTHING, name: MAILS, dead: 1 });
  assertEquals(logged(), [["job_dead", "default", 1]]);
  log.write({ ...NOTHING, name: MAILS, dead: 2 });
  log.write({ ...NOTHING, name: MAILS, dead: 3, ready: true });
  // Other groups, and other kinds, have lines of their own.
  log.write({ ...NOTHING, name: ALL, dead: 1 });
  log.write({ ...NOTHING, name: MAILS, givenUp: 4 });
  assertEquals(logged(), [["job_dead", "two", 1], ["job_given_up", "default", 4]]);
  clock.advance(59_999);
  assertEquals(logged(), []);
  clock.advance(1);
  assertEquals(logged(), [["job_dead", "default", 5]]);
  clock.advance(600_000);
  assertEquals(logged(), []);
  // After a while without any it is again the first.
  log.write({ ...NOTHING, name: MAILS, dead: 1 });
  assertEquals(logged(), [["job_dead", "default", 1]]);
});

Deno.test("what is counted when the server stops is logged then", () => {
  const { log, logged } = scene();
  log.write({ ...NOTHING, name: MAILS, dead: 1 });
  log.write({ ...NOTHING, name: MAILS, dead: 7 });
  logged();
  log.stop();
  log.stop();
  assertEquals(logged(), [["job_dead", "default", 7]]);
});

Deno.test("a group that is deleted because nobody works on it is logged, and what somebody deletes is not", () => {
  const { events, log } = scene();
  log.write({ ...NOTHING, name: MAILS, deleted: true });
  assertEquals(events, []);
  log.write({ ...NOTHING, name: ALL, deleted: true, abandoned: true });
  assertEquals(events.map(({ event, fields, message }) => [event, fields, message]), [[
    "group_deleted",
    { prefix: "mails.", group: "two" },
    'the group "two" of topics that begin with "mails." is deleted with all its jobs, for nobody has worked on it for too long',
  ]]);
});
