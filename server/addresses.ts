/**
 * Where a server listens, in words.
 *
 * @module
 */

/** Words the error of a server that cannot listen. */
export function cannotListen(host: string, port: number, cause: Error): Error {
  const isTaken = "code" in cause && cause.code === "EADDRINUSE";
  const why = isTaken ? "the port is taken" : cause.message;
  return new Error(`Cannot serve on ${authority(host, port)}: ${why}`, { cause });
}

/** Host and port, as in a URL. */
export function authority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address that stands for all of a machine's is nothing to connect to. */
export function localName(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
