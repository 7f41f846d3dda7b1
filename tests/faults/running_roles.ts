/**
 * Clients that use a server side by side, each as fast as it is granted turns.
 *
 * @module
 */

import type { LimitedRun } from "./limited_run.ts";
import { OpenConnections } from "./open_connections.ts";
import { Pace } from "./pace.ts";
import { type Finding, none } from "./report.ts";
import type { Role, RoleLog, ServerAddresses } from "./soak_roles.ts";

interface RunningRole {
  readonly name: string;
  readonly turns: number;
  readonly pace: Pace;
  readonly log: RoleLog;
  readonly over: Promise<void>;
  isOver: boolean;
  /** What it had done at the last check. */
  checked: { readonly right: number; readonly put: number; readonly granted: number };
}

/** Clients at work. When it is disposed of their connections are closed, even if they are stuck. */
export class RunningRoles implements AsyncDisposable {
  readonly #connections: OpenConnections;
  readonly #roles: readonly RunningRole[];
  readonly #disposed = Promise.withResolvers<void>();

  /** Starts them; each waits for its first turn. */
  constructor(
    roles: Readonly<Record<string, Role>>,
    addresses: ServerAddresses,
    { signal }: Pick<LimitedRun, "signal">,
  ) {
    this.#connections = new OpenConnections(signal);
    this.#roles = Object.entries(roles).map(([name, { turns, use }]) => {
      const pace = new Pace();
      const log: RoleLog = { put: 0, right: 0, wrong: [] };
      const over = use({ ...addresses, connections: this.#connections, pace }, log)
        .catch((error) => void log.wrong.push(String(error)))
        .finally(() => role.isOver = true);
      const checked = { right: 0, put: 0, granted: 0 };
      const role: RunningRole = { name, turns, pace, log, over, isOver: false, checked };
      return role;
    });
  }

  /** Grants the turns of a step. */
  grant(): void {
    for (const { pace, turns } of this.#roles) pace.grant(turns);
  }

  /**
   * The names of those that have got nothing since the last check, or not yet all that was put before it, or have not
   * yet taken all turns that were granted before it.
   */
  get behind(): string[] {
    const late = this.#roles.filter(({ isOver, pace, checked, log: { right, wrong } }) =>
      !isOver && wrong.length === 0 &&
      !(right > checked.right && right >= checked.put && pace.done >= checked.granted)
    );
    return late.map(({ name }) => name);
  }

  /** A check is over. */
  onChecked(): void {
    for (const role of this.#roles) {
      const { pace: { granted }, log: { right, put } } = role;
      role.checked = { right, put, granted };
    }
  }

  /** Ends them, and waits until they have read everything, or are disposed of: whoever is stuck does not end. */
  async end(): Promise<void> {
    for (const { pace } of this.#roles) pace.end();
    const over = Promise.all(this.#roles.map(({ over }) => over));
    await Promise.race([over, this.#disposed.promise]);
  }

  /** The names of those that have not ended. */
  get running(): string[] {
    return this.#roles.filter(({ isOver }) => !isOver).map(({ name }) => name);
  }

  /** What failed, or arrived out of order. */
  get wrong(): string[] {
    return this.#roles.flatMap(({ log }) => log.wrong);
  }

  /** How many messages each of them got, and what was wrong. */
  get findings(): Finding[] {
    return this.#roles.flatMap(({ name, log: { right, wrong } }) => [
      { what: `${name}: messages`, seen: right, good: right > 0 },
      none(`${name}: wrong`, wrong),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pace } of this.#roles) pace.end();
    await this.#connections[Symbol.asyncDispose]();
    this.#disposed.resolve();
  }
}
