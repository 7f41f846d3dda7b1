/**
 * The requests of the workers of one connection that are under way.
 *
 * @module
 */

import type { WireRequest } from "../protocol/requests.ts";
import { MAX_CLAIMS } from "../protocol/group_limits.ts";
import { toWireError } from "../queue/store_failure.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { replyError, type ServerContext } from "./server_context.ts";

/** Resolves once a worker is opened. */
type Opening = Promise<void>;

/**
 * Has the requests of workers answered. A store over a log may take long, and if one worker were opened or renewed after another,
 * their leases would end meanwhile: there, nothing waits for these requests. Other stores answer at once, and so in order.
 */
export class JobRequests {
  readonly #context: ServerContext;
  readonly #replies: ReplyWriter;
  readonly #takesLong: boolean;
  readonly #openings = new Set<Opening>();
  /** How many requests and claims there are. */
  #underWay = 0;

  /** There are none yet. */
  constructor(context: ServerContext, replies: ReplyWriter) {
    this.#context = context;
    this.#replies = replies;
    this.#takesLong = context.queue.store.fence !== undefined;
  }

  /**
   * Has one answered.
   *
   * @param request the request
   * @param claims how many claims it names
   * @param work ends once it is answered; if it rejects, that is the answer
   * @returns for what the requests behind it have to wait, if for anything
   */
  run(request: WireRequest, claims: number, work: Promise<void>): Promise<void> | void {
    if (!this.#takesLong) return work;
    this.#underWay += 1 + claims;
    const done = work.catch((error) => {
      const failure = toWireError(error, this.#context.queue.log);
      replyError(this.#context, request, failure, this.#replies);
    }).finally(() => this.#underWay -= 1 + claims);
    // A peer must not make the server hold any number.
    if (this.#underWay > MAX_CLAIMS) return done;
  }

  /** The same for one that opens a worker: it is opened before those behind it are finished or renewed. */
  open(request: WireRequest, claims: number, work: Promise<void>): Promise<void> | void {
    if (!this.#takesLong) return work;
    const opening: Opening = work.finally(() => this.#openings.delete(opening));
    this.#openings.add(opening);
    return this.run(request, claims, opening);
  }

  /** Resolves once the workers are opened that are being opened; `undefined` if there are none. */
  get opened(): Promise<unknown> | undefined {
    return this.#openings.size > 0 ? Promise.allSettled(this.#openings) : undefined;
  }

  /** Adds a reply that is all ASCII. */
  reply(text: string): void {
    if (this.#takesLong) this.#replies.addLate(text, text.length);
    else this.#replies.addAscii(text);
  }
}
