/**
 * Attacks that the platform gives no means against: `Deno.serve` to a server, and its own WebSocket to a client. Goals
 * that are named here are not promised for such attacks; their effects are measured and stated.
 *
 * @module
 */

/** What attackers can affect: the latency of others, the memory, and the life of the process. */
export type Goal = "wait" | "memory" | "life";

/** What cannot be promised, and why. */
export interface PlatformLimit {
  readonly reason: string;
  /** The goals that it prevents; all others hold. */
  readonly costs: readonly Goal[];
}

/** Frames of any kind, faster than they can be read. */
export const FLOOD: PlatformLimit = {
  reason: "Deno.serve reads frames as fast as they arrive, without backpressure; a close " +
    "ends the connection while the others wait",
  costs: ["wait"],
};

/** Incomplete frames, and large ones of many connections at once. */
export const WHOLE_FRAMES: PlatformLimit = {
  reason:
    "Deno.serve holds each frame until it is complete, up to 64 MiB, and does not report it before",
  costs: ["wait", "memory", "life"],
};

/** Thousands of connections that end at one moment. */
export const MANY_CLOSES: PlatformLimit = {
  reason:
    "Deno.serve reports thousands of simultaneous closes in one turn, and takes 40 µs for each of them",
  costs: ["wait"],
};

/** Incomplete HTTP requests, and many of them at once. */
export const PARTIAL_REQUESTS: PlatformLimit = {
  reason:
    "Deno.serve reads incomplete requests as fast as they arrive, and does not report them before",
  costs: ["wait"],
};

/** Frames of HTTP/2, faster than they can be read. */
export const HTTP2: PlatformLimit = {
  reason: "Deno.serve handles all frames of HTTP/2 by itself, and has no limit for the number of " +
    "simultaneous requests of a connection",
  costs: ["wait"],
};

/** The limits of a client with the platform's WebSocket, as in a browser. */
export const PLATFORM_SOCKET: PlatformLimit = {
  reason:
    "the platform's own WebSocket holds each frame until it is complete, and delivers frames as fast as they arrive",
  costs: ["wait", "memory"],
};
