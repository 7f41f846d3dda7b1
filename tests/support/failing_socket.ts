/**
 * Sockets that do not open.
 *
 * @module
 */

import type { Socket } from "@dsmq/server";
import type { ConnectError } from "../../client/connect_error.ts";
import { ScriptedServer } from "./scripted_server.ts";

/** A socket that fails with this error, or neither opens nor closes. */
export function failingSocket(error: ConnectError | undefined): Socket {
  const script = new ScriptedServer();
  script.stuck = true;
  const socket = script.dial();
  if (error) queueMicrotask(() => socket.onerror!.call(null as never, { error } as ErrorEvent));
  return socket;
}
