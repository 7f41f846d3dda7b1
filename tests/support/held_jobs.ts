/**
 * Jobs whose handlers end when the test lets them.
 *
 * @module
 */

import type { Job } from "@dsmq/server";

/** The jobs that have begun, their handler, and what lets all of them end. */
export function heldJobs() {
  const begun: Job[] = [];
  const gate = Promise.withResolvers<void>();
  const handle = async (job: Job) => {
    begun.push(job);
    await gate.promise;
  };
  return { begun, handle, finish: gate.resolve };
}
