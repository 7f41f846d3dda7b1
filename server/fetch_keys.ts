/**
 * Fetches a JWK Set: at most so many bytes, and nothing of the response stays behind.
 *
 * @module
 */

/** The largest set, in bytes; those of identity providers have some kilobytes. */
const MAX_BYTES = 1024 * 1024;

/**
 * Fetches a set.
 *
 * @param url its address
 * @param options as for `fetch`
 * @returns the response, whose body is complete
 */
export async function fetchKeys(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, options);
  const { status } = response;
  if (status !== 200) {
    await response.body?.cancel();
    return new Response(null, { status: status < 200 ? 502 : status });
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the JWK Set has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new Response(new Blob(chunks));
}
