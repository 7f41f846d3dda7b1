/**
 * Another version of this page: a server that was started anew may have one.
 *
 * @module
 */

import type { ServerApi } from "./server_api.ts";
import { keep, readKept } from "./tab_storage.ts";

/** For which version the page was loaded anew. */
const RELOADED_KEY = "dsmq-reloaded";

/**
 * Loads the page again if the server has another version of it: what this one knows may not fit that server.
 *
 * @param api asks the server
 * @param build the version of this page
 * @returns what the reader has to do, if it was not loaded again
 */
export async function loadOtherVersion(
  api: Pick<ServerApi, "build">,
  build: string,
): Promise<string | undefined> {
  const other = await api.build();
  if (other === undefined || other === build) return undefined;
  // Once: it may be a cache, or one of several servers, that has another page than what is loaded.
  if (readKept(RELOADED_KEY) === other) return undefined;
  // Where that cannot be kept, the page would be loaded for ever.
  if (!keep(RELOADED_KEY, other)) {
    return "The server has another version of this page: load it again.";
  }
  location.reload();
  return undefined;
}
