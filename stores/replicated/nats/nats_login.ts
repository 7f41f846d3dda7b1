/**
 * What the client of NATS is given to log in and to encrypt: files are read here, so that errors say which, and nothing of them.
 *
 * @module
 */

import { LogError } from "../record_log.ts";
import type { NatsAddress, NatsTls } from "./nats_address.ts";
import type { NatsConnectOptions, NatsPackages } from "./nats_packages.ts";

/** How long a server may be silent before it is given up for another: at most three of these. */
const PING_INTERVAL = 1000;

/**
 * The options of a connection.
 *
 * @param address of the log
 * @param nats reads credentials
 * @param timeout of one attempt at one server, in milliseconds
 * @throws {LogError} `unusable`, if a file cannot be read
 */
export function connectOptions(
  { servers, login, tls }: NatsAddress,
  nats: Pick<NatsPackages, "credsAuthenticator">,
  timeout: number,
): NatsConnectOptions {
  const { user, password, token, credentials } = login;
  return {
    servers: [...servers],
    name: "dsmq",
    timeout,
    // A stack at each request would cost more than the request.
    noAsyncTraces: true,
    // A server whose users are loaded anew refuses everybody for a moment.
    ignoreAuthErrorAbort: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    pingInterval: PING_INTERVAL,
    maxPingOut: 2,
    ...(user !== undefined && { user, pass: password }),
    ...(token !== undefined && { token }),
    ...(credentials !== undefined && {
      authenticator: nats.credsAuthenticator(credentialsReader(credentials)),
    }),
    ...(tls && { tls: tlsOptions(tls) }),
  };
}

/** Reads a file at each connection: credentials expire, and are replaced. */
function credentialsReader(path: string): () => Uint8Array {
  let bytes = readFile("credentials", path);
  if (!/-----\s+\S+\s+---[^]*-----\s+\S+\s+---/.test(new TextDecoder().decode(bytes))) {
    throw new LogError(
      "unusable",
      "Cannot open the log: the file of credentials must have a JWT and a seed, as nsc writes them",
    );
  }
  return () => {
    try {
      bytes = Deno.readFileSync(path);
    } catch {
      // The one that was read before may still do; an error here would close the connection for good.
    }
    return bytes;
  };
}

function tlsOptions({ mode, ca, cert, key }: NatsTls) {
  const text = (name: string, path: string) => {
    const pem = new TextDecoder().decode(readFile(name, path));
    if (pem.includes("-----BEGIN ")) return pem;
    throw new LogError("unusable", `Cannot open the log: the file of ${name} must be PEM`);
  };
  return {
    ...(mode === "first" && { handshakeFirst: true }),
    ...(ca !== undefined && { ca: text("ca", ca) }),
    ...(cert !== undefined && key !== undefined && {
      cert: text("cert", cert),
      key: text("key", key),
    }),
  };
}

function readFile(name: string, path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    // Its message has the path, which may be a secret that was put in the wrong place.
    const why = (error as Error).name;
    throw new LogError(
      "unusable",
      `Cannot open the log: the file of ${name} cannot be read: ${why}`,
    );
  }
}
