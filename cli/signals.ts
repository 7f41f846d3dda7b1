/**
 * Signals of the system.
 *
 * @module
 */

/** Windows knows no SIGTERM, and no SIGHUP that somebody sends. */
const WINDOWS = Deno.build.os === "windows";
const STOPPING: readonly Deno.Signal[] = WINDOWS ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

/** Their numbers: a shell sees 128 and that of a process that ended by one. */
const NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** Those that somebody heeds, and how many do. */
const heeded = new Map<Deno.Signal, number>();

let wasInterrupted = false;

/** Whether somebody asked for the end. */
export function interrupted(): boolean {
  return wasInterrupted;
}

/** The first process of a container is ended by no signal that it does not heed: this one is, as any other would be. */
export function endAsOthersDo(): void {
  if (Deno.pid !== 1) return;
  for (const [name, number] of Object.entries(NUMBERS) as [Deno.Signal, number][]) {
    Deno.addSignalListener(name, () => {
      if (!heeded.has(name)) Deno.exit(128 + number);
    });
  }
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
  const controller = new AbortController();
  const stop = heed(names.length === 0 ? ["SIGINT"] : names, () => {
    stop();
    wasInterrupted = true;
    controller.abort();
  });
  return { signal: controller.signal, [Symbol.dispose]: stop };
}

/** Calls back at each of these signals; returns how to end that. */
function heed(names: readonly Deno.Signal[], callback: () => void): () => void {
  const known = names.filter((name) => !WINDOWS || name === "SIGINT");
  for (const name of known) {
    Deno.addSignalListener(name, callback);
    heeded.set(name, (heeded.get(name) ?? 0) + 1);
  }
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    for (const name of known) {
      Deno.removeSignalListener(name, callback);
      const left = heeded.get(name)! - 1;
      if (left > 0) heeded.set(name, left);
      else heeded.delete(name);
    }
  };
}

/** The signals of a server. It must not miss one that comes while it starts. */
export class ServerSignals implements Disposable {
  readonly #stopping = interrupt(...STOPPING);
  readonly #ended: () => void;
  #hungUp = false;
  #reread: (() => Promise<void>) | undefined;
  #reading: Promise<void> = Promise.resolve();

  /** Heeds them from now on. */
  constructor() {
    this.#ended = heed(["SIGHUP"], () => {
      this.#hungUp = true;
      this.#read();
    });
  }

  /** Aborts at the first SIGINT or SIGTERM; a second one ends the process. */
  get stop(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Has SIGHUP do this, once at a time; at once if there was one already. */
  onHangup(reread: () => Promise<void>): void {
    this.#reread = reread;
    this.#read();
  }

  [Symbol.dispose](): void {
    this.#ended();
    this.#stopping[Symbol.dispose]();
  }

  #read(): void {
    const reread = this.#reread;
    if (!reread) return;
    this.#reading = this.#reading.then(async () => {
      // Several that came meanwhile are one.
      if (!this.#hungUp) return;
      this.#hungUp = false;
      await reread();
    });
  }
}

let ofServer: ServerSignals | undefined;

/** Heeds the signals of a server, from the first call on. */
export function serverSignals(): ServerSignals {
  return ofServer ??= new ServerSignals();
}
