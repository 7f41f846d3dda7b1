/**
 * What a session may do, and how what it may not is refused.
 *
 * @module
 */

import type { TopicEntry } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import type { Request, TopicsRequest } from "../protocol/requests.ts";
import { compareCodePoints, quoted } from "../protocol/text.ts";
import type { Store } from "../stores/store.ts";
import { isAwaited } from "./host.ts";

/** Leave to do something. */
export interface Leave {
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
export interface Door {
  digestOf(token: string): Promise<Uint8Array<ArrayBuffer>>;
  /** The leave that a token gives now, if any. */
  leaveOf(digest: Uint8Array<ArrayBuffer>): Leave | undefined;
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
function refusal(request: Request, leave: Leave | undefined): WireError | undefined {
  const { action } = request;
  if (action === "hello") return undefined;
  if (!leave) return TOKEN_NEEDED;
  switch (action) {
    case "put":
      return leave.mayWrite(request.topic) ? undefined : noLeave("put into", request.topic);
    case "get":
    case "get_latest":
    case "get_wait":
    case "subscribe":
      return leave.mayRead(request.topic) ? undefined : noLeave("read", request.topic);
    case "topics":
      return leave.readable?.length === 0 ? noLeave("list topics") : undefined;
  }
  return undefined;
}

/** Words that leave is lacking. */
export function noLeave(verb: string, topic?: string): WireError {
  const what = topic === undefined ? verb : `${verb} topic ${quoted(topic)}`;
  return { code: "not_allowed", message: `Cannot ${what}: there is no leave for it` };
}

/**
 * Puts refusals in the place of what may not be done.
 *
 * @param run requests of one kind
 * @param leave of who asks; `undefined` if that is not known yet
 * @returns the same, in order, in runs of one kind
 */
export function allowed(
  run: readonly Request[],
  leave: Leave | undefined,
): readonly (readonly Request[])[] {
  const runs: Request[][] = [];
  for (const request of run) {
    const error = refusal(request, leave);
    const judged = error ? refused(request, error) : request;
    // Refused ones go with puts, but not with gets.
    const last = runs.at(-1);
    if (last && (last[0]!.action === "get") === (judged.action === "get")) last.push(judged);
    else runs.push([judged]);
  }
  return runs;
}

function refused(request: Request, error: WireError): Request {
  return { action: "refused", id: request.id, awaited: isAwaited(request), error };
}

/**
 * Lists topics that may be read.
 *
 * @param store whose topics
 * @param request which of them
 * @param readable what they begin with, as a {@linkcode Leave} has it; `undefined` for all
 * @param pause lets others have their turn, where it is time: there may be thousands of beginnings, and no topic
 * @returns a page of them, in the order of their code points
 */
export async function readableTopics(
  store: Pick<Store, "topics">,
  request: TopicsRequest,
  readable: readonly string[] | undefined,
  pause: () => Promise<void> | undefined,
): Promise<readonly TopicEntry[]> {
  const { prefix, after, count } = request;
  if (readable === undefined) return await store.topics({ prefix, after, count });
  const found: TopicEntry[] = [];
  // Where none is the beginning of another, all topics of one come before all topics of the next.
  for (let i = firstFrom(readable, prefix, after); i < readable.length; i++) {
    const own = readable[i]!;
    const wanted = own.startsWith(prefix) ? own : prefix.startsWith(own) ? prefix : undefined;
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
