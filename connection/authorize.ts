/**
 * What a session may do, and how what it may not is refused.
 *
 * @module
 */

import type { TopicInfo } from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import type { TopicsRequest, WireRequest } from "../protocol/requests.ts";
import { compareCodePoints, quoted } from "../protocol/text.ts";
import type { Store } from "../stores/store.ts";
import { awaitsReply } from "./server_context.ts";

/** Leave to do something. */
export interface Permissions {
  /** Whose it is; `""` for those without a token. */
  readonly identity: string;
  readonly admin: boolean;
  /** Everything may be read and written. */
  readonly full: boolean;
  /**
   * What topics begin with that may be read, in the order of their code points, none of it the beginning of another;
   * `undefined` for all.
   */
  readonly readable: readonly string[] | undefined;
  mayRead(topic: string): boolean;
  mayWrite(topic: string): boolean;
}

/** Knows tokens, by their digests. */
export interface AccessControl {
  digestOf(token: string): Promise<Uint8Array<ArrayBuffer>>;
  /** The leave that a token gives now, if any. */
  permissionsOf(digest: Uint8Array<ArrayBuffer>): Permissions | undefined;
}

/** What they are told who bring no token where one is needed. */
export const TOKEN_NEEDED: WireError = {
  code: "unauthorized",
  message: "Cannot do this: a token is needed, and none was given",
};

/** What they are told whose token is none of the good ones, or not any more. */
export const TOKEN_BAD: WireError = {
  code: "unauthorized",
  message: "Cannot do this: the token that was given is not good",
};

/** Why a request may not be done; `undefined` if it may be, or its verb judges for itself. */
function refusalOf(
  request: WireRequest,
  permissions: Permissions | undefined,
): WireError | undefined {
  const { action } = request;
  if (action === "hello") return undefined;
  if (!permissions) return TOKEN_NEEDED;
  switch (action) {
    case "put":
      return permissions.mayWrite(request.topic)
        ? undefined
        : permissionDenied("put into", request.topic);
    case "get":
    case "get_latest":
    case "get_wait":
    case "subscribe":
      return permissions.mayRead(request.topic)
        ? undefined
        : permissionDenied("read", request.topic);
    case "topics":
      return permissions.readable?.length === 0 ? permissionDenied("list topics") : undefined;
  }
  return undefined;
}

/** Words that leave is lacking. */
export function permissionDenied(verb: string, topic?: string): WireError {
  const what = topic === undefined ? verb : `${verb} topic ${quoted(topic)}`;
  return { code: "permission_denied", message: `Cannot ${what}: there is no leave for it` };
}

/**
 * Puts refusals in the place of what may not be done.
 *
 * @param run requests of one kind
 * @param permissions of who asks; `undefined` if that is not known yet
 * @returns the same, in order, in runs of one kind
 */
export function authorize(
  run: readonly WireRequest[],
  permissions: Permissions | undefined,
): readonly (readonly WireRequest[])[] {
  const runs: WireRequest[][] = [];
  for (const request of run) {
    const error = refusalOf(request, permissions);
    const checked = error ? refuseRequest(request, error) : request;
    // Refused ones go with puts, but not with gets.
    const last = runs.at(-1);
    if (last && (last[0]!.action === "get") === (checked.action === "get")) last.push(checked);
    else runs.push([checked]);
  }
  return runs;
}

function refuseRequest(request: WireRequest, error: WireError): WireRequest {
  return { action: "refused", id: request.id, needsReply: awaitsReply(request), error };
}

/**
 * Lists topics that may be read.
 *
 * @param store whose topics
 * @param request which of them
 * @param readable what they begin with, as a {@linkcode Permissions} has it; `undefined` for all
 * @param pause lets others have their turn, where it is time: there may be thousands of beginnings, and no topic
 * @returns a page of them, in the order of their code points
 */
export async function listReadableTopics(
  store: Pick<Store, "topics">,
  request: TopicsRequest,
  readable: readonly string[] | undefined,
  pause: () => Promise<void> | undefined,
): Promise<readonly TopicInfo[]> {
  const { prefix, after, count } = request;
  if (readable === undefined) return await store.topics({ prefix, after, count });
  const found: TopicInfo[] = [];
  // Where none is the beginning of another, all topics of one come before all topics of the next.
  for (let i = firstFrom(readable, prefix, after); i < readable.length; i++) {
    const readablePrefix = readable[i]!;
    const wanted = readablePrefix.startsWith(prefix)
      ? readablePrefix
      : prefix.startsWith(readablePrefix)
      ? prefix
      : undefined;
    if (wanted === undefined || found.length === count) break;
    found.push(...await store.topics({ prefix: wanted, after, count: count - found.length }));
    await pause();
  }
  return found;
}

/** The place of the first beginning of which there can be topics that begin with a prefix and come after another. */
function firstFrom(readable: readonly string[], prefix: string, after: string): number {
  const from = compareCodePoints(prefix, after) > 0 ? prefix : after;
  let [low, high] = [0, readable.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareCodePoints(readable[middle]!, from) < 0) low = middle + 1;
    else high = middle;
  }
  return low > 0 && from.startsWith(readable[low - 1]!) ? low - 1 : low;
}
