/**
 * `GET /metrics`: what the server counts and measures, for Prometheus.
 *
 * @module
 */

import { isFromElsewhere } from "../auth/forwarded.ts";
import { administrationRefusal } from "../connection/authorize.ts";
import type { HttpCall } from "./http_call.ts";
import { HttpProblem } from "./problem.ts";
import { textResponseTo } from "./reader_body.ts";

/** Answers an administrator. */
export async function getMetrics(call: HttpCall): Promise<Response> {
  const { context: { metrics }, permissions, request } = call;
  const isForwarded = isFromElsewhere(request);
  const refusal = administrationRefusal({ permissions, isForwarded }, "read metrics");
  if (refusal) throw new HttpProblem(refusal);
  if (!metrics) {
    const message =
      "There are no metrics: start the server with --metrics (metrics: true in a program)";
    throw new HttpProblem({ code: "not_found", message });
  }
  const headers = { "content-type": metrics.contentType, "cache-control": "no-store" };
  return textResponseTo(call, await metrics.text(), { headers });
}
