/**
 * A worker: takes jobs, runs a handler for each, and tells the server what became of them.
 *
 * @module
 */

import { RenewedMap } from "../../protocol/renewed_map.ts";
import { encodeBase64Url } from "../../protocol/base64url.ts";
import { DsmqError } from "../../protocol/errors.ts";
import { MAX_CLAIMS } from "../../protocol/group_limits.ts";
import type { DoneReply, ResultReply, StreamReply } from "../../protocol/replies.ts";
import type { WireSince } from "../../protocol/requests.ts";
import { deferred } from "../deferred.ts";
import {
  jsonFields,
  protocolError,
  requireKind,
  type StreamHandler,
  toDsmqError,
} from "../pending_request.ts";
import type { StreamSource } from "../stream_source.ts";
import { LeaseRenewals, type OnRenewed } from "./lease_renewals.ts";
import { RETRY_AFTER } from "./leased_jobs.ts";
import { isNotFound, isTransient, ReportedJobs, type ReportSetup } from "./reported_jobs.ts";
import { WorkerJob } from "./worker_job.ts";
import { WorkerRequest } from "./worker_request.ts";
import type { TopicWorker, WorkerStats } from "./working.ts";

/** The server ends a job so many milliseconds later than the worker, which says why. */
const TIMEOUT_GRACE = 5_000;

/** How long `stop` waits for the last answers, in milliseconds. */
const DRAIN_TIMEOUT = 5_000;

/** What a worker is given. */
export interface WorkerSetup extends ReportSetup {
  readonly source: StreamSource;
  readonly since: WireSince | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called each time the server has opened the worker. */
  readonly onOpen?: () => void;
}

/** Works on the jobs of a group. */
export class GroupWorker extends ReportedJobs implements TopicWorker, StreamHandler {
  readonly action = "work";
  readonly activity = "work on";
  readonly topic: string | undefined;
  readonly calls = 1;
  readonly size = 0;
  readonly #setup: WorkerSetup;
  /** The fields that name the worker. */
  readonly #named: object;
  readonly #closed = deferred<void>();
  readonly #renewals = new LeaseRenewals(
    (onSettled) => this.#sendRenewal(onSettled),
    (isConfirmed, sentAt) => isConfirmed ? this.confirm(sentAt) : this.renewLater(),
  );
  /** The largest claim that has arrived. */
  #newest = 0;
  #sentAt = 0;
  /** `stopping`: it takes no more jobs; `closing`: nor do its handlers count any more. */
  #state: "working" | "stopping" | "closing" | "ended" = "working";
  /** While it stops: no more jobs arrive. */
  #isUnsubscribed = false;
  #drain: ReturnType<typeof setTimeout> | undefined;

  /** Begins to work. */
  constructor(setup: WorkerSetup) {
    const { source, working: { group }, signal, requests } = setup;
    const target = { ...source.fields, group };
    super(setup, target);
    this.#setup = setup;
    this.topic = source.topic;
    const worker = encodeBase64Url(crypto.getRandomValues(new Uint8Array(16)));
    this.#named = { ...target, worker };
    signal?.addEventListener("abort", this.#onAbort);
    requests.send(this, this);
  }

  get stats(): WorkerStats {
    return { running: this.running.size, ...this.counts };
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  stop(): Promise<void> {
    if (this.#state === "working") {
      this.#state = "stopping";
      this.#unsubscribe();
      this.release();
      this.onFreed();
    }
    return this.closed.catch(() => {});
  }

  /** Before it gives anything back, which must not come again. */
  #unsubscribe(): void {
    if (this.#setup.requests.withdraw(this)) this.#onUnsubscribed();
    else this.#send("unsubscribe", () => ({ sub: this.id }), () => this.#onUnsubscribed());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  readonly #onAbort = () => void this.stop();

  protected jsonFields(): string {
    this.#sentAt = performance.now();
    const { working: { concurrency, lease, timeout, attempts }, since, requests } = this.#setup;
    const longest = requests.limits.jobTimeout;
    return jsonFields({
      ...this.#named,
      credit: concurrency,
      lease,
      // One that is too long is refused.
      timeout: timeout > longest ? timeout : Math.min(timeout + TIMEOUT_GRACE, longest),
      attempts,
      since,
      holding: this.#holding,
    });
  }

  /** The claims of jobs whose outcome is open, or that the server may not know to be finished. */
  get #holding(): number[] {
    return [...this.openClaims, ...this.reportedClaims].slice(0, MAX_CLAIMS);
  }

  onReply(reply: ResultReply): void {
    this.#lose(requireKind(reply, "working", this));
    this.confirm(this.#sentAt);
    this.#setup.onOpen?.();
  }

  /** It goes on where it was; one that stops does not. */
  override onReconnect(): boolean {
    if (this.#state === "working") return true;
    this.#onUnsubscribed();
    return false;
  }

  onError(error: unknown): void {
    const { requests } = this.#setup;
    requests.forget(this.id);
    const isLost = (error as DsmqError).code === "lease_lost";
    if (isLost) this.abort(error);
    else if (!isTransient(error)) return this.end(error);
    if (this.#state !== "working") return this.#onUnsubscribed();
    // Not again and again without a pause.
    const isEarly = performance.now() < this.#sentAt + RETRY_AFTER;
    const workAgain = () => {
      if (this.#state === "working") requests.send(this, this);
    };
    if (isLost && !isEarly) workAgain();
    else this.later(workAgain);
  }

  onStreamFrame(reply: StreamReply): void {
    if (reply.kind === "stream_error") return this.onError(toDsmqError(reply.error, this.topic));
    const { source, working: { concurrency, timeout } } = this.#setup;
    const isValid = reply.kind === "jobs" && source.includes(reply.topics) &&
      this.waiting.length <= 2 * concurrency;
    if (!isValid) {
      const error = protocolError("work", this.topic);
      this.end(error);
      throw error;
    }
    this.isSuspect = false;
    const now = performance.now();
    for (let i = 0; i < reply.claims.length; i++) {
      const claim = reply.claims[i]!;
      // What has come already may come again after a break.
      if (claim <= this.#newest && this.#holding.includes(claim)) continue;
      this.#newest = Math.max(this.#newest, claim);
      const job = new WorkerJob((job) => this.#extend(job), this.topic, reply, i, now);
      this.waiting.push(job);
    }
    if (this.#state !== "working") return this.#askAtLast(() => this.release());
    this.alarm(now + timeout);
    this.begin();
  }

  onStreamEnd(error: DsmqError, isOwnClose: boolean): boolean {
    if (!isOwnClose) {
      this.end(error);
      return false;
    }
    const isSubscribed = this.#state === "working";
    this.#state = "closing";
    this.abort(error);
    this.#askAtLast(() => {
      if (isSubscribed) this.#unsubscribe();
      this.release(this.running.values);
    });
    // Nobody waits for their handlers.
    this.running = new RenewedMap();
    this.onFreed();
    return this.#state === "closing";
  }

  /** Makes requests also while the connection is closed: others need not wait for the end of the lease. */
  #askAtLast(ask: () => void): void {
    this.#setup.requests.acceptance.admit({ verb: "work" }, ask);
  }

  renew(onRenewed?: OnRenewed): void {
    this.#renewals.renew(onRenewed);
  }

  #sendRenewal(onSettled: OnRenewed): WorkerRequest {
    const fields = () => ({ ...this.#named, claims: this.openClaims });
    return this.#send("extend", fields, (reply, error) => {
      if (reply) this.#lose(reply);
      // With its group all that it had is gone.
      else if (isNotFound(error)) this.#lose({ lost: this.openClaims });
      onSettled(reply !== undefined && !reply.ended);
    });
  }

  #extend(job: WorkerJob): Promise<void> {
    return new Promise((resolve, reject) => {
      const onSettled = (isConfirmed: boolean) => {
        if (job.isOver || job.isAborted) {
          reject(job.isAborted ? job.signal.reason : this.lostError());
        } else if (isConfirmed) resolve();
        else this.later(renew);
      };
      const renew = () => job.isOver ? onSettled(false) : this.renew(onSettled);
      renew();
    });
  }

  #send(
    action: string,
    fields: () => object,
    onSettled: (reply: DoneReply | undefined, error?: unknown) => void,
  ): WorkerRequest {
    const request = new WorkerRequest(action, fields, onSettled, this);
    this.#setup.requests.send(request);
    return request;
  }

  #lose({ lost = [] }: { readonly lost?: readonly number[] | undefined }): void {
    this.counts.lost += this.lose(lost);
  }

  lostError(): DsmqError {
    const message = "Cannot go on with the job: its lease has ended, somebody else may have it";
    const error = new DsmqError("lease_lost", message, { topic: this.topic });
    return this.#setup.source.named(error);
  }

  /** No more jobs arrive. */
  #onUnsubscribed(): void {
    this.#isUnsubscribed = true;
    this.onFreed();
  }

  /** It has stopped, once nothing is to be done or reported. */
  protected onFreed(): void {
    if (this.#state === "working" || this.#state === "ended" || this.running.size > 0) return;
    if (this.#isUnsubscribed && this.isReported) this.end(undefined);
    else this.#drain ??= setTimeout(() => this.end(undefined), DRAIN_TIMEOUT);
  }

  protected end(error: unknown): void {
    if (this.#state === "ended") return;
    const isClosing = this.#state === "closing";
    this.#state = "ended";
    clearTimeout(this.#drain);
    const { requests, signal, onError, source } = this.#setup;
    requests.forget(this.id);
    signal?.removeEventListener("abort", this.#onAbort);
    this.abort(error);
    // Others need not wait for the end of the lease, unless there is none, or the worker has it on another connection.
    this.hasEnded = isNotFound(error) ||
      (error as DsmqError | undefined)?.code === "session_taken_over";
    this.release(this.running.values);
    this.hasEnded = true;
    this.stopTimers();
    if (error === undefined || isClosing) return this.#closed.resolve();
    const named = source.named(error);
    this.#closed.reject(named);
    if (!onError) return;
    this.closed.catch(() => {});
    queueMicrotask(() => onError(named));
  }
}
