/**
 * What plain HTTP gets of its server, and of the connections.
 *
 * @module
 */

import type { Permissions } from "../auth/permissions.ts";
import type { HttpContext } from "../http/http_context.ts";
import type { WireError } from "../protocol/errors.ts";
import { ADVICE, limitAdvice } from "./advice.ts";
import type { ConnectionsOptions } from "./connections_options.ts";
import type { AdmissionContext } from "./pending_admission.ts";
import type { UpgradeChecks } from "./upgrade.ts";

/** Tells whether a client leaves, where its transport does not tell in another way. */
export function watchSignal({ signal }: Request, onLeft: () => void): () => void {
  if (signal.aborted) onLeft();
  signal.addEventListener("abort", onLeft, { once: true });
  return () => signal.removeEventListener("abort", onLeft);
}

/**
 * Puts together what plain HTTP needs.
 *
 * @param connections share their slots and limits with it
 * @param checks checks tokens
 * @param options what it tells
 */
export function httpContext(
  connections: Pick<AdmissionContext, "shared" | "access" | "acquireConnection"> & {
    readonly isStopping: boolean;
    readonly behind: WireError | undefined;
  },
  checks: Pick<UpgradeChecks, "checkToken">,
  { path, banner, peerDropped, metrics, operation }: ConnectionsOptions,
): HttpContext {
  const { shared, access } = connections;
  return {
    shared,
    access,
    path,
    banner,
    operation,
    get metrics() {
      return metrics();
    },
    get isStopping() {
      return connections.isStopping;
    },
    get behind() {
      return connections.behind;
    },
    checkToken: (token, from) => checks.checkToken(token, from),
    acquire(from: string, permissions: Permissions) {
      const slot = connections.acquireConnection(from, permissions);
      return typeof slot === "function" ? slot : { ...slot, advice: limitAdvice(slot) };
    },
    onRefused(error, from, advice) {
      const isUnauthorized = error.code === "unauthorized";
      shared.onRefused(error, from, isUnauthorized ? ADVICE.token : advice);
    },
    onReaderCut: (reason, address) => peerDropped({ reason, address, isSlowReader: true }),
  };
}
