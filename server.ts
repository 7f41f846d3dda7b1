/**
 * The server, for Deno programs: with a port of its own (`serve`), or on a `Deno.serve` that is there already
 * (`createHandler`).
 *
 * ```ts
 * import { serve } from "@dsmq/server/server";
 *
 * await using server = await serve({ port: 0, retention: 60_000 });
 * console.log(server.url);
 * ```
 *
 * @module
 */

export { createHandler } from "./server/start/create_handler.ts";
export { serve } from "./server/start/serve.ts";
export { VERSION } from "./server/running_server.ts";
export type { Auth, JwtOptions, VerifiedGrant, Verify } from "./auth/auth.ts";
export type { Permission } from "./protocol/token.ts";
export type { Grant, TokenGrant } from "./auth/permissions.ts";
export { DsmqError, isDsmqError } from "./protocol/errors.ts";
export type { CodedError, DsmqErrorDetails, DsmqErrorOf, WireError } from "./protocol/errors.ts";
export type { ConnectReason } from "./protocol/connect_reason.ts";
export type {
  ErrorCode,
  ErrorFields,
  GapFound,
  PutFailure,
  PutOutcome,
  ValueIssue,
} from "./protocol/error_fields.ts";
export type { Durability } from "./protocol/encode_replies.ts";
export type { Message } from "./protocol/message.ts";
export type { MessageAttributes } from "./protocol/attributes.ts";
export type { Limits } from "./protocol/client_limits.ts";
export type { ServerLimits } from "./protocol/limits.ts";
export type { Clock } from "./queue/clock.ts";
export type { Log } from "./queue/log_event.ts";
export type { Handler, MessageServer, RequestInfo, Server, Stats } from "./server/api.ts";
export type { AuthOptions } from "./server/auth_options.ts";
export type { HandlerOptions } from "./server/handler_options.ts";
export type {
  EngineChoice,
  FileDurability,
  Freshness,
  Overflow,
  ServedGroup,
  ServeOptions,
  StoreChoice,
  StoreOptions,
  TransportChoice,
} from "./server/options.ts";
