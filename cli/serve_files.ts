/**
 * The files that `dsmq serve` is given: certificate and key, tokens, secrets. They are read at the start, and again at SIGHUP.
 *
 * @module
 */

import type { AuthOptions, Server } from "../server.ts";
import { stderr } from "../server/stderr.ts";
import type { ParsedArguments } from "./command.ts";
import { permissionWarning, readTextFile } from "./files.ts";
import { authFiles, rereadAuth, serverAuth } from "./tokens.ts";

/** The options for access control, with what is in the files. */
export async function readServeFiles(args: ParsedArguments): Promise<AuthOptions> {
  const [origins, hosts, cert, key] = ["allow-origin", "allow-host", "cert", "key"].map(args.value);
  return {
    ...await serverAuth(args),
    ...(origins !== undefined && { allowedOrigins: origins.split(/ *, */) }),
    ...(hosts !== undefined && { allowedHosts: hosts.split(/ *, */) }),
    ...(cert !== undefined && { cert: await readTextFile(cert) }),
    ...(key !== undefined && { key: await readTextFile(key) }),
  };
}

/** Reloads the files at SIGHUP. A file that cannot be used changes nothing. */
export async function rereadServeFiles(args: ParsedArguments, server: Server): Promise<void> {
  await warnOfSharedFiles(args);
  await rereadAuth(args, server);
  const [cert, key] = [args.value("cert"), args.value("key")];
  if (cert === undefined || key === undefined) {
    if (authFiles(args).length > 0) return;
    const message =
      "nothing to reload: neither --token-file, --jwt-secret-file, --jwt-key-file nor --cert is set";
    return stderr.write({ event: "reload_failed", message });
  }
  try {
    await server.setCertificate(await readTextFile(cert), await readTextFile(key));
    const closedNote = server.transport === "builtin" ? ", and builtin has closed all others" : "";
    const message = `reloaded ${cert}: new connections use it${closedNote}`;
    stderr.write({ event: "reloaded", message, fields: { file: cert } });
  } catch (error) {
    const message = `${(error as Error).message}; the certificate is unchanged`;
    stderr.write({ event: "reload_failed", message, fields: { file: cert } });
  }
}

/** Warns of files with secrets that other users can read. */
export async function warnOfSharedFiles(args: ParsedArguments): Promise<void> {
  const secrets = ["token-file", "jwt-secret-file", "key"].map(args.value);
  for (const file of secrets) {
    const message = file === undefined ? undefined : await permissionWarning(file);
    if (message === undefined) continue;
    stderr.write({ event: "secret_exposed", message, fields: { file } });
  }
}
