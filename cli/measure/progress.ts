/**
 * Shows the progress of a long task.
 *
 * @module
 */

const WIDTH = 24;

const encoder = new TextEncoder();

/** A bar on standard error if that is a terminal; else a line for each step. */
export class Progress {
  readonly #total: number;
  readonly #isTerminal = Deno.stderr.isTerminal();
  #stepsDone = 0;
  #pendingWrite: Promise<void> = Promise.resolve();

  /**
   * Starts at step 0.
   *
   * @param total how many steps there are
   */
  constructor(total: number) {
    this.#total = total;
  }

  /** Shows that the next step begins. */
  step(name: string): void {
    const fraction = this.#stepsDone++ / this.#total;
    if (!this.#isTerminal) return this.#write(`${this.#stepsDone}/${this.#total} ${name}\n`);
    const filled = Math.round(fraction * WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
    this.#write(`\r\x1b[2K${bar} ${Math.round(fraction * 100)} % ${name}`);
  }

  /** Removes the bar. */
  end(): void {
    if (this.#isTerminal) this.#write("\r\x1b[2K");
  }

  #write(text: string): void {
    const bytes = encoder.encode(text);
    // A pipe may have no reader: nothing waits for it.
    if (!this.#isTerminal) {
      return void (this.#pendingWrite = this.#pendingWrite.then(() => writeQuietly(bytes)));
    }
    try {
      Deno.stderr.writeSync(bytes);
    } catch {
      // The terminal is gone.
    }
  }
}

async function writeQuietly(bytes: Uint8Array): Promise<void> {
  await Deno.stderr.write(bytes).catch(() => {});
}
