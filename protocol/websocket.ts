/**
 * What both ends use of RFC 6455: subprotocols, close codes, and limits of the HTTP request.
 *
 * @module
 */

/** The subprotocol by which a client says that it understands more than dsmq 1.x. */
export const SUBPROTOCOL = "dsmq";

/** The subprotocols that a request for a WebSocket offers. */
export function offeredProtocols(headers: Headers): readonly string[] {
  return (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
}

/**
 * The longest `Host` header that can be valid, in bytes: a name has at most 253 ASCII characters, or fewer code points of up
 * to four bytes each, and a port. Normalising a longer one takes time that grows with the square of its length.
 */
export const MAX_HOST_LENGTH = 1024;

/** The longest URL of an HTTP request, in characters: parsing takes more than linear time. */
export const MAX_URL_LENGTH = 16_384;

/** The close codes in use. */
export const CLOSE_CODE = {
  /** The client is done. */
  normal: 1000,
  /** One end goes away, as a page does, or a proxy that restarts. */
  goingAway: 1001,
  /** The close frame has no code. Never sent. */
  noCode: 1005,
  /** No close frame arrived: the connection broke. Never sent. */
  abnormal: 1006,
  /** The client broke the rules too often. */
  policyViolation: 1008,
  /** A frame is larger than the server accepts. */
  tooLarge: 1009,
  /** A defect of the server. */
  internalError: 1011,
  /** The server shuts down; the client may reconnect. */
  serviceRestart: 1012,
  /** There are too many connections, or the server is behind; the client may try another server, and this one later. */
  tryAgainLater: 1013,
  /** A proxy cannot reach the server. */
  badGateway: 1014,
  /** There is no token, or it is not valid (any more). */
  unauthorized: 4401,
  /** The client sent nothing, or did not read, for too long. */
  timedOut: 4408,
  /** A newer connection has taken over the session. */
  sessionTakenOver: 4409,
  /** An administrator has disconnected the client, which may reconnect. */
  disconnected: 4410,
} as const;
