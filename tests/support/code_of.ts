/**
 * The code of an expected error.
 *
 * @module
 */

import { assertRejects } from "@std/assert";
import { DsmqError } from "@dsmq/server";
import { withTimeout } from "./with_timeout.ts";

/** The code with which a promise rejects. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => withTimeout(work), DsmqError)).code;
}
