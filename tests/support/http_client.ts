/**
 * A client of plain HTTP, byte by byte, that reads responses of all forms.
 *
 * @module
 */

import { HOST } from "./raw_http.ts";
import { RawSocket } from "./raw_socket.ts";
import { withTimeout } from "./with_timeout.ts";

/** A response. */
export interface HttpResponse {
  readonly status: number;
  /** The status line and the headers. */
  readonly head: string;
  /** What came of the body. */
  readonly body: string;
  /** Whether that is all of it; without a length the end of the connection is taken for its end. */
  readonly isWhole: boolean;
}

/** A header of a response, by its name in small letters. */
export function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)\r$`, "im").exec(head)?.[1];
}

/** A request with headers, each a line; a body gets its length. */
export function httpMessage(request: string, headers: readonly string[] = [], body = ""): string {
  const length = body === "" ? [] : [`Content-Length: ${new TextEncoder().encode(body).length}`];
  return [`${request} HTTP/1.1`, HOST, ...headers, ...length, "", body].join("\r\n");
}

/** One line of a connection, without its end; what there is of it, if the connection ends before. */
async function readLine(client: RawSocket): Promise<string> {
  let line = "";
  while (!line.endsWith("\r\n")) {
    const character = await client.text(1);
    if (character === "") return line;
    line += character;
  }
  return line.slice(0, -2);
}

/** The next chunk of a body with chunked encoding: empty at the end of the body, `undefined` if the connection ends before that. */
export async function readChunk(client: RawSocket): Promise<string | undefined> {
  const size = await withTimeout(readLine(client));
  if (size === "") return undefined;
  const text = await withTimeout(client.text(parseInt(size, 16)));
  await withTimeout(client.text(2));
  return text;
}

/** Reads until the other end has gone. */
export async function readRest(client: RawSocket): Promise<string> {
  let rest = "";
  for (let text; (text = await withTimeout(client.text(1))) !== "";) rest += text;
  return rest;
}

/** Reads a response to a request that was not `HEAD`. */
export async function readResponse(client: RawSocket): Promise<HttpResponse> {
  const head = await withTimeout(client.head());
  const status = Number(head.split(" ")[1]);
  const length = headerOf(head, "content-length");
  if (headerOf(head, "transfer-encoding") === "chunked") {
    let body = "";
    for (let chunk; (chunk = await readChunk(client)) !== "";) {
      if (chunk === undefined) return { status, head, body, isWhole: false };
      body += chunk;
    }
    return { status, head, body, isWhole: true };
  }
  if (length === undefined) {
    const hasBody = status !== 204 && status !== 304 && head !== "";
    return { status, head, body: hasBody ? await readRest(client) : "", isWhole: true };
  }
  const body = await withTimeout(client.text(Number(length)));
  return { status, head, body, isWhole: body.length > 0 || length === "0" };
}

/** Sends something on a connection of its own, and reads the response. */
export async function exchangeHttp(port: number, what: string): Promise<HttpResponse> {
  using client = await RawSocket.connect(port);
  // The server may answer and close before it has read all.
  const sent = client.send(what).catch(() => {});
  const response = await readResponse(client);
  client.cut();
  await sent;
  return response;
}
