/**
 * Reading the status of the server, in memory: how often, while nobody looks, and when what is shown is old.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ServerStatus } from "../../http/server_status.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { HttpError, NoAnswerError } from "../../web/page/server_api.ts";
import { StatusReader } from "../../web/page/status_reader.ts";
import { restartText, statusTrouble, troubleText } from "../../web/page/trouble.ts";

/** A reader with its server and its time, which passes when the test says so. */
class ReaderOfStatus {
  epoch = "one";
  failure: unknown;
  /** When the status was asked for, in milliseconds. */
  readonly asked: number[] = [];
  /** What was told after each attempt. */
  readonly told: string[] = [];
  readonly restarts: string[] = [];
  readonly ending = new AbortController();
  readonly reader: StatusReader;
  readonly #clock = new ManualClock(0);
  #seen = Promise.resolve();
  #look = () => {};

  constructor() {
    const clock = {
      now: () => this.#clock.now(),
      pause: (milliseconds: number, signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          this.#clock.after(milliseconds, resolve);
          signal.addEventListener("abort", () => resolve());
        }),
      seen: () => this.#seen,
    };
    const status = () => {
      this.asked.push(this.#clock.now());
      const answer = { epoch: this.epoch } as ServerStatus;
      return this.failure === undefined ? Promise.resolve(answer) : Promise.reject(this.failure);
    };
    this.reader = new StatusReader({ status }, clock, ({ epoch }) => this.restarts.push(epoch));
  }

  /** Lets time pass, in seconds, and what is due happen. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < 2 * seconds; i++) {
      this.#clock.advance(500);
      await settled();
    }
  }

  hide(): void {
    this.#seen = new Promise((resolve) => this.#look = resolve);
  }

  async show(): Promise<void> {
    this.#look();
    await settled();
  }

  poll(): Promise<void> {
    return this.reader.poll(
      this.ending.signal,
      (failure) => this.told.push(failure ? failure.isOld ? "old" : "failed" : "read"),
    );
  }
}

/** Resolves when what is due has happened. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** A response with a status, as an error. */
function refused(status: number, problem: object, retryAfter?: string): HttpError {
  const headers = new Headers(retryAfter === undefined ? {} : { "retry-after": retryAfter });
  return new HttpError(new Response(null, { status, headers }), problem);
}

Deno.test("the status is read each second, at once if it may be another one, and not after the end", async () => {
  const t = new ReaderOfStatus();
  await t.reader.read(t.ending.signal);
  const polled = t.poll();
  await t.pass(2.5);
  assertEquals(t.asked, [0, 1000, 2000]);
  t.epoch = "two";
  t.reader.readNow();
  await settled();
  assertEquals([t.asked.at(-1), t.restarts], [2500, ["one"]]);
  t.ending.abort();
  await polled;
  await t.pass(5);
  assertEquals(t.asked.length, 4);
});

Deno.test("what is refused is asked for again as late as the server says, and is old by then", async () => {
  const t = new ReaderOfStatus();
  await t.reader.read(t.ending.signal);
  void t.poll();
  t.failure = refused(429, {}, "60");
  await t.pass(60.5);
  assertEquals([t.asked, t.told], [[0, 1000], ["old"]]);
  t.failure = undefined;
  await t.pass(1);
  assertEquals([t.asked, t.told], [[0, 1000, 61_000], ["old", "read"]]);
  t.ending.abort();
});

Deno.test("a status that fails once or twice is not old, one that fails for three seconds is", async () => {
  const t = new ReaderOfStatus();
  await t.reader.read(t.ending.signal);
  void t.poll();
  t.failure = new TypeError("no network");
  await t.pass(2.5);
  t.failure = undefined;
  await t.pass(1);
  t.failure = new TypeError("no network");
  await t.pass(4);
  assertEquals(t.told, ["failed", "failed", "read", "failed", "failed", "old", "old"]);
  t.ending.abort();
});

Deno.test("nothing is asked while nobody looks, and at once when somebody does", async () => {
  const t = new ReaderOfStatus();
  await t.reader.read(t.ending.signal);
  void t.poll();
  t.hide();
  t.failure = new TypeError("no network");
  await t.pass(3600);
  assertEquals(t.asked, [0]);
  await t.show();
  assertEquals([t.asked, t.told], [[0, 3_600_000], ["old"]]);
  t.ending.abort();
});

Deno.test("what is wrong is said in sentences, with the reason and when it is tried again", () => {
  const text = (error: unknown, delay = 1000) => statusTrouble({ error, delay });
  assertEquals(
    text(new NoAnswerError("The server does not answer.")),
    "The server does not answer. The page tries again by itself.",
  );
  assertEquals(
    text(refused(429, { code: "limit_exceeded", detail: "too many requests" }), 60_000),
    "The server refuses: too many requests. The page tries again after 60 s.",
  );
  assertEquals(
    text(refused(502, {})),
    "The server answered 502. The page tries again by itself.",
  );
  const failure = { error: new NoAnswerError("The server does not answer."), delay: 1000 };
  const told = (isConnected: boolean, isOld: boolean) =>
    troubleText({ isConnected, status: { ...failure, isOld }, socket: undefined });
  assertEquals(told(true, false), undefined);
  assertEquals(
    told(true, true),
    "What this page shows of the server is old. The server does not answer. The page tries again by itself.",
  );
  assertEquals(told(false, false), "The server does not answer. The page tries again by itself.");
});

Deno.test("what a restart has cost is told as far as it is known", () => {
  const before = (durability: string, messages?: number) =>
    ({
      durability,
      ...(messages !== undefined && { operation: { stored: { messages } } }),
    }) as ServerStatus;
  assertEquals(restartText(before("disk", 5)), undefined);
  assertEquals(
    restartText(before("memory")),
    "The server was started anew. What it held in memory is lost.",
  );
  assertEquals(
    restartText(before("memory", 1)),
    "The server was started anew. What it held in memory is lost: 1 message when this page asked last.",
  );
});
