/**
 * The address that a server listens on.
 *
 * @module
 */

import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { quoted } from "../protocol/text.ts";
import { OptionChecks } from "./option_checks.ts";

/** The codes of systems and runtimes for the same error. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken",
  EADDRNOTAVAIL: "this machine does not have the address",
  // The code in Node.
  EINVAL: "this machine does not have the address",
  ENOTFOUND: "no address is known for this name",
  EAI_AGAIN: "no address is known for this name",
};

/** The codes of these errors; any other is `unavailable`. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  EADDRINUSE: "address_in_use",
  EADDRNOTAVAIL: "address_not_available",
  EINVAL: "address_not_available",
  ENOTFOUND: "address_not_available",
  EAI_AGAIN: "address_not_available",
  EACCES: "permission_denied",
  EPERM: "permission_denied",
};

/** The error of a server that cannot listen, unless it has its own text already. */
export function toListenError(host: string, port: number, cause: Error): DsmqError {
  if (cause instanceof DsmqError) return cause;
  const code = "code" in cause ? String(cause.code) : "";
  const isUnknown = /failed to lookup address/.test(cause.message);
  const isReserved = code === "EACCES" && port < 1024;
  const found = isUnknown ? "ENOTFOUND" : cause.name === "NotCapable" ? "EPERM" : code;
  const reason = isReserved
    ? "ports below 1024 need rights that this process does not have"
    : REASONS[found] ?? cause.message;
  const message = `Cannot serve on ${hostAndPort(host, port)}: ${reason}`;
  return new DsmqError(CODES[found] ?? "unavailable", message, { cause });
}

/**
 * An address or a name to listen on, in the form that the system takes.
 *
 * @param host as it was given: an IPv6 address perhaps in brackets, a name perhaps beyond ASCII
 * @param check the name of the option in errors. Default: `host`
 * @returns the same without brackets, in ASCII
 * @throws {RangeError} if it is neither an address nor a name
 */
export function listenHost(host: string, check: OptionChecks = new OptionChecks()): string {
  // A password that was typed there must not appear in a log.
  const shown = host.replace(/^.*@/s, "…@");
  const hostError = (reason: string) =>
    check.rangeError("host", "an address or a name", `${quoted(shown)}: ${reason}`);
  if (host === "*") throw hostError("all addresses of the machine are 0.0.0.0, or ::");
  if (host.includes("://")) throw hostError("it has a scheme, which is for clients");
  if (/^\d+$/.test(host)) {
    throw hostError("a number is not an address, and the port is a separate option");
  }
  if (host.includes("@")) throw hostError("it has the name of a user, which is for clients");
  if (/[/?#]/.test(host)) throw hostError("it has a path, which is for clients");
  if (/^([^:[\]]*|\[.*\]):\d*$/.test(host)) throw hostError("the port is a separate option");
  const bare = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  if (bare.includes(":")) {
    const [address, zone] = bare.split("%", 2) as [string, string?];
    if (!URL.canParse(`http://[${address}]`)) throw hostError("it is not an IPv6 address");
    if (zone !== undefined && !/^fe[89ab]/i.test(address)) {
      throw hostError("only an address that begins with fe80 has a zone after %");
    }
    return bare;
  }
  if (bare !== host) throw hostError("only IPv6 addresses have brackets");
  if (/[\s\p{Cc}]/u.test(host)) throw hostError("a name has letters, digits, dots and hyphens");
  if (/^[\d.]*$/.test(host) && !URL.canParse(`http://${host}`)) {
    throw hostError("it is not an IPv4 address");
  }
  const name = /^[\x21-\x7e]+$/.test(host) ? host : URL.parse(`http://${host}`)?.hostname;
  if (!name || !/^[\w.-]+$/.test(name)) {
    throw hostError("a name has letters, digits, dots and hyphens");
  }
  return name;
}

/** Host and port, as in a URL. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A client cannot connect to an address that stands for all addresses of a machine. */
export function connectHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
