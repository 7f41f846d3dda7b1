/**
 * dsmq, a dead simple message queue: part mail room, part bulletin board.
 *
 * One process serves; programs anywhere connect over WebSockets, `put` text into topics and `get` it out.
 *
 * ```ts
 * import { connect, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0 });
 * await using mq = await connect(server.url);
 * await mq.put("greetings", "hello");
 * console.log(await mq.get("greetings")); // hello
 * ```
 *
 * Run as a program, it is the command line: `deno run -A jsr:@dsmq/server --help`.
 *
 * @module
 */

export * from "./client.ts";
export { createHandler, serve, VERSION } from "./server.ts";
export type {
  Auth,
  AuthOptions,
  Clock,
  EngineChoice,
  FileDurability,
  Freshness,
  Grant,
  Handler,
  HandlerOptions,
  JwtOptions,
  Limits,
  Log,
  MessageServer,
  Overflow,
  RequestInfo,
  ServedGroup,
  ServeOptions,
  Server,
  ServerLimits,
  Stats,
  StoreChoice,
  StoreOptions,
  TokenGrant,
  TransportChoice,
  VerifiedGrant,
  Verify,
} from "./server.ts";

if (import.meta.main) await (await import("./cli.ts")).main();
