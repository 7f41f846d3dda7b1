/**
 * How both ends notice that the other is gone: the numbers of heartbeats and of announcements.
 *
 * @module
 */

/** The range of the heartbeat interval, in milliseconds. */
export const HEARTBEAT_INTERVAL = { min: 100, max: 600_000 };

/**
 * A peer is given up after a silence of `intervals` heartbeat intervals, and each interval is checked `checks` times. Together
 * that is less than three intervals after a connection died.
 */
export const HEARTBEAT_TIMEOUT = { intervals: 2.5, checks: 4 };

/** Slow is not dead: where moving bytes are not seen, they get the time that they need at this speed, in bytes a second. */
export const MIN_PEER_SPEED = 8 * 1024;

/** The same for a frame that a client has announced, where nothing is seen until the whole frame has arrived. */
export const MIN_UPLOAD_SPEED = 1024;

/** Networks move bytes in bursts: this many may be on their way unseen. */
export const BURST_BYTES = 64 * 1024;

/**
 * From which size on a frame is announced: smaller ones pass within one interval.
 *
 * @param heartbeatInterval the heartbeat interval that the other end relies on, in milliseconds
 * @param speed the assumed speed, in bytes a second: {@linkcode MIN_PEER_SPEED} to a client, {@linkcode MIN_UPLOAD_SPEED} to a server
 * @returns a frame of more bytes than this is announced
 */
export function announcementThreshold(heartbeatInterval: number, speed: number): number {
  return Math.min(BURST_BYTES, heartbeatInterval / 1000 * speed);
}
