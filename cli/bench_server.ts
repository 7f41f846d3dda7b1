/**
 * The server that `dsmq bench` starts for itself, in a thread of its own. It says where it listens.
 *
 * @module
 */

import { serve } from "../server.ts";

const { url } = await serve({ port: 0, log: { info() {}, warn() {}, error: console.error } });
(globalThis as unknown as Worker).postMessage(url);
