/**
 * How far a long work has come, for the person who waits for it.
 *
 * @module
 */

const WIDTH = 24;

const encoder = new TextEncoder();

/** A bar on standard error where that is a terminal; elsewhere a line for each step. */
export class Progress {
  readonly #total: number;
  readonly #live = Deno.stderr.isTerminal();
  #done = 0;
  #written: Promise<void> = Promise.resolve();

  /**
   * Begins.
   *
   * @param total how many steps there are
   */
  constructor(total: number) {
    this.#total = total;
  }

  /** A step begins. */
  step(name: string): void {
    const part = this.#done++ / this.#total;
    if (!this.#live) return this.#write(`${this.#done}/${this.#total} ${name}\n`);
    const filled = Math.round(part * WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
    this.#write(`\r\x1b[2K${bar} ${Math.round(part * 100)} % ${name}`);
  }

  /** All is done, or given up: leaves the line as it was. */
  end(): void {
    if (this.#live) this.#write("\r\x1b[2K");
  }

  #write(text: string): void {
    const bytes = encoder.encode(text);
    // Nobody may read what is no terminal: then nothing waits for it.
    if (!this.#live) return void (this.#written = this.#written.then(() => written(bytes)));
    try {
      Deno.stderr.writeSync(bytes);
    } catch {
      // The terminal is gone.
    }
  }
}

async function written(bytes: Uint8Array): Promise<void> {
  await Deno.stderr.write(bytes).catch(() => {});
}
