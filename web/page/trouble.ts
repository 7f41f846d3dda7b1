/**
 * What keeps the page from showing its server as it is, in words.
 *
 * @module
 */

import type { DsmqError } from "../../client.ts";
import type { ServerStatus } from "../../http/server_status.ts";
import { counted } from "./format.ts";
import { HttpError } from "./server_api.ts";
import type { StatusFailure } from "./status_reader.ts";

/** What has failed. */
export interface Failures {
  /** The WebSocket is connected. */
  readonly isConnected: boolean;
  /** Why the status could not be read last. */
  readonly status: StatusFailure | undefined;
  /** Why the WebSocket could not connect, though the status was read. */
  readonly socket: DsmqError | undefined;
}

/** What is wrong, and what the page does about it; `undefined` if nothing is, as far as that is known. */
export function troubleText({ isConnected, status, socket }: Failures): string | undefined {
  if (isConnected) {
    return status?.isOld
      ? `What this page shows of the server is old. ${statusTrouble(status)}`
      : undefined;
  }
  if (status) return statusTrouble(status);
  if (!socket) return undefined;
  // Browsers do not say why.
  const reason = socket.reason === "unknown"
    ? `no WebSocket opens. A proxy in between must pass it on, and the server must allow the origin ${location.origin}.`
    : `there is no connection to it: ${sentence(socket.message)}`;
  return `The server answers, but ${reason} The page tries again by itself.`;
}

/** Why the status could not be read, and when it is asked for again. */
export function statusTrouble({ error, delay }: Pick<StatusFailure, "error" | "delay">): string {
  const again = delay > 1000 ? `after ${Math.ceil(delay / 1000)} s` : "by itself";
  return `${answerText(error)} The page tries again ${again}.`;
}

/**
 * What a server has lost that was started anew; `undefined` if that is nothing.
 *
 * @param before what it said of itself last
 */
export function restartText({ durability, operation }: ServerStatus): string | undefined {
  if (durability !== "memory") return undefined;
  const held = operation?.stored?.messages;
  // It may have held more, or less, when it ended: a tab in the background asks for nothing.
  const known = held === undefined ? "" : `: ${counted(held, "message")} when this page asked last`;
  return `The server was started anew. What it held in memory is lost${known}.`;
}

function answerText(error: unknown): string {
  if (error instanceof HttpError) {
    return error.code === ""
      ? sentence(error.message)
      : `The server refuses: ${sentence(error.message)}`;
  }
  return sentence(error instanceof Error ? error.message : `${error}`);
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
