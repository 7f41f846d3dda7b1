/**
 * The server that `dsmq bench` starts in a worker thread. It posts its address.
 *
 * @module
 */

import { serve } from "../server/start/serve.ts";

const { url } = await serve({ port: 0, log: { info() {}, warn() {}, error: console.error } });
(globalThis as unknown as Worker).postMessage(url);
