/**
 * Asks a server for its status.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ServerOperation, ServerStatus } from "../../http/server_status.ts";
import type { HttpServer } from "./http_server.ts";

/** A header of a request that was passed on by a proxy. */
export const FORWARDED = { "x-forwarded-for": "192.0.2.1" };

/** The status, as a request with these headers gets it. */
export async function statusOf(
  server: Pick<HttpServer, "get">,
  headers: Record<string, string> = {},
): Promise<ServerStatus> {
  const response = await server.get("/status", { headers });
  const text = await response.text();
  assertEquals(response.status, 200, text);
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(response.headers.get("cache-control"), "no-store");
  return JSON.parse(text);
}

/** How much of a limit is used, and the limit. */
export const useOf = ({ limits }: ServerOperation, name: string) => {
  const { used, limit } = limits.find((one) => one.name === name)!;
  return [used, limit];
};

/** What is told of groups where there are none. */
export const NO_GROUPS: ServerOperation["groups"] = {
  ...{ groups: 0, stalled: 0, workers: 0, oldest: null },
  jobs: { waiting: 0, ready: 0, delayed: 0, blocked: 0, held: 0, dead: 0 },
  counts: { claimed: 0, done: 0, retried: 0, died: 0, givenUp: 0 },
};
