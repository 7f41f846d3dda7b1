/**
 * Handles the signals of the operating system.
 *
 * @module
 */

/** Windows has no SIGTERM, and no SIGHUP that a user could send. */
const WINDOWS = Deno.build.os === "windows";
const STOP_SIGNALS: readonly Deno.Signal[] = WINDOWS ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

/** The signals that end a command: also that the terminal was closed. */
const END_SIGNALS: readonly Deno.Signal[] = [...STOP_SIGNALS, "SIGHUP"];

/** Their numbers: the exit code of an interrupted process is 128 plus the number. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** How many handlers each signal has. */
const handled = new Map<Deno.Signal, number>();

const interruptController = new AbortController();

/** Aborts at the first signal to stop. */
export const interruption: AbortSignal = interruptController.signal;

/** The kernel ignores signals to process 1 of a container that has no handler: this makes them end it, as elsewhere. */
export function exitOnSignalsAsInit(): void {
  if (Deno.pid !== 1) return;
  for (const [name, number] of Object.entries(SIGNAL_NUMBERS) as [Deno.Signal, number][]) {
    Deno.addSignalListener(name, () => {
      if (!handled.has(name)) Deno.exit(128 + number);
    });
  }
}

/** Tells a command that it was interrupted. */
export interface Interrupt extends Disposable {
  /** Aborts at the first SIGINT (Ctrl-C) or SIGTERM; a second one ends the process. */
  readonly signal: AbortSignal;
  /** The exit code of an interrupted command: 128 plus the number of the signal. */
  readonly code: number;
}

/**
 * Makes Ctrl-C and SIGTERM abort an `AbortSignal` instead of ending the process at once.
 *
 * @returns the signal; dispose of it to restore the default
 */
export function interrupt(): Interrupt {
  return interruptInSteps(STOP_SIGNALS, [new AbortController()]);
}

/** Tells a command that it was interrupted, and that it was once more. */
export interface TwofoldInterrupt extends Interrupt {
  /** Aborts at the second signal; a third one ends the process. */
  readonly again: AbortSignal;
}

/**
 * The same for a command that has something to finish: at the first signal (of the terminal's end, too) it does so, at the
 * second one it does not. A further SIGHUP is none: for one terminal that was closed the shell sends one, and the kernel another.
 * Where SIGHUP was ignored, as by `nohup`, it stays so.
 *
 * @returns the signals; dispose of them to restore the default
 */
export async function interruptTwice(): Promise<TwofoldInterrupt> {
  const isIgnored = await ignoresHangup();
  const again = new AbortController();
  const first = new AbortController();
  const stop = interruptInSteps(
    END_SIGNALS,
    [first, again],
    (name) => name === "SIGHUP" && (isIgnored || first.signal.aborted),
  );
  return Object.assign(stop, { again: again.signal });
}

/**
 * Whether this process was started with SIGHUP ignored. Its first child is, too, and Deno has no shorter way to know; from then
 * on Deno itself ends it at SIGHUP, unless somebody listens.
 */
async function ignoresHangup(): Promise<boolean> {
  const { state } = await Deno.permissions.query({ name: "run", command: "sh" });
  if (WINDOWS || state !== "granted") return false;
  const options = { stdin: "null", stdout: "null", stderr: "null" } as const;
  const probe = new Deno.Command("sh", { args: ["-c", "kill -HUP $$"], ...options });
  const { signal } = await probe.output().catch(() => ({ signal: "SIGHUP" }));
  return signal === null;
}

/** Each signal that counts aborts the next step; after the last one the default is restored. */
function interruptInSteps(
  names: readonly Deno.Signal[],
  [first, ...others]: readonly [AbortController, ...AbortController[]],
  isIgnored: (name: Deno.Signal) => boolean = () => false,
): Interrupt {
  const steps = [first, ...others];
  let code = 0;
  const stop = onSignals(names, (name) => {
    if (isIgnored(name)) return;
    const step = steps.shift()!;
    if (steps.length === 0) stop();
    interruptController.abort(new Error(`interrupted by ${name}`));
    code = 128 + SIGNAL_NUMBERS[name]!;
    step.abort();
  });
  return {
    signal: first.signal,
    get code() {
      return code;
    },
    [Symbol.dispose]: stop,
  };
}

/** Calls back at each of these signals; returns a function that stops this. */
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

/** The signals of a server. None may be missed while it starts. */
export class ServerSignals implements Disposable {
  readonly #interrupt = interrupt();
  readonly #removeHandler: () => void;
  #isHangupPending = false;
  #reread: (() => Promise<void>) | undefined;
  #rereading: Promise<void> = Promise.resolve();

  /** Handles the signals from now on. */
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

  /** Runs this at SIGHUP, one run at a time; at once if a SIGHUP has come already. */
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
      // Several SIGHUPs during a run count as one.
      if (!this.#isHangupPending) return;
      this.#isHangupPending = false;
      await reread();
    });
  }
}

let sharedServerSignals: ServerSignals | undefined;

/** Handles the signals of a server from the first call on. */
export function serverSignals(): ServerSignals {
  return sharedServerSignals ??= new ServerSignals();
}
