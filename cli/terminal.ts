/**
 * The terminal: messages go to standard output, all else to standard error.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Whoever read our output has stopped reading: there is nobody left to print for. */
export class OutputClosed extends Error {}

/**
 * Prints a line on standard output.
 *
 * @param line the line, without its end
 * @throws {OutputClosed} if nobody reads it
 */
export function print(line: string): void {
  let bytes = encoder.encode(`${line}\n`);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
    throw error;
  }
}

/**
 * Says something to the person at the terminal, on standard error.
 *
 * @param text one line
 */
export function say(text: string): void {
  console.error(text);
}

/**
 * A signal that aborts at Ctrl-C, or at other signals of the system. A second one ends the process.
 *
 * @param names the signals. Default: SIGINT, which is Ctrl-C
 * @returns the signal, to be disposed of
 */
export function interrupt(
  ...names: readonly Deno.Signal[]
): { readonly signal: AbortSignal } & Disposable {
  // Windows knows no SIGTERM.
  const heeded = names.length === 0 || Deno.build.os === "windows" ? ["SIGINT" as const] : names;
  const controller = new AbortController();
  const heed = () => {
    stop();
    controller.abort();
  };
  const stop = () => {
    for (const name of heeded) Deno.removeSignalListener(name, heed);
  };
  for (const name of heeded) Deno.addSignalListener(name, heed);
  return { signal: controller.signal, [Symbol.dispose]: stop };
}
