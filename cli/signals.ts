/**
 * Signals of the system.
 *
 * @module
 */

/** Windows knows no SIGTERM, and no SIGHUP that somebody sends. */
const WINDOWS = Deno.build.os === "windows";
const STOP_SIGNALS: readonly Deno.Signal[] = WINDOWS ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

/** Their numbers: a shell sees 128 and that of a process that ended by one. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** Those that somebody heeds, and how many do. */
const handled = new Map<Deno.Signal, number>();

const interruptController = new AbortController();

/** Aborts once somebody asks for the end. */
export const interruption: AbortSignal = interruptController.signal;

/** The first process of a container is ended by no signal that it does not heed: this one is, as any other would be. */
export function exitOnSignalsAsInit(): void {
  if (Deno.pid !== 1) return;
  for (const [name, number] of Object.entries(SIGNAL_NUMBERS) as [Deno.Signal, number][]) {
    Deno.addSignalListener(name, () => {
      if (!handled.has(name)) Deno.exit(128 + number);
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
  const stop = onSignals(STOP_SIGNALS, (name) => {
    stop();
    interruptController.abort(new Error(`interrupted by ${name}`));
    code = 128 + SIGNAL_NUMBERS[name]!;
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
function onSignals(
  names: readonly Deno.Signal[],
  callback: (name: Deno.Signal) => void,
): () => void {
  const supported = names.filter((name) => !WINDOWS || name === "SIGINT");
  const callbacks = supported.map((name) => [name, () => callback(name)] as const);
  for (const [name, callback] of callbacks) {
    Deno.addSignalListener(name, callback);
    handled.set(name, (handled.get(name) ?? 0) + 1);
  }
  let isEnded = false;
  return () => {
    if (isEnded) return;
    isEnded = true;
    for (const [name, callback] of callbacks) {
      Deno.removeSignalListener(name, callback);
      const remaining = handled.get(name)! - 1;
      if (remaining > 0) handled.set(name, remaining);
      else handled.delete(name);
    }
  };
}

/** The signals of a server. It must not miss one that comes while it starts. */
export class ServerSignals implements Disposable {
  readonly #interrupt = interrupt();
  readonly #removeHandler: () => void;
  #isHangupPending = false;
  #reread: (() => Promise<void>) | undefined;
  #rereading: Promise<void> = Promise.resolve();

  /** Heeds them from now on. */
  constructor() {
    this.#removeHandler = onSignals(["SIGHUP"], () => {
      this.#isHangupPending = true;
      this.#runReread();
    });
  }

  /** Aborts at the first SIGINT or SIGTERM; a second one ends the process. */
  get stop(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** Has SIGHUP do this, once at a time; at once if there was one already. */
  onHangup(reread: () => Promise<void>): void {
    this.#reread = reread;
    this.#runReread();
  }

  [Symbol.dispose](): void {
    this.#removeHandler();
    this.#interrupt[Symbol.dispose]();
  }

  #runReread(): void {
    const reread = this.#reread;
    if (!reread) return;
    this.#rereading = this.#rereading.then(async () => {
      // Several that came meanwhile are one.
      if (!this.#isHangupPending) return;
      this.#isHangupPending = false;
      await reread();
    });
  }
}

let sharedServerSignals: ServerSignals | undefined;

/** Heeds the signals of a server, from the first call on. */
export function serverSignals(): ServerSignals {
  return sharedServerSignals ??= new ServerSignals();
}
