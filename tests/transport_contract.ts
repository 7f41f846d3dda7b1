/**
 * The contract of a transport, as tests: one proves itself by calling one function.
 *
 * @module
 */

import type { Transport } from "../transports/transport.ts";
import { arriving } from "./transport_contract_arriving.ts";
import { leaving } from "./transport_contract_leaving.ts";
import { reading } from "./transport_contract_reading.ts";

const PROMISES = { ...arriving, ...reading, ...leaving };

/**
 * Registers one test for each promise of a transport.
 *
 * @param name how it is called
 * @param listen opens a port
 */
export function testTransport(name: string, listen: Transport): void {
  for (const [promise, prove] of Object.entries(PROMISES)) {
    Deno.test(`${name}: ${promise}`, () => prove(listen));
  }
}
