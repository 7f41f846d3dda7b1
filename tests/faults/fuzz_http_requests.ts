/**
 * Requests over plain HTTP: valid ones, odd ones, and what is no HTTP.
 *
 * @module
 */

import { decodeBody } from "../../http/request_body.ts";
import type { Random } from "../../testing/seeded.ts";
import {
  BAD_LINES,
  BROKEN_CHUNKS,
  BROKEN_HEADERS,
  HEADERS,
  HOSTS,
  METHODS,
  QUERIES,
  SMUGGLED,
  TARGETS,
  TOPICS,
} from "./fuzz_http_parts.ts";

/** A request, as it goes over the wire. */
export interface FuzzRequest {
  readonly bytes: Uint8Array;
  readonly method: string;
  /**
   * `whole`: it has one response, whatever it asks for. `broken`: it is no HTTP, or HTTP of which servers think differently.
   * `cut`: its client leaves before its end. `stream`: its response does not end.
   */
  readonly kind: "whole" | "broken" | "cut" | "stream";
  /** Messages that it may store: each has a mark that no other has. */
  readonly marks: readonly string[];
  /** What its body is as UTF-8, if it is that. */
  readonly text?: string | undefined;
  /** What its response must be; without this any coded answer will do. */
  readonly expected?: "stored" | "lines" | "read";
  /** The messages that must be stored, and where. */
  readonly puts?: readonly { readonly topic: string; readonly body: string }[];
}

const encoder = new TextEncoder();
const HOST = "Host: localhost";

/** Makes requests; two with the same chance make the same ones. */
export class HttpFuzzer {
  readonly #random: Random;
  readonly #lane: number;
  #count = 0;

  /** Marks of different lanes are different. */
  constructor(random: Random, lane: number) {
    this.#random = random;
    this.#lane = lane;
  }

  /** The next request. */
  next(): FuzzRequest {
    const kind = this.#random(100);
    if (kind < 20) return this.validPut();
    if (kind < 27) return this.#lines();
    if (kind < 37) return this.#read();
    if (kind < 80) return this.#odd();
    if (kind < 89) return this.#broken();
    if (kind < 97) return this.#cut();
    return this.#stream();
  }

  /** A put that must be stored. */
  validPut(): FuzzRequest {
    const mark = this.#mark();
    const path = this.#pick(TOPICS);
    const body = mark + this.#text();
    const inQuery = this.#random(4) === 0;
    const target = inQuery ? `/topics?topic=${path.replace("/", "%2F")}` : `/topics/${path}`;
    const key = this.#random(4) === 0 ? `${inQuery ? "&" : "?"}key=k%20${this.#random(9)}` : "";
    const delay = key && this.#random(2) === 0 ? `&delay=${this.#random(3)}.5` : "";
    const headers = [
      this.#pick(["Content-Type: text/plain", "Content-Type: application/json", "X: y"]),
      ...(this.#random(4) === 0 ? [`Dsmq-Header-A: ${encodeURIComponent(mark)}`] : []),
      ...(this.#random(4) === 0 ? [`Idempotency-Key: ${encodeURIComponent(mark)}`] : []),
    ];
    const bytes = this.#message(
      `POST ${target}${key}${delay}`,
      [HOST, ...headers],
      encoder.encode(body),
    );
    const puts = [{ topic: decodeURIComponent(path), body }];
    return { bytes, method: "POST", kind: "whole", marks: [mark], expected: "stored", puts };
  }

  /** Lines, some of which are refused. */
  #lines(): FuzzRequest {
    const topic = this.#pick(TOPICS);
    const marks: string[] = [];
    const puts: { topic: string; body: string }[] = [];
    const lines = Array.from({ length: 1 + this.#random(12) }, () => {
      if (this.#random(3) === 0) return this.#pick(BAD_LINES);
      const mark = this.#mark();
      const body = mark + this.#text();
      marks.push(mark);
      puts.push({ topic: decodeURIComponent(topic), body });
      const text = JSON.stringify(body);
      return this.#random(2) === 0
        ? text
        : `{"headers":{"a":"b"},"body":${text},"key":"k","delay":0.5}`;
    });
    const text = lines.join(this.#pick(["\n", "\r\n", "\n\n"]));
    const headers = [HOST, "Content-Type: application/x-ndjson"];
    const bytes = this.#message(`POST /topics/${topic}`, headers, encoder.encode(text));
    return { bytes, method: "POST", kind: "whole", marks, expected: "lines", puts };
  }

  #read(): FuzzRequest {
    const path = this.#pick([
      `/topics/${this.#pick(TOPICS)}?after=start`,
      `/topics/${this.#pick(TOPICS)}?after=start&count=${1 + this.#random(50)}`,
      `/topics/${this.#pick(TOPICS)}?wait=0.01`,
      "/messages?prefix=&after=start&count=20",
      "/topics?count=5",
      "/health/live",
    ]);
    const method = this.#random(5) === 0 ? "HEAD" : "GET";
    const bytes = encoder.encode(`${method} ${path} HTTP/1.1\r\n${HOST}\r\n\r\n`);
    return { bytes, method, kind: "whole", marks: [], expected: "read" };
  }

  /** HTTP, with up to four things odd. */
  #odd(): FuzzRequest {
    const post = this.#random(2) === 0;
    const method = this.#random(8) === 0 ? this.#pick(METHODS) : post ? "POST" : "GET";
    const query = this.#random(2) === 0 ? `?${this.#pick(QUERIES)}` : "";
    const target = this.#random(3) === 0
      ? this.#pick(TARGETS)
      : `${this.#pick(["/topics/", "/topics/", "/messages", "/topics"])}${
        this.#pick(TOPICS)
      }${query}`;
    const host = this.#random(8) === 0 ? this.#pick(HOSTS) : HOST;
    const headers = Array.from({ length: this.#random(4) }, () => this.#pick(HEADERS));
    if (!post) {
      const text = [`${method} ${target} HTTP/1.1`, host, ...headers, "", ""].join("\r\n");
      return { bytes: encoder.encode(text), method, kind: "whole", marks: [] };
    }
    const mark = this.#mark();
    const body = this.#oddBody(mark);
    const bytes = this.#message(`${method} ${target}`, [host, ...headers], body);
    return { bytes, method, kind: "whole", marks: [mark], text: decodeBody(body) };
  }

  /** What is no HTTP, or has no certain end. */
  #broken(): FuzzRequest {
    const mark = this.#mark();
    const body = encoder.encode(`${mark}${SMUGGLED}`);
    const kind = this.#random(5);
    const start = `POST /topics/a HTTP/1.1\r\n${HOST}\r\n`;
    let bytes: Uint8Array;
    if (kind < 2) {
      const header = this.#pick(BROKEN_HEADERS);
      bytes = join(encoder.encode(`${start}${header}\r\n\r\n`), body);
    } else if (kind === 2) {
      const chunks = this.#pick(BROKEN_CHUNKS);
      bytes = join(encoder.encode(`${start}Transfer-Encoding: chunked\r\n\r\n${chunks}`), body);
    } else if (kind === 3) {
      const line = this.#pick([
        ...["GET", "GET /", "GET / HTTP/1.1 x", "GET  / HTTP/1.1", "/ HTTP/1.1", "GET / HTTP/9.9"],
        ...["GET /topics/a b HTTP/1.1", "GET /é HTTP/1.1", "G T / HTTP/1.1", "\x16\x03\x01\x02"],
        ...["GET /\x00 HTTP/1.1", "GET /\ttopics HTTP/1.1", "PRI * HTTP/2.0", "GET / HTTP/1.0"],
        ...["CONNECT localhost:1 HTTP/1.1", "GET topics/a HTTP/1.1", "GET / http/1.1", "\x00\x00"],
      ]);
      bytes = join(encoder.encode(`${line}\r\n${HOST}\r\n\r\n`), body);
    } else {
      // Some bytes of a valid one are others.
      bytes = this.validPut().bytes.slice();
      for (let i = 1 + this.#random(4); i > 0; i--) {
        bytes[this.#random(Math.min(bytes.length, 120))] = this.#random(256);
      }
    }
    return { bytes, method: "POST", kind: "broken", marks: [mark] };
  }

  /** A valid put whose client leaves within it. */
  #cut(): FuzzRequest {
    const { bytes, marks } = this.validPut();
    const cut = bytes.subarray(0, 1 + this.#random(bytes.length - 1));
    return { bytes: cut, method: "POST", kind: "cut", marks };
  }

  #stream(): FuzzRequest {
    const type = this.#pick(["text/event-stream", "application/x-ndjson"]);
    const path = this.#pick([
      `/topics/${this.#pick(TOPICS)}?after=start`,
      "/messages?prefix=&after=start",
      `/topics/${this.#pick(TOPICS)}?wait=30&after=now`,
    ]);
    const accept = path.includes("wait") ? "" : `Accept: ${type}\r\n`;
    const bytes = encoder.encode(`GET ${path} HTTP/1.1\r\n${HOST}\r\n${accept}\r\n`);
    return { bytes, method: "GET", kind: "stream", marks: [] };
  }

  #oddBody(mark: string): Uint8Array {
    const begin = encoder.encode(mark);
    switch (this.#random(6)) {
      case 0:
        return join(
          begin,
          Uint8Array.from({ length: 1 + this.#random(40) }, () => this.#random(256)),
        );
      case 1:
        return encoder.encode(`${JSON.stringify(mark)}\n${this.#pick(BAD_LINES)}\n`);
      case 2:
        return join(begin, encoder.encode(SMUGGLED));
      case 3:
        return join(begin, new Uint8Array(this.#pick([70_000, 999_000, 1_100_000])).fill(120));
      case 4:
        return encoder.encode(`\ufeff${mark}`);
      default:
        return join(begin, encoder.encode(this.#text()));
    }
  }

  /** A request with a body, whose length is told, or that comes in chunks. */
  #message(start: string, headers: readonly string[], body: Uint8Array): Uint8Array {
    const isChunked = this.#random(3) === 0;
    const length = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`;
    const head = [`${start} HTTP/1.1`, ...headers, length, "", ""].join("\r\n");
    return join(encoder.encode(head), isChunked ? this.#chunks(body) : body);
  }

  #chunks(body: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    const largest = Math.max(40, body.length >> 3);
    for (let at = 0; at < body.length;) {
      const part = body.subarray(at, at + 1 + this.#random(largest));
      const extension = this.#random(4) === 0 ? `;a="${this.#random(9)}"` : "";
      parts.push(encoder.encode(`${part.length.toString(16)}${extension}\r\n`), part, CRLF);
      at += part.length;
    }
    const trailer = this.#random(4) === 0 ? "X-Trailer: x\r\n" : "";
    return join(...parts, encoder.encode(`0\r\n${trailer}\r\n`));
  }

  #text(): string {
    const text = this.#pick(["", " é😀", "\n\r\n", "\0", '"\\', SMUGGLED, "x"]);
    return text.repeat(this.#random(12));
  }

  #mark(): string {
    return `#${this.#lane}.${this.#count++}#`;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random(from.length)]!;
  }
}

const CRLF = encoder.encode("\r\n");

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
