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

const asked = new AbortController();

/** Aborts once somebody asks for the end. */
export const interruption: AbortSignal = asked.signal;

/** The first process of a container is ended by no signal that it does not heed: this one is, as any other would be. */
export function endAsOthersDo(): void {
  if (Deno.pid !== 1) return;
  for (const [name, number] of Object.entries(NUMBERS) as [Deno.Signal, number][]) {
    Deno.addSignalListener(name, () => {
      if (!heeded.has(name)) Deno.exit(128 + number);
    });
  }
}

/** What a command does when it is interrupted. */
export interface Interrupt extends Disposable {
  /** Aborts at the first SIGINT, which is Ctrl-C, or SIGTERM; a second one ends the process. */
  readonly signal: AbortSignal;
  /** The exit code of a command that was ended by it: 128 and the number of the signal of the system. */
  readonly code: number;
}

/**
 * Has Ctrl-C and SIGTERM abort a signal, instead of ending the process at once.
 *
 * @returns the signal, to be disposed of
 */
export function interrupt(): Interrupt {
  const controller = new AbortController();
  let code = 0;
  const stop = heed(STOPPING, (name) => {
    stop();
    asked.abort(new Error(`interrupted by ${name}`));
    code = 128 + NUMBERS[name]!;
    controller.abort();
  });
  return {
    signal: controller.signal,
    get code() {
      return code;
    },
    [Symbol.dispose]: stop,
  };
}

/** Calls back at each of these signals; returns how to end that. */
function heed(
  names: readonly Deno.Signal[],
  callback: (name: Deno.Signal) => void,
): () => void {
  const known = names.filter((name) => !WINDOWS || name === "SIGINT");
  const callbacks = known.map((name) => [name, () => callback(name)] as const);
  for (const [name, callback] of callbacks) {
    Deno.addSignalListener(name, callback);
    heeded.set(name, (heeded.get(name) ?? 0) + 1);
  }
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    for (const [name, callback] of callbacks) {
      Deno.removeSignalListener(name, callback);
      const left = heeded.get(name)! - 1;
      if (left > 0) heeded.set(name, left);
      else heeded.delete(name);
    }
  };
}

/** The signals of a server. It must not miss one that comes while it starts. */
export class ServerSignals implements Disposable {
  readonly #stopping = interrupt();
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
