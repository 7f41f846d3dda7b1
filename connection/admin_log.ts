/**
 * What administrators do, for the log.
 *
 * @module
 */

import { groupFields, groupInWords } from "../queue/group_names.ts";
import type { LogEvent } from "../queue/log_event.ts";
import type { GroupName } from "../stores/groups/group_commands.ts";
import type { ServerContext } from "./server_context.ts";

/** Who does it. */
export interface Administrator {
  /** The address of the peer. */
  readonly address: string;
  /** A part of the digest of its token; `""` without one. */
  readonly identity: string;
}

/** So much of an identity tells tokens apart, as in `dsmq connections`. */
const IDENTITY_LENGTH = 12;

/**
 * Logs what an administrator has done, or a client that may do it without being one.
 *
 * @param context the server
 * @param administrator who has done it
 * @param event what it is called
 * @param act what it is, such as `purged "orders"`
 * @param fields more about it
 * @param role what they are. Default: an administrator
 */
export function logAdministration(
  { queue }: Pick<ServerContext, "queue">,
  { address, identity }: Administrator,
  event: LogEvent["event"] & `admin_${string}`,
  act: string,
  fields: LogEvent["fields"] = {},
  role: "an administrator" | "a client" = "an administrator",
): void {
  const token = identity.slice(0, IDENTITY_LENGTH);
  const who = token === "" ? "without a token" : `with the token ${token}`;
  queue.log.write({
    event,
    message: `${role} at ${address || "an unknown address"} ${who} ${act}`,
    fields: { ...fields, address, ...(token !== "" && { identity: token }) },
  });
}

/**
 * Logs that a group was made.
 *
 * @param context the server
 * @param client who has made it
 * @param name the group
 */
export function logGroupCreation(
  context: Pick<ServerContext, "queue">,
  client: Administrator,
  name: GroupName,
): void {
  const act = `made the group ${groupInWords(name)}`;
  logAdministration(context, client, "admin_create_group", act, groupFields(name), "a client");
}

/** Logs that a group was deleted; see {@linkcode logGroupCreation}. */
export function logGroupDeletion(
  context: Pick<ServerContext, "queue">,
  client: Administrator,
  name: GroupName,
): void {
  const act = `deleted the group ${groupInWords(name)}`;
  logAdministration(context, client, "admin_delete_group", act, groupFields(name));
}

/** Logs that dead jobs are worked again, if there are some; see {@linkcode logGroupCreation}. */
export function logRedrive(
  context: Pick<ServerContext, "queue">,
  client: Administrator,
  name: GroupName,
  jobs: number,
): void {
  if (jobs === 0) return;
  const act = `had ${jobs} dead ${jobs === 1 ? "job" : "jobs"} of ${
    groupInWords(name)
  } worked again`;
  const fields = { ...groupFields(name), jobs };
  logAdministration(context, client, "admin_redrive", act, fields, "a client");
}
