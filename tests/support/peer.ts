/**
 * Sessions without sockets: the test is the peer.
 *
 * @module
 */

import { assert } from "@std/assert";
import { Leave } from "../../door/leave.ts";
import { digestOf } from "../../door/tokens.ts";
import { Claims } from "../../queue/claims.ts";
import type { Clock } from "../../queue/clock.ts";
import type { Host } from "../../queue/host.ts";
import { Pulses } from "../../queue/pulses.ts";
import { Queue } from "../../queue/queue.ts";
import { Session } from "../../queue/session.ts";
import { Budgets } from "../../queue/shares.ts";
import type { Wire } from "../../queue/wire.ts";
import type { Store } from "../../stores/store.ts";
import { quiet } from "./open_server.ts";
import { type ServerLimits, USUAL_LIMITS } from "../../protocol/limits.ts";

/** Leave to do everything, for those who have no token. */
export const EVERYTHING: Leave = new Leave("", {});

/** What sessions over a store have in common; it ends with the queue. */
export async function hosted(
  store: Store,
  clock: Clock,
  limits: Partial<ServerLimits> = {},
): Promise<Host & AsyncDisposable> {
  const queue = await Queue.open(store, clock, quiet);
  return {
    queue,
    welcome: {
      protocol: 1,
      server: "test",
      store: store.id,
      epoch: store.epoch,
      kept: store.kept,
      retention: 600_000,
      limits: { ...USUAL_LIMITS, ...limits },
    },
    errorsPerMinute: limits.errorsPerMinute ?? Infinity,
    door: { digestOf, leaveOf: () => EVERYTHING },
    claims: new Claims(),
    pulses: new Pulses(queue),
    budgets: new Budgets({ ...USUAL_LIMITS, ...limits }),
    shutdown: undefined,
    refused: () => {},
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

/** What a session says. */
export interface Said {
  readonly id?: number;
  readonly seq?: number;
  readonly message?: string;
  readonly sub?: number;
  readonly prev?: number;
  readonly error?: { readonly code: string };
  readonly seqs?: readonly number[];
  readonly messages?: readonly string[];
}

/** A session whose peer is the test. */
export class Peer {
  /** What came under no id: the frames of streams. */
  readonly streamed: Said[] = [];
  readonly #session: Session;
  readonly #asked = new Map<number, (said: Said) => void>();
  #lastId = 0;

  /** Opens a session. */
  constructor(host: Host, start = 0) {
    const wire: Wire = {
      send: (frame) => this.#hear(frame),
      buffered: 0,
      drained: () => Promise.resolve(),
      close: () => {},
      drop: () => {},
    };
    this.#session = new Session(host, wire, start, EVERYTHING);
  }

  /** Says one request in a frame; an id is given here. */
  ask(request: object): Promise<Said> {
    const { request: said, answer } = this.#named(request);
    this.#session.receive(JSON.stringify(said));
    return answer;
  }

  /** Says several requests in one frame. */
  askAll(requests: readonly object[]): Promise<Said[]> {
    const named = requests.map((request) => this.#named(request));
    this.#session.receive(JSON.stringify(named.map(({ request }) => request)));
    return Promise.all(named.map(({ answer }) => answer));
  }

  /** Hangs up. */
  close(): void {
    this.#session.end();
  }

  #named(request: object): { request: object; answer: Promise<Said> } {
    const id = ++this.#lastId;
    const { promise: answer, resolve } = Promise.withResolvers<Said>();
    this.#asked.set(id, resolve);
    return { request: { ...request, id }, answer };
  }

  #hear(frame: string): void {
    for (const said of [JSON.parse(frame)].flat() as Said[]) {
      if (said.id === undefined) {
        this.streamed.push(said);
        continue;
      }
      const answer = this.#asked.get(said.id);
      assert(answer, `an answer that was not asked for, or is given twice: ${frame}`);
      this.#asked.delete(said.id);
      answer(said);
    }
  }
}
