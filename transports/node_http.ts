/**
 * Asks the server for the responses to requests of `node:http`.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Pacer } from "./pacer.ts";
import { type BadRequest, type BoundedRequest, exchanges, toRequest } from "./node_http_request.ts";
import { sendResponse } from "./node_http_response.ts";
import type { Peer, PeerEvents } from "./peer.ts";
import type { ConnectionHandler } from "./transport.ts";
import { transportProblem } from "./transport_problem.ts";

/** Answers requests that are not for a WebSocket: those of a connection one after the other, and of all connections a few at a time. */
export async function respondHttp(
  incoming: BoundedRequest,
  outgoing: ServerResponse,
  handler: ConnectionHandler,
  pacer: Pacer,
): Promise<void> {
  const { socket } = incoming;
  // The rest of a packet is still parsed after its connection was destroyed.
  if (socket.destroyed) return;
  const exchange = exchanges.add(socket, incoming, outgoing);
  // Only then does it notice its end. Its body goes elsewhere.
  incoming.resume();
  // At once: its body may come before its turn.
  const request = toRequest(incoming, exchange);
  try {
    if (exchange.turn) await exchange.turn;
    const wait = exchange.hasPaced ? undefined : pacer.wait(exchange.polledAt);
    if (wait) await wait;
    if (exchange.isGone) return;
    const response = await getResponse(request, socket, handler);
    await sendResponse(response, exchange, incoming);
    exchanges.onWritten(exchange);
  } catch (error) {
    handler.onError(error);
    outgoing.destroy();
  }
}

/** Calls back once more input of a connection may be parsed: that of all connections a little at a time, because requests take memory. */
export function whenRoom(socket: Socket, pacer: Pacer, callback: () => void): void {
  exchanges.whenRoom(socket, () => {
    exchanges.pace(socket);
    const wait = pacer.wait();
    if (wait) void wait.then(callback);
    else callback();
  });
}

/** Asks the server whether a request for a WebSocket is admitted. */
export async function admitUpgrade(
  incoming: IncomingMessage,
  handler: ConnectionHandler,
): Promise<Response | ((peer: Peer) => PeerEvents)> {
  const request = toRequest(incoming);
  return request instanceof Request
    ? await guarded(handler, () => handler.admit(request, incoming.socket.remoteAddress ?? ""))
    : badRequest(handler, request, incoming.socket);
}

async function getResponse(
  request: Request | BadRequest,
  socket: Socket,
  handler: ConnectionHandler,
): Promise<Response> {
  return request instanceof Request
    ? await guarded(handler, () => handler.http(request, socket.remoteAddress ?? ""))
    : badRequest(handler, request, socket);
}

async function guarded<T>(
  handler: ConnectionHandler,
  call: () => T | Promise<T>,
): Promise<T | Response> {
  try {
    return await call();
  } catch (error) {
    handler.onError(error);
    return transportProblem(500, "The server failed: its log says more");
  }
}

function badRequest(
  handler: ConnectionHandler,
  { status, reason }: BadRequest,
  socket: Socket,
): Response {
  handler.onRefused(`Cannot read a request: ${reason}`, socket.remoteAddress ?? "");
  return transportProblem(status, `Cannot read the request: ${reason}`);
}
