/**
 * Splits a stream of bytes into lines.
 *
 * @module
 */

/** A line is not UTF-8, or too long. */
export class BadLine extends Error {}

const LINE_FEED = 10;

/**
 * Splits bytes into lines at each `\n`, and keeps everything else.
 *
 * @param bytes text in UTF-8
 * @param maxBytes how long a line may become before its end arrives. Default: no limit
 * @returns the lines, in batches as they arrived; the last line counts if it is not empty
 * @throws {BadLine} if a line is not UTF-8 or too long; all lines before it are yielded first
 */
export async function* lines(
  bytes: ReadableStream<Uint8Array>,
  maxBytes: () => number = () => Infinity,
): AsyncGenerator<string[]> {
  // A line may arrive in many chunks: they are joined once, not at each chunk.
  let chunks: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of bytes) {
    const first = chunk.indexOf(LINE_FEED);
    heldBytes += first < 0 ? chunk.length : first;
    if (heldBytes > maxBytes()) {
      throw new BadLine(`it is longer than the limit of ${maxBytes()} bytes`);
    }
    const end = chunk.lastIndexOf(LINE_FEED);
    if (end >= 0) {
      yield* decodeLines(await concat([...chunks, chunk.subarray(0, end)]));
      chunks = [];
      heldBytes = chunk.length - end - 1;
    }
    if (end + 1 < chunk.length) chunks.push(chunk.slice(end + 1));
  }
  if (chunks.length > 0) yield* decodeLines(await concat(chunks));
}

function concat(chunks: Uint8Array[]): Promise<Uint8Array> {
  return new Blob(chunks as BlobPart[]).bytes();
}

/** Decodes whole lines, of which the last has no line feed. */
function* decodeLines(block: Uint8Array): Generator<string[]> {
  const text = decodeUtf8Strict(block);
  if (text !== undefined) return yield text.split("\n");
  const goodLines: string[] = [];
  for (let begin = 0;;) {
    const end = block.indexOf(LINE_FEED, begin);
    const line = decodeUtf8Strict(block.subarray(begin, end < 0 ? block.length : end));
    if (line === undefined) break;
    goodLines.push(line);
    begin = end + 1;
  }
  if (goodLines.length > 0) yield goodLines;
  throw new BadLine("it is not text in UTF-8");
}

function decodeUtf8Strict(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
