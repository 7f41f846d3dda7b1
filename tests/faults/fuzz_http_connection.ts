/**
 * One connection of the fuzzer of plain HTTP: its requests, one after the other or all at once, and their responses.
 *
 * @module
 */

import type { Random } from "../../testing/seeded.ts";
import type { AnswerChecker } from "./fuzz_http_answers.ts";
import type { Ledger } from "./fuzz_http_ledger.ts";
import type { FuzzRequest, HttpFuzzer } from "./fuzz_http_requests.ts";
import { type RawResponse, ResponseReader } from "./http_response_reader.ts";
import { sleep } from "./sleep.ts";

/** A server that has not answered after this long hangs, in milliseconds. */
const TIMEOUT = 20_000;

/** How long something that is no HTTP may wait for its answer before its client goes, in milliseconds. */
const RESPONSE_WAIT = 100;

const LAST = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/** What all connections share. */
export interface FuzzHttpRun {
  readonly port: number;
  readonly random: Random;
  readonly fuzzer: HttpFuzzer;
  readonly checker: AnswerChecker;
  readonly ledger: Ledger;
  /** What the connections have found wrong. */
  readonly faults: string[];
}

/**
 * Connects, sends up to six requests, and checks what comes back.
 *
 * @returns how many requests were sent
 */
export async function fuzzConnection(run: FuzzHttpRun): Promise<number> {
  const { random, fuzzer } = run;
  const requests: FuzzRequest[] = [];
  for (let i = 1 + random(6); i > 0; i--) {
    const request = fuzzer.next();
    requests.push(request);
    if (request.kind !== "whole") break;
  }
  using connection = await FuzzHttpConnection.open(run);
  await connection.exchange(requests);
  return requests.length;
}

class FuzzHttpConnection implements Disposable {
  readonly #run: FuzzHttpRun;
  readonly #conn: Deno.TcpConn;
  readonly #reader: ResponseReader;
  readonly #timer: ReturnType<typeof setTimeout>;
  #isCut = false;
  /** The request whose response comes next. */
  #shown = "";

  private constructor(run: FuzzHttpRun, conn: Deno.TcpConn) {
    this.#run = run;
    this.#conn = conn;
    this.#reader = new ResponseReader(conn);
    this.#timer = setTimeout(() => {
      run.faults.push(`nothing comes after ${this.#shown}`);
      this[Symbol.dispose]();
    }, TIMEOUT);
  }

  static async open(run: FuzzHttpRun): Promise<FuzzHttpConnection> {
    const { port } = run;
    return new FuzzHttpConnection(run, await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends requests, of which the last one may be no whole one, and reads their responses. */
  async exchange(requests: readonly FuzzRequest[]): Promise<void> {
    const { random, checker, faults } = this.#run;
    const whole = requests.filter(({ kind }) => kind === "whole");
    const last = requests.find(({ kind }) => kind !== "whole");
    const isPipelined = random(3) === 0;
    let sending = isPipelined ? this.#sendAll(whole) : Promise.resolve();
    let mayEnd = false;
    for (const request of whole) {
      this.#shown = JSON.stringify(
        new TextDecoder("latin1").decode(request.bytes.subarray(0, 300)),
      );
      // The one before may have been answered before all of it was sent.
      if (!isPipelined) sending = sending.then(() => this.#send(request.bytes));
      const response = await this.#next(request);
      if (!response) {
        if (!mayEnd && !this.#isCut) faults.push(`no response to ${this.#shown}`);
        return;
      }
      checker.check(request, response);
      // What is refused may be the end.
      mayEnd ||= response.status >= 400 || response.headers.get("connection") === "close";
    }
    await sending;
    if (last) return await this.#finish(last);
    await this.#send(new TextEncoder().encode(LAST));
    const end = await this.#next({ method: "GET", bytes: new Uint8Array() });
    if (end ? end.body !== "ok\n" : !mayEnd) {
      faults.push(`after ${this.#shown} comes ${JSON.stringify(end?.body)}`);
    }
    if (end && !await this.#reader.isAtEnd()) faults.push(`more comes after ${this.#shown}`);
  }

  async #next({ method, bytes }: Pick<FuzzRequest, "method" | "bytes">) {
    try {
      return await this.#reader.next(method);
    } catch (error) {
      const shown = new TextDecoder("latin1").decode(bytes.subarray(0, 300));
      this.#run.faults.push(`${(error as Error).message} to ${JSON.stringify(shown)}`);
      return undefined;
    }
  }

  /** Sends what is not a whole request, and leaves. */
  async #finish(request: FuzzRequest): Promise<void> {
    const { random, checker, ledger } = this.#run;
    const { kind, bytes, marks } = request;
    if (kind === "stream") {
      await this.#send(bytes);
      // Anywhere in the stream, or in the wait.
      if (random(2) === 0) {
        await Promise.race([this.#reader.text("\r\n\r\n"), sleep(RESPONSE_WAIT)]);
      }
      return;
    }
    if (kind === "cut") {
      await this.#send(bytes);
      ledger.onRefused(marks);
      if (random(2) === 0) await sleep(random(20));
      return;
    }
    await this.#send(bytes);
    let response: RawResponse | undefined;
    const answered = this.#next(request).then((found) => response = found);
    await Promise.race([answered, sleep(RESPONSE_WAIT)]);
    if (response) checker.check(request, response);
  }

  async #sendAll(requests: readonly FuzzRequest[]): Promise<void> {
    for (const { bytes } of requests) await this.#send(bytes);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    } catch {
      // The server has closed it; the reading side will notice.
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    if (this.#isCut) return;
    this.#isCut = true;
    this.#conn.close();
  }
}
