/**
 * The contract of a transport, as tests: a transport proves itself by calling one function.
 *
 * @module
 */

import type { Transport } from "../../transports/transport.ts";
import { arrivals } from "./transport_arrivals.ts";
import { closing } from "./transport_closing.ts";
import { http } from "./transport_http.ts";
import { httpResponses } from "./transport_http_responses.ts";
import { reads } from "./transport_reads.ts";

const PROMISES = { ...arrivals, ...reads, ...closing, ...http, ...httpResponses };

/**
 * Registers one test for each promise of a transport.
 *
 * @param name the name of the transport
 * @param listen opens a port
 */
export function testTransport(name: string, listen: Transport): void {
  for (const [promise, prove] of Object.entries(PROMISES)) {
    Deno.test(`${name}: ${promise}`, () => prove(listen));
  }
}
