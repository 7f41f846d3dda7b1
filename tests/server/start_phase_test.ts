/**
 * What a server does once those who have waited for it are served. This file has a process of its own.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { START_PHASE } from "../../server/running_server.ts";
import { openServer } from "../support/open_server.ts";

Deno.test("what can wait waits until the start is over, keeps no process alive, and is not done by a server that stops first", async () => {
  const { setTimeout, clearTimeout } = globalThis;
  const { unrefTimer } = Deno;
  const started: unknown[] = [];
  const [cleared, released] = [new Set<unknown>(), new Set<unknown>()];
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    const timer = setTimeout(run, ms);
    if (ms === START_PHASE) started.push(timer);
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = (timer) => {
    cleared.add(timer);
    clearTimeout(timer);
  };
  Deno.unrefTimer = (timer) => {
    released.add(timer);
    unrefTimer(timer);
  };
  try {
    await using _server = await openServer();
    // The warm-up, and the question for the size of the heap.
    assertEquals(started.length, 2);
    assertEquals(started.map((timer) => released.has(timer)), [true, true]);
    assertEquals(started.map((timer) => cleared.has(timer)), [false, false]);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    Object.assign(Deno, { unrefTimer });
  }
  assertEquals(started.map((timer) => cleared.has(timer)), [true, true]);
});
