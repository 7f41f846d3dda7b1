/**
 * What both ends say in the words of WebSockets: RFC 6455 and its registry of close codes.
 *
 * @module
 */

/** The subprotocol by which a client says that it understands more than dsmq 1.x. */
export const SUBPROTOCOL = "dsmq";

/** What stands before a token, in base64url, among the subprotocols that a browser offers. */
export const TOKEN_SUBPROTOCOL = "dsmq.token.";

/** The subprotocols that a request for a WebSocket offers. */
export function offeredProtocols(headers: Headers): readonly string[] {
  return (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
}

/**
 * The longest `Host` that may be one, in characters of a header, which are bytes: a name has at most 253 in ASCII, fewer
 * code points otherwise, of up to four bytes each; and a port. To bring a longer one into the form of a name takes a
 * time that grows with the square of its length.
 */
export const MAX_HOST_LENGTH = 1024;

/** The longest address that a request by HTTP may have, in characters: to read one takes longer than it is long. */
export const MAX_URL_LENGTH = 16_384;

/** The close codes in use. */
export const CLOSE_CODE = {
  /** The client has what it wanted. */
  normal: 1000,
  /** One end leaves, as a page does or a proxy that is started anew. */
  goingAway: 1001,
  /** The close frame has no code. Never sent. */
  noCode: 1005,
  /** No close frame came: the connection broke. Never sent. */
  abnormal: 1006,
  /** The client did what it may not, too often. */
  policyViolation: 1008,
  /** A frame is larger than the server takes. */
  tooLarge: 1009,
  /** A defect of the server. */
  internalError: 1011,
  /** The server stops; the client may come back. */
  serviceRestart: 1012,
  /** There are too many connections; the client may come back later. */
  tryAgainLater: 1013,
  /** A proxy does not reach the server. */
  badGateway: 1014,
  /** No token, or one that gives no leave (any more). */
  unauthorized: 4401,
  /** Nothing was heard of the client, or it did not read what it was sent, for too long. */
  timedOut: 4408,
  /** A newer connection goes on with its session. */
  sessionTakenOver: 4409,
} as const;
