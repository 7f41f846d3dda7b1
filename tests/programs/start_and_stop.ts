/**
 * Starts a server and stops it at once.
 *
 * @module
 */

import { serve } from "../../server.ts";

const server = await serve({ port: 0 });
await server.shutdown();
