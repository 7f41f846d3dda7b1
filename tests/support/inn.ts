/**
 * A house for tests of transports: it lets everybody in, and remembers what happened.
 *
 * @module
 */

import { Budget } from "../../budgets/budget.ts";
import type {
  Address,
  Bounds,
  House,
  Listener,
  Peer,
  Transport,
  Visit,
} from "../../transports/transport.ts";
import { ManualClock } from "./manual_clock.ts";
import { soon } from "./soon.ts";

/** A peer that has arrived. */
export interface Guest {
  readonly peer: Peer;
  /** What it said. */
  readonly said: unknown[];
  /** How often its visit was over. */
  closed: number;
}

/** Lets everybody in. A test may replace what it does. */
export class Inn implements House {
  readonly guests: Guest[] = [];
  readonly failures: unknown[] = [];
  readonly reasons: string[] = [];
  readonly refusals: string[] = [];
  readonly told: string[] = [];
  readonly #heeding = new Set<() => void>();

  http: House["http"] = () => new Response("hello\n");
  admit: House["admit"] = () => Promise.resolve((peer: Peer) => this.enter(peer));
  /** What a guest does with what is said to it. */
  receive: (guest: Guest, data: unknown) => void = ({ said }, data) => void said.push(data);

  enter(peer: Peer): Visit {
    const guest: Guest = { peer, said: [], closed: 0 };
    this.guests.push(guest);
    this.#happened();
    return {
      receive: (data) => {
        this.receive(guest, data);
        this.#happened();
      },
      closed: () => {
        guest.closed++;
        this.#happened();
      },
    };
  }

  failed(error: unknown): void {
    this.failures.push(error);
    this.#happened();
  }

  gaveUp(why: string): void {
    this.reasons.push(why);
    this.#happened();
  }

  refused(why: string): void {
    this.refusals.push(why);
    this.#happened();
  }

  tell(what: string): void {
    this.told.push(what);
    this.#happened();
  }

  /** How many visits are not over. */
  get present(): number {
    return this.guests.filter(({ closed }) => closed === 0).length;
  }

  /** Resolves once something holds, looked at whenever something happens. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => this.#heeding.add(resolve));
    }
  }

  #happened(): void {
    for (const resolve of this.#heeding) resolve();
    this.#heeding.clear();
  }
}

/** A clock that knows how many wait for it. */
export class CountingClock extends ManualClock {
  waiting = 0;

  override after(ms: number, callback: () => void): () => void {
    this.waiting++;
    const callOff = super.after(ms, () => {
      this.waiting--;
      callback();
    });
    let off = false;
    return () => {
      if (!off) this.waiting--;
      off = true;
      callOff();
    };
  }
}

/** An open port with its house and its clock. */
export class Opened implements AsyncDisposable {
  readonly inn: Inn = new Inn();
  readonly clock: CountingClock = new CountingClock();
  #listener: Listener | undefined;

  /** Opens a port. */
  static async with(
    listen: Transport,
    bounds: Partial<Bounds> = {},
    tls?: Address["tls"],
  ): Promise<Opened> {
    const opened = new Opened();
    opened.#listener = await listen({ host: "127.0.0.1", port: 0, tls }, opened.inn, {
      frameBytes: 4 * 1024 * 1024,
      partial: new Budget({ own: 8192, shared: 2 ** 27 }),
      unread: new Budget({ own: 16_384, shared: 2 ** 27 }),
      headerTime: 8000,
      rest: Infinity,
      patience: 8000,
      after: (ms, callback) => opened.clock.after(ms, callback),
      ...bounds,
    });
    return opened;
  }

  get port(): number {
    return this.#listener!.port;
  }

  stop(): Promise<void> {
    return this.#listener!.stop();
  }

  renew(tls: NonNullable<Address["tls"]>): Promise<void> {
    return this.#listener!.renew(tls);
  }

  /** Stops, and waits until the platform has noticed that all connections have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await soon(this.inn.until(() => this.inn.present === 0));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
