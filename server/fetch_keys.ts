/**
 * Fetches a JWK Set: at most so many bytes, in time, and nothing of the response stays behind.
 *
 * @module
 */

/** The largest set, in bytes; those of identity providers have some kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** How long it may take to arrive, in milliseconds: clients wait for it. */
const TIMEOUT = 4000;

/**
 * Fetches the keys of a set.
 *
 * @param url its address
 * @returns what the set has, not checked any further
 * @throws {Error} if it does not come, or is none
 */
export async function fetchKeys(url: URL): Promise<readonly unknown[]> {
  const signal = AbortSignal.timeout(TIMEOUT);
  try {
    const response = await fetch(url, {
      signal,
      headers: { accept: "application/json, application/jwk-set+json" },
      // Whoever answers at another address could sign tokens.
      redirect: "manual",
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the answer has status ${response.status}, not 200`);
    }
    return keysOf(await textOf(response));
  } catch (error) {
    throw signal.aborted ? new Error(`nothing came within ${TIMEOUT / 1000} s`) : error;
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the JWK Set has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return await new Blob(chunks).text();
}

function keysOf(text: string): readonly unknown[] {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    throw new Error("the answer is no JSON");
  }
  const { keys } = Object(set) as { readonly keys?: unknown };
  if (!Array.isArray(keys)) throw new Error("the answer is no JWK Set: it has no list of keys");
  return keys;
}
