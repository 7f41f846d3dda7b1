/**
 * The options of access control, with their defaults and checks.
 *
 * @module
 */

import type { AccessControlOptions } from "../auth/access_control.ts";
import { hostFault } from "../auth/allowed_hosts.ts";
import { type Auth, OPEN_TO_ALL } from "../auth/auth.ts";
import { originFault } from "../auth/allowed_origins.ts";
import { kindOf } from "../protocol/text.ts";
import { parseAuth } from "./auth_choice.ts";
import { OptionChecks } from "./option_checks.ts";

const ORIGINS = 'origins such as "https://example.org"';
const HOSTS = 'names such as "mq.example.org"';

/** Who may connect. */
export interface AuthOptions {
  /** Who may do what; a text is a token that is required and may do everything. Default: everybody may do everything. */
  readonly auth?: string | Auth;
  /** The origins of web pages that may connect, besides the server's own; `"*"` allows all. Default: none. */
  readonly allowedOrigins?: readonly string[];
  /** Names of the server, besides `host` and the names of loopback. Default: none. */
  readonly allowedHosts?: readonly string[];
  /** The certificate for TLS, in PEM, followed by those above it. Default: no TLS. */
  readonly cert?: string;
  /** The private key for TLS, in PEM. */
  readonly key?: string;
}

/** A certificate, followed by those above it, and its private key, in PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** The names of the two in errors: options, or files. */
export const TLS_OPTION_NAMES: Tls = { cert: "cert", key: "key" };

/** The checked options. The server adds the rest of access control. */
export interface AuthSettings extends Omit<AccessControlOptions, "host" | "secure" | "auth"> {
  /** Who may do what, not prepared yet. */
  readonly auth: Auth;
  /** How options are named in errors. */
  readonly check: OptionChecks;
  readonly tls: Tls | undefined;
}

/**
 * Fills in the defaults and checks the options.
 *
 * @param options all options of the caller
 * @param check how options are named in errors
 * @returns the settings, and the options that are not of this kind
 * @throws {TypeError} if an option is of the wrong type
 * @throws {RangeError} if an option is out of its range
 */
export function parseAuthOptions<Others extends object>(
  options: AuthOptions & Others,
  check: OptionChecks,
): { auth: AuthSettings; others: Omit<AuthOptions & Others, keyof AuthOptions> } {
  const auth = "auth" in options ? parseAuth(options.auth!, check) : OPEN_TO_ALL;
  const { auth: _, allowedOrigins = [], allowedHosts = [], cert, key, ...others } = options;
  check.texts("allowedOrigins", allowedOrigins, ORIGINS, originFault);
  check.texts("allowedHosts", allowedHosts, HOSTS, hostFault);
  const tls = requireTlsPair(cert, key, check);
  return { auth: { auth, check, allowedOrigins, allowedHosts, tls }, others };
}

/**
 * Checks that there are both a certificate and a key, or neither.
 *
 * @param cert the certificate, in PEM
 * @param key its private key, in PEM
 * @param check how options are named in errors. Default: as in a program
 * @returns the two, not checked any further; `undefined` if there are none
 * @throws {TypeError} if one of them is missing, or is not text
 */
export function requireTlsPair(
  cert: string | undefined,
  key: string | undefined,
  check: OptionChecks = new OptionChecks(),
): Tls | undefined {
  for (const [name, value] of Object.entries({ cert, key })) {
    if (value !== undefined && typeof value !== "string") {
      throw new TypeError(
        `Cannot ${check.action}: ${name} must be text in PEM, got ${kindOf(value)}`,
      );
    }
  }
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const [given, missing] = (cert === undefined ? ["key", "cert"] : ["cert", "key"])
      .map(check.nameOf);
    throw new TypeError(
      `Cannot ${check.action}: TLS needs ${given} and ${missing}, and there is no ${missing}`,
    );
  }
  return { cert, key };
}
