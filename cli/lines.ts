/**
 * Text, line by line.
 *
 * @module
 */

/** A line that is not UTF-8. */
export class BadLine extends Error {}

const LINE_FEED = 10;

/**
 * Takes bytes apart into lines, exactly: only the `\n` between them is taken out.
 *
 * @param bytes text in UTF-8
 * @returns the lines, those together that came together; the last one counts if it is not empty
 * @throws {BadLine} if a line is not UTF-8, after all lines before it
 */
export async function* lines(bytes: ReadableStream<Uint8Array>): AsyncGenerator<string[]> {
  // A line may come in many pieces: they are joined once.
  let pieces: Uint8Array[] = [];
  for await (const chunk of bytes) {
    const end = chunk.lastIndexOf(LINE_FEED);
    if (end >= 0) {
      yield* decoded(await joined([...pieces, chunk.subarray(0, end)]));
      pieces = [];
    }
    if (end + 1 < chunk.length) pieces.push(chunk.slice(end + 1));
  }
  if (pieces.length > 0) yield* decoded(await joined(pieces));
}

function joined(pieces: Uint8Array[]): Promise<Uint8Array> {
  return new Blob(pieces as BlobPart[]).bytes();
}

/** Whole lines, without the end of the last. */
function* decoded(block: Uint8Array): Generator<string[]> {
  const text = decode(block);
  if (text !== undefined) return yield text.split("\n");
  const good: string[] = [];
  for (let begin = 0;;) {
    const end = block.indexOf(LINE_FEED, begin);
    const line = decode(block.subarray(begin, end < 0 ? block.length : end));
    if (line === undefined) break;
    good.push(line);
    begin = end + 1;
  }
  if (good.length > 0) yield good;
  throw new BadLine("it is not text in UTF-8");
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
