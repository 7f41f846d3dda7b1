/**
 * Turns errors of Deno's network into a {@linkcode ConnectError}.
 *
 * @module
 */

import type { ConnectReason } from "../../protocol/connect_reason.ts";
import { DEFAULT_PORT } from "../../protocol/limits.ts";
import { ConnectError } from "../connect_error.ts";
import { canOpenFiles } from "./descriptors.ts";

/** How far opening a socket has come. */
export type OpeningPhase = "connecting" | "encrypting" | "asking";

/** The error codes of the system. */
const SYSTEM_ERRORS: Readonly<Record<string, [reason: ConnectReason, explanation: string]>> = {
  ENETUNREACH: ["no_route", "there is no route to it: the network is unreachable"],
  EHOSTUNREACH: ["no_route", "there is no route to it: the host is unreachable"],
  ENETDOWN: ["no_route", "there is no route to it: the network is down"],
  EADDRNOTAVAIL: ["no_resources", "this machine has no address or port left for it"],
  EMFILE: ["no_resources", "this process has too many open files"],
  ENFILE: ["no_resources", "this machine has too many open files"],
  ETIMEDOUT: ["timed_out", "nothing answered in time"],
};

/** Deno reports errors of certificates only in the message. */
const CERTIFICATE_ERRORS: readonly [
  RegExp,
  ConnectReason,
  (found: RegExpExecArray, url: URL) => string,
][] = [
  [
    /certificate expired(?:.* not valid after (\d+))?|: Expired$/,
    "certificate_expired",
    ([, end]) => `the server's certificate has expired${end ? `, on ${formatDay(end)}` : ""}`,
  ],
  [
    /certificate not valid yet(?:.* not valid before (\d+))?|: NotValidYet$/,
    "certificate_not_yet_valid",
    ([, begin]) =>
      `the server's certificate is not valid yet${
        begin ? `, but from ${formatDay(begin)} on` : ""
      }`,
  ],
  [
    /certificate not valid for name "([^"]*)"(?:.*? only valid for (.*))?|: NotValidForName$/,
    "certificate_wrong_name",
    ([, name, names], url) => {
      const others = names?.replace(/\w+\("?([^")]*)"?\)/g, "$1");
      const but = others ? `, but for ${others}` : "";
      return `the server's certificate is not for ${name ?? url.hostname}${but}`;
    },
  ],
  [
    /CaUsedAsEndEntity/,
    "certificate_untrusted",
    () =>
      "the server's certificate is that of an authority (CA:TRUE), which Deno does not accept for a server: make one with CA:FALSE",
  ],
  [
    /UnknownIssuer/,
    "certificate_untrusted",
    () =>
      "the server's certificate is self-signed, or signed by an authority that this machine does not trust (deno run --cert FILE adds one)",
  ],
  [
    /invalid peer certificate: (.*)/,
    "certificate_invalid",
    ([, explanation]) => `the server's certificate cannot be used: ${explanation}`,
  ],
];

/**
 * Says why an attempt failed.
 *
 * @param error what Deno's network rejected with
 * @param url the address
 * @param phase how far it had come
 * @returns the error; one that is explained already, or that names a missing permission, is returned unchanged
 */
export function toConnectError(error: unknown, url: URL, phase: OpeningPhase): unknown {
  if (!(error instanceof Error) || error instanceof ConnectError) return error;
  const { name, message, code = "" } = error as Error & { code?: string };
  if (name === "NotCapable") return error;
  const connectError = (explanation: string, reason: ConnectReason, final = false) =>
    new ConnectError(explanation, { reason, final, cause: error });
  for (const [sentence, reason, explanation] of CERTIFICATE_ERRORS) {
    const found = sentence.exec(message);
    if (found) return connectError(explanation(found, url), reason, true);
  }
  if (message.includes("InvalidContentType")) {
    return connectError(
      "the server does not use TLS: the address must begin with ws://",
      "no_tls",
      true,
    );
  }
  // Both ends use TLS but do not agree; also after the handshake, if the server needs a client certificate.
  if (name === "InvalidData") return connectError(`TLS failed: ${message}`, "tls_failed", true);
  if (phase === "encrypting" && name === "UnexpectedEof") {
    const ended = "the connection ended during the TLS handshake: perhaps the server does not";
    return connectError(`${ended} use TLS (ws://)`, "broken");
  }
  if (phase !== "connecting") return connectError(`the connection broke: ${message}`, "broken");
  if (name === "ConnectionRefused") {
    return connectError(`nothing listens there${startHint(url)}`, "refused");
  }
  if (message.startsWith("failed to lookup address information: ")) {
    // Without a descriptor for the hosts file and for a name server, no name can be looked up.
    if (!canOpenFiles()) return connectError(SYSTEM_ERRORS.EMFILE![1], SYSTEM_ERRORS.EMFILE![0]);
    const explanation = message.slice(message.indexOf(": ") + 2);
    // An unknown name stays unknown; a name server that does not answer may come back.
    const isTransient = !/not known|not resolve|no such host|no address/i.test(explanation);
    return connectError(
      isTransient
        ? `the name ${JSON.stringify(url.hostname)} cannot be looked up: ${explanation}`
        : `there is no host ${JSON.stringify(url.hostname)}: ${explanation}`,
      "name_not_found",
      !isTransient,
    );
  }
  const [reason, explanation] = SYSTEM_ERRORS[code] ?? ["broken", message];
  return connectError(explanation, reason);
}

/** How to start a server, for an address of this machine. */
function startHint({ protocol, hostname, port }: URL): string {
  if (protocol === "ws:" && port === "") {
    return `: an address without a port means port 80, and the default port of dsmq is ${DEFAULT_PORT}`;
  }
  if (protocol !== "ws:" || !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)) return "";
  const elsewhere = [
    ...(/^(localhost|127\.0\.0\.1)$/.test(hostname) ? [] : [`--host ${hostname}`]),
    ...(port === String(DEFAULT_PORT) ? [] : [`--port ${port}`]),
  ];
  return `; to start a server: ${["dsmq serve", ...elsewhere].join(" ")}`;
}

function formatDay(seconds: string): string {
  return new Date(Number(seconds) * 1000).toISOString().slice(0, 10);
}

/** The error of an attempt that was cancelled in a phase. */
export function unansweredError(phase: OpeningPhase): ConnectError {
  if (phase === "connecting") {
    return new ConnectError("nothing answers there", { reason: "timed_out" });
  }
  const what = phase === "encrypting" ? "its TLS handshake" : "the request for a WebSocket";
  return new ConnectError(`a connection is accepted there, but ${what} is not answered`, {
    reason: "silent",
  });
}
