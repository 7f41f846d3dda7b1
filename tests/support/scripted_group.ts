/**
 * A worker whose server the test controls.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ConnectOptions } from "@dsmq/server";
import { pass } from "./in_virtual_time.ts";
import { connectKnown, type ScriptedConnection } from "./scripted_connection.ts";
import type { ScriptedRequest } from "./scripted_server.ts";
import { withTimeout } from "./with_timeout.ts";

/** What a handler does, as far as the test has decided it. */
export interface Handled {
  readonly claim: number;
  /** Ends the handler. */
  done(): void;
  /** Makes it throw. */
  fail(error: unknown): void;
  /** Why its signal is aborted, if it is. */
  readonly signal: AbortSignal;
}

/** Answers the requests of workers as the test says. */
export class ScriptedGroup implements AsyncDisposable {
  readonly script: ScriptedConnection["script"];
  readonly mq: ScriptedConnection["mq"];

  /** Takes an open connection. */
  constructor({ script, mq }: ScriptedConnection) {
    this.script = script;
    this.mq = mq;
  }

  /** Connects; the client reconnects at once. */
  static async open(options: ConnectOptions = {}): Promise<ScriptedGroup> {
    return new ScriptedGroup(await connectKnown(options));
  }

  /** The next request, which has to be of this action. */
  async next(action: string): Promise<ScriptedRequest> {
    const request = await withTimeout(this.script.next(), 100_000);
    assertEquals(request.action, action, JSON.stringify(request));
    return request;
  }

  /** Takes the next request, and answers it with these fields. */
  async answer(action: string, fields: object = {}): Promise<ScriptedRequest> {
    const request = await this.next(action);
    const sub = action === "work" ? { sub: request.id } : {};
    await this.script.send({ id: request.id, ...sub, ...fields });
    return request;
  }

  /** Sends jobs with these claims; the number of their message is the claim and 1,000. */
  async jobs(sub: number, claims: readonly number[], fields: object = {}): Promise<void> {
    await this.script.send({
      sub,
      claims,
      bytes: 1e6,
      seqs: claims.map((claim) => 1000 + claim),
      times: claims.map(() => 1),
      bodies: claims.map((claim) => `job ${claim}`),
      ...fields,
    });
  }

  /** No request is waiting to be taken after some time (ms). */
  async isQuiet(ms = 0): Promise<void> {
    await pass(ms);
    assertEquals(this.script.unread, []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mq.close();
  }
}

/** A handler whose jobs end when the test says so. */
export class ManualHandler {
  readonly jobs: Handled[] = [];
  /** How many ran at one time at most. */
  most = 0;
  #running = 0;

  /** For `work`. */
  readonly handle = async (job: { readonly claim: number; readonly signal: AbortSignal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { claim, signal } = job;
    this.jobs.push({ claim, signal, done: resolve, fail: reject });
    this.most = Math.max(this.most, ++this.#running);
    try {
      await promise;
    } finally {
      this.#running--;
    }
  };

  /** The claims of the jobs that were begun. */
  get claims(): number[] {
    return this.jobs.map(({ claim }) => claim);
  }

  /** The job with a claim. */
  job(claim: number): Handled {
    const found = this.jobs.find((job) => job.claim === claim);
    if (!found) throw new Error(`Job ${claim} was not begun`);
    return found;
  }
}
