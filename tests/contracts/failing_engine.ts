/**
 * An engine that fails on demand.
 *
 * @module
 */

import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { hookedEngine } from "../support/hooked_engine.ts";

/** An engine that a test controls. */
export interface WatchedEngine {
  readonly failing: Engine;
  /** The executed statements. */
  readonly executed: string[];
  /** Makes these statements fail, instead of those chosen before. */
  failOn(on: (sql: string) => boolean | void): void;
  /** Makes these statements fail after they are done, instead of those chosen before. */
  failAfter(on: (sql: string) => boolean | void): void;
}

/** An engine that records its statements, and fails on demand. */
export function watchEngine(engine: Engine = nodeSqlite): WatchedEngine {
  const executed: string[] = [];
  let fails: (sql: string) => boolean | void = () => {};
  let failsAfter: (sql: string) => boolean | void = () => {};
  const failing = hookedEngine(engine, (sql, moment) => {
    if (moment === "before") executed.push(sql);
    if (moment === "before" && fails(sql)) throw new Error("the disk is full");
    if (moment === "after" && failsAfter(sql)) throw new Error("the disk fails");
  });
  const failOn = (on: (sql: string) => boolean | void) => void (fails = on);
  const failAfter = (on: (sql: string) => boolean | void) => void (failsAfter = on);
  return { failing, executed, failOn, failAfter };
}

/** The n-th statement that begins with this text. */
export function nth(n: number, beginning: string): (sql: string) => boolean {
  let seen = 0;
  return (sql) => sql.startsWith(beginning) && ++seen === n;
}
