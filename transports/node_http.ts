/**
 * Requests and answers of `node:http` in the words of the web, as the house knows them.
 *
 * @module
 */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { House, Peer, Visit } from "./transport.ts";

/** Answers a request that is not for a WebSocket. */
export async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  house: House,
): Promise<void> {
  try {
    const { status, headers, body } = await whole(await replied(incoming, house));
    outgoing.writeHead(status, { ...headers, "content-length": `${body.length}` });
    outgoing.end(incoming.method === "HEAD" ? undefined : body);
  } catch (error) {
    house.failed(error);
    outgoing.destroy();
  }
}

/** Asks the house whether somebody may come in. */
export async function admitted(
  incoming: IncomingMessage,
  house: House,
): Promise<Response | ((peer: Peer) => Visit)> {
  const request = asRequest(incoming);
  return request
    ? await guarded(house, () => house.admit(request, incoming.socket.remoteAddress ?? ""))
    : badRequest();
}

/** Asks the house for a reply. */
export async function replied(incoming: IncomingMessage, house: House): Promise<Response> {
  const request = asRequest(incoming);
  return request ? await guarded(house, () => house.http(request)) : badRequest();
}

async function guarded<T>(house: House, ask: () => T | Promise<T>): Promise<T | Response> {
  try {
    return await ask();
  } catch (error) {
    house.failed(error);
    return new Response("Internal error\n", { status: 500 });
  }
}

/** The request in the words of the web; `undefined` if it makes none. Nobody is interested in its body. */
function asRequest(incoming: IncomingMessage): Request | undefined {
  const { method = "GET", url = "/", headersDistinct, socket } = incoming;
  try {
    const headers = new Headers();
    for (const [name, values] of Object.entries(headersDistinct)) {
      for (const value of values ?? []) headers.append(name, value);
    }
    const scheme = "encrypted" in socket ? "https" : "http";
    // Some send the whole address, as to a proxy.
    const path = url.startsWith("/") ? url : URL.parse(url)?.pathname ?? "/";
    return new Request(`${scheme}://${headers.get("host") ?? "localhost"}${path}`, {
      method,
      headers,
    });
  } catch {
    return undefined;
  }
}

function badRequest(): Response {
  return new Response("Bad request\n", { status: 400 });
}

/** Replies on a connection that was to be upgraded, and ends it. */
export async function refuse(socket: Socket, response: Response): Promise<void> {
  const { status, headers, body } = await whole(response);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "connection: close",
    `content-length: ${body.length}`,
  ];
  // Whoever does not close in turn is not waited for.
  socket.once("finish", () => socket.destroy());
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  socket.end(body);
}

async function whole(
  response: Response,
): Promise<{ status: number; headers: Record<string, string>; body: Uint8Array }> {
  const body = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}
