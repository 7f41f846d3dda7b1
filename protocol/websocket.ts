/**
 * What both ends say in the words of WebSockets: RFC 6455 and its registry of close codes.
 *
 * @module
 */

/** The subprotocol by which a client says that it understands more than dsmq 1.x. */
export const SUBPROTOCOL = "dsmq";

/** The close codes in use. */
export const CLOSE = {
  /** The client has what it wanted. */
  normal: 1000,
  /** A defect of the server. */
  internalError: 1011,
  /** The server stops; the client may come back. */
  serviceRestart: 1012,
} as const;
