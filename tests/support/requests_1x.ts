/**
 * The requests of a client of dsmq 1.x: they have no `id`.
 *
 * @module
 */

import type { RawClient } from "./raw_client.ts";

/** Makes requests. */
export const requests1x = {
  put: (topic: string, message: string) => ({ action: "put", topic, message }),
  get: (topic: string) => ({ action: "get", topic }),
  getLatest: (topic: string) => ({ action: "get_latest", topic }),
} as const;

/** Sends a request; resolves to the text of the next frame. */
export async function requestText(client: RawClient, request: unknown): Promise<string> {
  client.send(request);
  return await client.nextText();
}
