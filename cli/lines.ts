/**
 * Text, line by line.
 *
 * @module
 */

/** A line that cannot be taken: it is not UTF-8, or too long. */
export class BadLine extends Error {}

const LINE_FEED = 10;

/**
 * Takes bytes apart into lines, exactly: only the `\n` between them is taken out.
 *
 * @param bytes text in UTF-8
 * @param maxBytes how many bytes a line may have whose end is waited for. Default: any number
 * @returns the lines, those together that came together; the last one counts if it is not empty
 * @throws {BadLine} if a line is not UTF-8, or has no end within so many bytes, after all lines before it
 */
export async function* lines(
  bytes: ReadableStream<Uint8Array>,
  maxBytes: () => number = () => Infinity,
): AsyncGenerator<string[]> {
  // A line may come in many pieces: they are joined once.
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

/** Whole lines, without the end of the last. */
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
