/**
 * Text, line by line.
 *
 * @module
 */

/**
 * Takes bytes apart into lines, exactly: only the `\n` between them is taken out.
 *
 * @param bytes text in UTF-8
 * @returns the lines, those together that came together; the last one counts if it is not empty
 * @throws {TypeError} if the bytes are not UTF-8
 */
export async function* lines(bytes: ReadableStream<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  // A line may come in many pieces: they are joined once.
  let pieces: string[] = [];
  for await (const chunk of bytes) {
    const [first, ...others] = decoder.decode(chunk, { stream: true }).split("\n");
    pieces.push(first!);
    const last = others.pop();
    if (last === undefined) continue;
    yield [pieces.join(""), ...others];
    pieces = [last];
  }
  const rest = pieces.join("") + decoder.decode();
  if (rest !== "") yield [rest];
}
