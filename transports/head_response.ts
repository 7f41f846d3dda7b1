/**
 * Responses of the web whose body is not sent, or is sent at once.
 *
 * @module
 */

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
type Chunk = ReadableStreamReadResult<Uint8Array<ArrayBuffer>>;

/** What is known of a body at once: all of it; or its first chunk, if there is one, and the one to come. */
export interface BodyBeginning {
  readonly whole?: Uint8Array<ArrayBuffer>;
  readonly first?: readonly Uint8Array<ArrayBuffer>[];
  readonly next?: Promise<Chunk>;
}

/** Begins to read a body. Text and bytes are one chunk, which is there at once. */
export async function beginBody(reader: Reader | undefined): Promise<BodyBeginning> {
  if (!reader) return { whole: new Uint8Array() };
  const later = Promise.withResolvers<undefined>();
  const immediate = setImmediate(() => later.resolve(undefined));
  try {
    let next = reader.read();
    const first = await Promise.race([next, later.promise]);
    if (!first) return { next };
    if (first.done) return { whole: new Uint8Array() };
    next = reader.read();
    const second = await Promise.race([next, later.promise]);
    return second?.done ? { whole: first.value } : { first: [first.value], next };
  } finally {
    clearImmediate(immediate);
  }
}

/**
 * The response to `HEAD` for `Deno.serve`, which over HTTP/2 would send a body, a violation of the protocol. What is known of
 * it at once has its length; one without a body, or whose body has yet to come, gets no length, if it has none itself.
 *
 * @param response the one of `GET`, or the same without its body
 * @returns the same without a body, which is cancelled
 */
export async function headResponse(response: Response): Promise<Response> {
  const { status } = response;
  const headers = new Headers(response.headers);
  const reader = response.body?.getReader();
  const { whole, next } = await beginBody(reader);
  if (!whole) {
    // Whether it fails now is nobody's business.
    next?.catch(() => {});
    reader?.cancel().catch(() => {});
  } else if (whole.length > 0 && !headers.has("content-length")) {
    headers.set("content-length", `${whole.length}`);
  }
  // Without a body Deno would say that the one of GET is empty, also if it is endless.
  const isKnown = status === 204 || status === 304 || headers.has("content-length");
  return new Response(isKnown ? null : endedStream(), { status, headers });
}

function endedStream(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({ start: (body) => body.close() });
}
