/**
 * The deadlines of what waits for validators: once it is served, they are gone, and with them their timer.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type CallDeadline, CallDeadlines } from "../../client/call_deadlines.ts";
import { InFlightRequests } from "../../client/in_flight_requests.ts";
import { KnownPosition } from "../../client/known_position.ts";
import { Validations } from "../../client/values/validations.ts";
import { DecodingStream } from "../../client/values/value_stream.ts";

/** Deadlines that a test can see. */
class VisibleDeadlines extends CallDeadlines {
  readonly all = new Set<CallDeadline>();

  override add(deadline: CallDeadline): void {
    this.all.add(deadline);
    super.add(deadline);
  }

  override delete(deadline: CallDeadline): void {
    this.all.delete(deadline);
    super.delete(deadline);
  }
}

Deno.test("a put that has waited for its turn leaves no deadline, whether those before it are sent or fail", async () => {
  const deadlines = new VisibleDeadlines();
  const limits = { calls: 10, bytes: 1000 };
  const requests = new InFlightRequests(limits, new KnownPosition(), () => "ws://host");
  const validations = new Validations(requests, deadlines);
  const validated = ["first", "second", "third"].map(() => Promise.withResolvers<string>());
  const puts = validated.map(({ promise }) => {
    const size = { messages: 1, bytes: 1 };
    return validations.put("t", size, () => promise, (text) => Promise.resolve(text));
  });
  assertEquals(deadlines.all.size, 2);
  validated[0]!.resolve("1");
  validated[1]!.reject("does not fit");
  validated[2]!.resolve("3");
  assertEquals(await Promise.allSettled(puts), [
    { status: "fulfilled", value: "1" },
    { status: "rejected", reason: "does not fit" },
    { status: "fulfilled", value: "3" },
  ]);
  assertEquals(deadlines.all.size, 0);
  deadlines.stop();
});

Deno.test("a call of next that has waited for the validator of the one before it leaves no deadline", async () => {
  const deadlines = new VisibleDeadlines();
  const limits = { calls: 10, bytes: 1000 };
  const requests = new InFlightRequests(limits, new KnownPosition(), () => "ws://host");
  const validations = new Validations(requests, deadlines);
  const validated = Promise.withResolvers<void>();
  let seq = 0;
  const next = () => ({ topic: "t", body: "1", seq: ++seq, time: 0, position: `${seq}` });
  const messages = {
    takeArrived: next,
    next: () => Promise.resolve({ done: false, value: next() } as const),
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const decode = (message: ReturnType<typeof next>) =>
    validated.promise.then(() => ({ ...message, value: message.seq }));
  const stream = new DecodingStream<number>(messages, decode, "throw", {
    until: (promise, onWaiting) =>
      validations.until({ verb: "read on" }, promise, undefined, onWaiting),
    limit: (onTooLong) => validations.limit(onTooLong),
  });
  const calls = [stream.next(), stream.next(), stream.next()];
  assertEquals(deadlines.all.size, 1);
  validated.resolve();
  assertEquals((await Promise.all(calls)).map(({ value }) => value?.value), [1, 2, 3]);
  assertEquals(deadlines.all.size, 0);
  deadlines.stop();
});
