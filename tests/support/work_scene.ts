/**
 * A server in memory on a clock of the test, with workers whose frames the test sees.
 *
 * @module
 */

import type { ServerLimits } from "../../protocol/limits.ts";
import type { GroupName } from "../../stores/groups/group_commands.ts";
import type { Store } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { inMemory, store as putInto, testServer, turns } from "./bridge.ts";
import { ManualPeer, type ManualPeerOptions } from "./manual_peer.ts";

/** The group of most tests. */
export const GROUP: GroupName = { topic: "t", group: "default" };

/** The name of a worker. */
export const workerName = (name: string): string => name.padEnd(16, "_");

/** A job, as its worker gets it. */
export interface ReceivedJob {
  readonly claim: number;
  readonly body: string;
  readonly attempt: number;
  readonly topic: string | undefined;
}

/** A connection with workers. */
export class WorkPeer extends ManualPeer {
  #id = 0;

  /** Sends a request, and waits for its answer. The id of a `work` is that of its stream. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  ask(action: string, fields: object = {}): Promise<any> {
    return this.request({ action, topic: "t", ...fields, id: ++this.#id });
  }

  /** Begins to work on a topic, or a prefix. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  work(worker: string, fields: object = {}): Promise<any> {
    return this.ask("work", { worker: workerName(worker), credit: 10, lease: 10_000, ...fields });
  }

  /** The jobs that came, in order, of one stream or of all. */
  jobs(sub?: number): ReceivedJob[] {
    return this.received.filter((item) => item.claims && (sub === undefined || item.sub === sub))
      .flatMap(({ claims, bodies, attempts, topics }) =>
        claims.map((claim: number, i: number) => ({
          claim,
          body: bodies[i],
          attempt: attempts?.[i] ?? 1,
          topic: topics?.[i],
        }))
      );
  }

  /** The texts of the jobs that came. */
  get bodies(): string[] {
    return this.jobs().map(({ body }) => body);
  }

  /** The codes with which streams have ended. */
  get ends(): string[] {
    return this.received.filter(({ sub, error }) => sub !== undefined && error)
      .map(({ error }) => error.code);
  }

  /** Finishes jobs by their texts. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  done(...bodies: string[]): Promise<any> {
    const claims = bodies.map((body) => this.jobs().findLast((job) => job.body === body)!.claim);
    return this.ask("finish", { done: claims });
  }

  /** Says otherwise what became of a job. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  finish(body: string, outcome: string, fields: object = {}): Promise<any> {
    const { claim } = this.jobs().findLast((job) => job.body === body)!;
    return this.ask("finish", { outcomes: [{ claim, outcome, ...fields }] });
  }
}

/** A server with a clock of its own. */
export async function workScene(
  { limits = {}, open = (clock) => inMemory(clock, 600_000, limits) }: {
    readonly limits?: Partial<ServerLimits>;
    readonly open?: (clock: ManualClock) => Store;
  } = {},
) {
  const clock = new ManualClock();
  const store = open(clock);
  const host = await testServer(store, clock, limits);
  const peers: WorkPeer[] = [];
  return {
    ...{ clock, store, host },
    /** Opens a connection. */
    peer(options?: ManualPeerOptions): WorkPeer {
      const peer = new WorkPeer(host, options);
      peers.push(peer);
      return peer;
    },
    /** Puts messages into a topic, and lets them reach the workers. */
    async put(...bodies: string[]): Promise<void> {
      await putInto(host, "t", ...bodies);
      await turns(1);
    },
    /** The same for another topic. */
    async putInto(topic: string, ...bodies: string[]): Promise<void> {
      await putInto(host, topic, ...bodies);
      await turns(1);
    },
    /** What the store knows of the first group. */
    async group() {
      return (await store.groups({ count: 1 }))[0]!;
    },
    /** Lets time pass (ms), with all that it brings. */
    async pass(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 500) {
        clock.advance(Math.min(500, ms - passed));
        await turns(1);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const peer of peers) peer[Symbol.dispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}
