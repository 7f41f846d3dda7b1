/**
 * The requests of a connection and their replies, one by one.
 *
 * @module
 */

import { ERRORS } from "../../protocol/error_codes.ts";
import { decoded, type FuzzFrame } from "./fuzz_frames.ts";

/** What one item of a reply may be. */
// deno-lint-ignore no-explicit-any -- the server may send anything
type WireItem = any;

/** Counts the replies that one connection must get, and those it got beyond that. */
export class Tally {
  /** Requests with a usable id, and those of dsmq 1.x that have a reply. */
  requested = 0;
  /** Replies that should not have been sent, and why. */
  readonly wrong: string[] = [];
  /** By id (`null` for an invalid one, `plain` for dsmq 1.x): how many replies are still to come. */
  readonly #expected = new Map<number | null | "plain", number>();

  /** Records a sent frame. */
  sent({ opcode, payload }: FuzzFrame): void {
    const text = opcode === 1 ? decoded(payload) : undefined;
    const value = text === undefined ? undefined : parsed(text);
    for (const item of Array.isArray(value) ? value : [value]) {
      const name = answeredAs(item);
      if (name === undefined) continue;
      this.requested++;
      this.#expected.set(name, (this.#expected.get(name) ?? 0) + 1);
    }
  }

  /** Records a received frame. */
  received(text: string): void {
    const value = parsed(text);
    if (value === undefined) this.wrong.push(`not JSON: ${brief(text)}`);
    for (const item of Array.isArray(value) ? value : [value]) this.#receivedOne(item);
  }

  /** The ids of unanswered requests. */
  get expected(): (number | null | "plain")[] {
    return [...this.#expected.keys()];
  }

  /** Whether a reply is still to come under an id. */
  expects(id: number): boolean {
    return this.#expected.has(id);
  }

  #receivedOne(item: WireItem): void {
    if (!wellFormed(item)) this.wrong.push(`not a reply of the protocol: ${brief(item)}`);
    if (isUnsolicited(item)) return;
    const name = item?.id === undefined ? "plain" : item.id;
    const expected = this.#expected.get(name);
    if (expected === undefined) this.wrong.push(`not requested, or answered twice: ${brief(item)}`);
    else if (expected === 1) this.#expected.delete(name);
    else this.#expected.set(name, expected - 1);
  }
}

/** The id of a request's reply; `undefined` if it has none. */
function answeredAs(item: WireItem): number | null | "plain" | undefined {
  if (item === null || typeof item !== "object" || Array.isArray(item)) return undefined;
  const { id, action } = item;
  if (id === undefined) return action === "get" || action === "get_latest" ? "plain" : undefined;
  return Number.isSafeInteger(id) && id >= 0 ? id : null;
}

/** Parts of streams, heartbeats, and notices of large frames. */
function isUnsolicited(item: WireItem): boolean {
  if (item?.id !== undefined) return false;
  return item?.sub !== undefined || item?.heartbeat !== undefined || item?.ahead !== undefined;
}

/** It has a result or one coded error, never both. */
function wellFormed(item: WireItem): boolean {
  if (item === null || typeof item !== "object" || Array.isArray(item)) return false;
  const { error, id } = item;
  if (error === undefined) return id !== null;
  const coded = Object.hasOwn(ERRORS, error.code) && typeof error.message === "string";
  const results = [
    ...["seq", "seqs", "topics", "protocol", "start"],
    ...["purged", "connections", "backup", "gone"],
  ];
  return coded && !results.some((name) => name in item);
}

function parsed(text: string): WireItem {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function brief(what: unknown): string {
  const text = typeof what === "string" ? what : JSON.stringify(what) ?? "undefined";
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
