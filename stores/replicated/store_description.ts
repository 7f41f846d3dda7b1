/**
 * What a replicated store is, for a person.
 *
 * @module
 */

import type { Durability } from "../../protocol/encode_replies.ts";
import type { Engine } from "../engine.ts";
import type { RecordLog } from "./record_log.ts";

const DURABILITY_TEXT: Readonly<Record<Durability, string>> = {
  memory: "an acknowledged message is in the memory of the log's servers alone",
  process: "an acknowledged message survives the end of the log's server, perhaps no power failure",
  disk: "an acknowledged message survives a power failure",
  quorum: "an acknowledged message survives the loss of less than half of the log's servers",
};

/** Where the messages are, and what they survive, in one line without credentials. */
export function describeReplicated(
  { description, durability }: Pick<RecordLog, "description" | "durability">,
  { name }: Pick<Engine, "name">,
): string {
  return `${description}, a replica on ${name} (${DURABILITY_TEXT[durability]})`;
}
