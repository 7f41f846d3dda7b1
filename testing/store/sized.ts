/**
 * Messages of a known size, for the tests of a store's limits.
 *
 * @module
 */

import type { Put } from "../../stores/store.ts";
import { put } from "./support.ts";

/** What a message of {@linkcode sized} takes: ten bytes of body, one of topic and 100 make one message. */
export const SIZE = 111;

/** A put of a number; its size is {@linkcode SIZE} if the topic has one letter. */
export function sized(topic: string, n: number): Put {
  return put(topic, `${n}`.padStart(8, "0"));
}
