/**
 * The metrics of groups.
 *
 * @module
 */

import { type GroupReadings, MAX_NAMED_GROUPS, type ReadGroup } from "../../queue/group_reader.ts";
import { labelled, metric, type MetricSpec, type Readings } from "./metric_list.ts";

/** What is read of groups; nothing if that cannot be read now. */
function ofGroups(
  read: (groups: GroupReadings) => number,
): (from: Readings) => number | undefined {
  return ({ groups }) => groups && read(groups);
}

/** A metric of each of the deepest groups. */
function named(
  name: string,
  help: string,
  read: (group: ReadGroup, now: number) => number,
): MetricSpec {
  return {
    type: "gauge",
    name: `dsmq_group_${name}`,
    help: `${help}, of each of the ${MAX_NAMED_GROUPS} deepest groups.`,
    labels: ["topic", "prefix", "group"],
    read({ groups }) {
      const all = groups?.deepest ?? [];
      return all.map((one) => {
        const { topic, prefix, group } = one.name;
        const labels = prefix === undefined ? { topic, group } : { prefix, group };
        return { labels, value: read(one, groups!.now) };
      });
    },
  };
}

/** All of them, in the order in which they are shown. */
export const GROUP_METRICS: readonly MetricSpec[] = [
  metric("gauge", "dsmq_groups", "Groups of workers.", ofGroups(({ groups }) => groups)),
  metric(
    "gauge",
    "dsmq_groups_limit",
    "The limit of dsmq_groups.",
    ({ server }) => server.limits.groups,
  ),
  metric(
    "gauge",
    "dsmq_stalled_groups",
    "Groups that take no new messages: they have as many unfinished jobs as they may have.",
    ofGroups(({ stalled }) => stalled),
  ),
  metric(
    "gauge",
    "dsmq_workers",
    "Workers of groups that are connected, and claims that wait for a job.",
    ofGroups(({ workers }) => workers),
  ),
  labelled(
    "gauge",
    "dsmq_jobs",
    "state",
    "Jobs of all groups that are not done, by their state; waiting are those that nobody has begun.",
    ({ groups }) => groups?.jobs ?? {},
  ),
  metric(
    "gauge",
    "dsmq_oldest_job_age_seconds",
    "How long ago the oldest message was stored that a group has not finished; dead ones do not count.",
    ofGroups(({ oldestAge }) => oldestAge),
  ),
  metric(
    "counter",
    "dsmq_jobs_claimed_total",
    "How often a job was given to a worker.",
    ofGroups(({ counts }) => counts.claimed),
  ),
  metric(
    "counter",
    "dsmq_jobs_done_total",
    "Jobs that were done.",
    ofGroups(({ counts }) => counts.done),
  ),
  metric(
    "counter",
    "dsmq_jobs_retried_total",
    "How often a job was to be tried again: it had failed, or its lease had ended.",
    ofGroups(({ counts }) => counts.retried),
  ),
  metric(
    "counter",
    "dsmq_jobs_died_total",
    "How often a job died.",
    ofGroups(({ counts }) => counts.died),
  ),
  metric(
    "counter",
    "dsmq_jobs_given_up_total",
    "Messages that groups had to give up unfinished, to make room.",
    ofGroups(({ counts }) => counts.givenUp),
  ),
  named("depth", "Jobs that wait", ({ depth }) => depth),
  named("held", "Jobs that workers hold", ({ held }) => held),
  named("dead", "Jobs that are dead", ({ dead }) => dead),
  named(
    "oldest_age_seconds",
    "How long ago the oldest message was stored that is not finished",
    ({ oldest }, now) => oldest === undefined ? 0 : Math.max(0, now - oldest) / 1000,
  ),
  named("stalled", "1 if no new messages are taken, else 0", ({ stalled }) => stalled ? 1 : 0),
  named("workers", "Workers that are connected, and claims that wait", ({ workers }) => workers),
];
