/**
 * What the platform leaves no means against: `Deno.serve` a server, and its own WebSocket a client. Of such attacks only
 * that is promised which is not named here; what they do is measured, and stated.
 *
 * @module
 */

/** What strangers can spoil: the time in which others are served, the memory, and the life of the process. */
export type Goal = "wait" | "memory" | "life";

/** What cannot be promised, and why. */
export interface PlatformLimit {
  readonly reason: string;
  /** What it costs; all other goals hold. */
  readonly costs: readonly Goal[];
}

/** Frames, of whatever kind, faster than they can be read. */
export const FLOOD: PlatformLimit = {
  reason:
    "Deno.serve reads frames as fast as they come, and nothing holds them back; what it is told of them " +
    "ends the connection, while the others wait",
  costs: ["wait"],
};

/** Frames that do not come whole, and large ones of many connections at once. */
export const WHOLE_FRAMES: PlatformLimit = {
  reason:
    "Deno.serve holds each frame until it is whole, up to 64 MiB, and says nothing of it before",
  costs: ["wait", "memory", "life"],
};

/** Thousands of connections that end at one moment. */
export const MANY_CLOSES: PlatformLimit = {
  reason:
    "Deno.serve tells of thousands of connections that end at one moment in one go, and takes 40 µs to end each of them",
  costs: ["wait"],
};

/** Requests by HTTP that do not come whole, and many of them at once. */
export const PARTIAL_REQUESTS: PlatformLimit = {
  reason:
    "Deno.serve reads requests that are not whole as fast as they come, and says nothing of them before",
  costs: ["wait"],
};

/** Frames of HTTP/2, faster than they can be read. */
export const HTTP2: PlatformLimit = {
  reason:
    "Deno.serve does by itself what the frames of HTTP/2 ask for, as many as come, and lets nobody limit how many " +
    "requests a connection has at once",
  costs: ["wait"],
};

/** What a client meets with the WebSocket of the platform, as in a browser. */
export const PLATFORM_SOCKET: PlatformLimit = {
  reason:
    "the platform's own WebSocket holds each frame until it is whole, and hands over frames as fast as they come",
  costs: ["wait", "memory"],
};
