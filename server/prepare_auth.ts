/**
 * Prepares the option `auth` for use, when a server starts, and when it gets another one.
 *
 * @module
 */

import { AccessControl, type AccessControlOptions } from "../auth/access_control.ts";
import type { Auth, PreparedAuth } from "../auth/auth.ts";
import { Budget } from "../budgets/budget.ts";
import { DsmqError } from "../protocol/errors.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { Clock } from "../queue/clock.ts";
import type { EventLog } from "../queue/log_event.ts";
import type { AuthSettings } from "./auth_options.ts";
import type { OptionChecks, OptionNames } from "./option_checks.ts";
import type { ServerSettings } from "./options.ts";
import { requireDescriptor } from "./runtime.ts";
import type { VerifierContext } from "./token_verifier.ts";

/** How many tokens are checked at a time, besides those in a list. One client may have as many as it leaves free. */
const MAX_RUNNING = 256;

/**
 * Creates the access control of a server.
 *
 * @param auth the options of access control
 * @param place the host that it was started with, and whether it has TLS, as far as that is known
 * @param settings what it needs besides
 * @returns it, and what prepares another `auth` for it
 */
export async function openAccess(
  { allowedHosts, allowedOrigins, auth, check }: AuthSettings,
  place: Pick<AccessControlOptions, "host" | "secure">,
  { clock, log, limits, signal }: Pick<ServerSettings, "clock" | "log" | "limits" | "signal">,
): Promise<{ readonly access: AccessControl; readonly preparation: AuthPreparation }> {
  const { nameOf } = check;
  const preparation = new AuthPreparation({ clock, log, timeout: limits.authTimeout, nameOf });
  const prepared = await preparation.prepare(auth, check, signal);
  const access = await AccessControl.create({
    ...{ allowedHosts, allowedOrigins },
    ...place,
    auth: prepared,
  });
  return { access, preparation };
}

let loaded: typeof import("./token_verifier.ts") | undefined;

/** Loaded here and not above: most servers need neither `jwt` nor `verify`. */
async function loadVerifier(action: string): Promise<typeof import("./token_verifier.ts")> {
  if (loaded) return loaded;
  requireDescriptor(action);
  try {
    return loaded = await import("./token_verifier.ts");
  } catch (cause) {
    const message = `Cannot ${action}: what checks tokens does not load: ${
      (cause as Error).message
    }`;
    throw new DsmqError("module_unavailable", message, { cause });
  }
}

/** Prepares it. */
export class AuthPreparation {
  /** How options are named in errors and in the log. */
  readonly nameOf: OptionNames;
  readonly #context: VerifierContext;

  /** Starts without checks. */
  constructor({ clock, log, timeout, nameOf }: {
    readonly clock: Clock;
    readonly log: EventLog;
    readonly timeout: number;
    readonly nameOf: OptionNames;
  }) {
    this.nameOf = nameOf;
    this.#context = {
      ...{ clock, log, timeout, nameOf },
      remoteKeys: new NameMap(),
      running: new Budget({ own: 0, shared: MAX_RUNNING }),
      onFault: (reason) =>
        log.write({ event: "token_check_failed", message: "cannot check a token", reason }),
    };
  }

  /**
   * Prepares it.
   *
   * @param auth checked
   * @param check how options are named in errors
   * @param stop ends waiting
   * @throws {RangeError | DsmqError} if a key cannot be used, or `npm:jose` does not load
   */
  async prepare(
    { tokens, anonymous, ...asking }: Auth,
    check: OptionChecks,
    stop?: AbortSignal,
  ): Promise<PreparedAuth> {
    const listed = { ...(tokens && { tokens }), ...(anonymous && { anonymous }) };
    if (asking.jwt === undefined && asking.verify === undefined) return listed;
    const { AskingVerifier } = await loadVerifier(check.action);
    return { ...listed, verifier: await AskingVerifier.create(asking, this.#context, check, stop) };
  }
}
