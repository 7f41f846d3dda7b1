/**
 * Why a server could not be reached.
 *
 * @module
 */

/**
 * Why a server could not be reached, as a code for programs; the error's message is for people.
 *
 * - `name_not_found`: the host name is unknown, or cannot be looked up
 * - `refused`: nothing listens there
 * - `no_route`: the network does not lead there
 * - `timed_out`: no connection was established in time
 * - `silent`: a connection was accepted, but no reply came
 * - `broken`: the connection broke before it was established
 * - `no_resources`: this machine has no port or no file descriptor left
 * - `certificate_expired`, `certificate_not_yet_valid`, `certificate_wrong_name`, `certificate_untrusted` (self-signed, or
 *   signed by an authority that this machine does not trust), `certificate_invalid` (anything else)
 * - `tls_needed`: the address begins with `ws:`, but the server uses TLS
 * - `no_tls`: the address begins with `wss:`, but the server does not use TLS
 * - `tls_failed`: both ends use TLS, but do not agree
 * - `http_status`: the HTTP response has another status, which is `status`
 * - `redirect`: the HTTP response is a redirect that is not followed
 * - `not_websocket`: what answers is not a WebSocket server
 * - `not_dsmq`: what answers is a WebSocket server, but not dsmq
 * - `no_token`: the function that returns the token failed, or took too long
 * - `unknown`: the socket does not say why, as in browsers
 */
export type ConnectReason =
  | "name_not_found"
  | "refused"
  | "no_route"
  | "timed_out"
  | "silent"
  | "broken"
  | "no_resources"
  | "certificate_expired"
  | "certificate_not_yet_valid"
  | "certificate_wrong_name"
  | "certificate_untrusted"
  | "certificate_invalid"
  | "tls_needed"
  | "no_tls"
  | "tls_failed"
  | "http_status"
  | "redirect"
  | "not_websocket"
  | "not_dsmq"
  | "no_token"
  | "unknown";
