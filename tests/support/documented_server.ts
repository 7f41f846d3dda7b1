/**
 * A server whose responses are held against its own OpenAPI document, over both transports and mounted.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { HandlerOptions } from "@dsmq/server";
import { openMounted } from "./mounted_server.ts";
import { openServer } from "./open_server.ts";
import { type Answer, type NamedResponse, OpenApiContract } from "./openapi_contract.ts";
import { httpRequest } from "./raw_http.ts";
import { withTimeout } from "./with_timeout.ts";

/** A server that is asked. */
export interface RunningPort extends AsyncDisposable {
  readonly port: number;
  /** The address for clients of the WebSocket. */
  readonly url: string;
}

/** Opens a server of one kind. */
export type OpenDocumented = (options?: HandlerOptions) => Promise<DocumentedServer>;

/** What a request is answered with: its status, and of a problem the code. */
export type Expected = number | readonly [status: number, code: string];

/** A request besides its method: when `until` is true of what has come of the body, the rest is not read. */
export interface Ask extends RequestInit {
  readonly until?: (text: string) => boolean;
}

/** A server, the path below which it is, and what it promises. */
export class DocumentedServer implements AsyncDisposable {
  readonly contract: OpenApiContract;
  readonly port: number;
  readonly url: string;
  readonly base: string;
  readonly #server: RunningPort;

  /** Takes a server. */
  constructor(server: RunningPort, base: string, contract: OpenApiContract) {
    this.#server = server;
    this.port = server.port;
    this.url = server.url;
    this.base = base;
    this.contract = contract;
  }

  /** Sends a request. */
  fetch(address: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${this.base}${address}`, init);
  }

  /**
   * Sends a request, and holds the response against the document.
   *
   * @param method its method
   * @param path its path in the document
   * @param address its address
   * @param expected what it must be answered with
   * @param ask the rest of it
   * @returns the response, whose body was read
   */
  async ask(
    method: string,
    path: string,
    address: string,
    expected: Expected,
    { until, ...init }: Ask = {},
  ): Promise<Answer> {
    const response = await withTimeout(this.fetch(address, { ...init, method }));
    const body = until && method !== "HEAD"
      ? await readUntil(response, until)
      : await response.text();
    const { status, headers } = response;
    return this.#expect({ status, headers, body }, method, path, expected);
  }

  /** The same with headers that `fetch` does not send, each a line. */
  async askRaw(
    method: string,
    path: string,
    address: string,
    expected: Expected,
    lines: readonly string[],
  ): Promise<Answer> {
    const head = [`${method} ${this.base}${address} HTTP/1.1`, ...lines].join("\r\n");
    return this.expectRaw(await httpRequest(this.port, head), method, path, expected);
  }

  /** Holds a response that was read byte by byte against the document. */
  expectRaw(
    { status, head, body }: { readonly status: number; readonly head: string; body: string },
    method: string,
    path: string,
    expected: Expected,
  ): Answer {
    const lines = head.trimEnd().split("\r\n").slice(1);
    const headers = new Headers(
      lines.map((line) => line.split(/: ?(.*)/s, 2) as [string, string]),
    );
    return this.#expect({ status, headers, body }, method, path, expected);
  }

  #expect(answer: Answer, method: string, path: string, expected: Expected): Answer {
    const { status, code }: NamedResponse = this.contract.check(path, method, answer);
    const [wantedStatus, wantedCode] = typeof expected === "number" ? [expected, code] : expected;
    const wanted = [wantedStatus, method === "HEAD" ? undefined : wantedCode];
    assertEquals([status, code], wanted, `${method} ${path}: ${answer.body}`);
    return answer;
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}

async function readUntil(response: Response, until: (text: string) => boolean): Promise<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!until(text)) {
    const { done, value } = await withTimeout(reader.read());
    if (done) break;
    text += value;
  }
  await reader.cancel();
  return text;
}

const KINDS: Readonly<Record<string, readonly [base: string, open: OpenRunning]>> = {
  builtin: ["", (options) => openServer(options)],
  hardened: ["", (options) => openServer({ ...options, transport: "hardened" })],
  mounted: ["", (options) => Promise.resolve(openMounted(options))],
  "mounted at a path": [
    "/mq",
    (options) => Promise.resolve(openMounted({ ...options, path: "/mq" })),
  ],
};

type OpenRunning = (options?: HandlerOptions) => Promise<RunningPort>;

/** The document that a server of one kind serves. */
async function contractOf(base: string, open: OpenRunning): Promise<OpenApiContract> {
  await using server = await open();
  const response = await fetch(`http://127.0.0.1:${server.port}${base}/openapi.json`);
  return new OpenApiContract(await response.json());
}

/**
 * Registers one test for each kind of server.
 *
 * @param promise what holds
 * @param prove opens servers, and shows it
 */
export function testDocumented(
  promise: string,
  prove: (open: OpenDocumented, contract: OpenApiContract, kind: string) => Promise<void>,
): void {
  for (const [kind, [base, openPort]] of Object.entries(KINDS)) {
    Deno.test(`${promise} (${kind})`, async () => {
      const contract = await contractOf(base, openPort);
      const open: OpenDocumented = async (options) =>
        new DocumentedServer(await openPort(options), base, contract);
      await prove(open, contract, kind);
    });
  }
}
