/**
 * What Deno's network reports, in the words of a {@linkcode ConnectError}.
 *
 * @module
 */

import type { ConnectReason } from "../../protocol/connect_reason.ts";
import { DEFAULT_PORT } from "../../protocol/limits.ts";
import { ConnectError } from "../connect_error.ts";
import { canOpenFiles } from "./descriptors.ts";

/** How far a socket has come. */
export type OpeningPhase = "connecting" | "encrypting" | "asking";

/** What the codes of the system say. */
const SYSTEM_ERRORS: Readonly<Record<string, [reason: ConnectReason, explanation: string]>> = {
  ENETUNREACH: ["no_route", "there is no way there from here: the network is unreachable"],
  EHOSTUNREACH: ["no_route", "there is no way there from here: the host is unreachable"],
  ENETDOWN: ["no_route", "there is no way there from here: the network is down"],
  EADDRNOTAVAIL: ["no_resources", "this machine has no address or port left for it"],
  EMFILE: ["no_resources", "this process has too many open files"],
  ENFILE: ["no_resources", "this machine has too many open files"],
  ETIMEDOUT: ["timed_out", "nothing answered in time"],
};

/** Deno reports faults of certificates by their sentences alone. */
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
      "the server's certificate is one of an authority (CA:TRUE), which Deno takes for no server: make one with CA:FALSE",
  ],
  [
    /UnknownIssuer/,
    "certificate_untrusted",
    () =>
      "the server's certificate is signed by itself, or by nobody whom this machine trusts (deno run --cert FILE trusts one more)",
  ],
  [
    /invalid peer certificate: (.*)/,
    "certificate_invalid",
    ([, explanation]) => `the server's certificate cannot be used: ${explanation}`,
  ],
];

/**
 * Says why a try failed.
 *
 * @param error what Deno's network rejected with
 * @param url what was asked
 * @param phase how far it had come
 * @returns why; errors that say it already, and a lack of permission, stay what they are
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
      "no TLS is spoken there: the address has to begin with ws://",
      "no_tls",
      true,
    );
  }
  // Both ends speak TLS, and do not agree; also behind the handshake, where the server wants a certificate of ours.
  if (name === "InvalidData") return connectError(`TLS failed: ${message}`, "tls_failed", true);
  if (phase === "encrypting" && name === "UnexpectedEof") {
    const ended = "the connection ended in the midst of the TLS handshake: perhaps no TLS is";
    return connectError(`${ended} spoken there (ws://)`, "broken");
  }
  if (phase !== "connecting") return connectError(`the connection broke: ${message}`, "broken");
  if (name === "ConnectionRefused") {
    return connectError(`nothing listens there${startHint(url)}`, "refused");
  }
  if (message.startsWith("failed to lookup address information: ")) {
    // Without the file of the hosts, and a socket for a name server, no name is known.
    if (!canOpenFiles()) return connectError(SYSTEM_ERRORS.EMFILE![1], SYSTEM_ERRORS.EMFILE![0]);
    const explanation = message.slice(message.indexOf(": ") + 2);
    // A name that is not known stays unknown; a name server that does not answer may come back.
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

/** Where a server of this machine would be expected, how to start one. */
function startHint({ protocol, hostname, port }: URL): string {
  if (protocol === "ws:" && port === "") {
    return `: an address without a port means port 80, and dsmq serves on ${DEFAULT_PORT} unless told otherwise`;
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

/** Why a try failed that was given up while it had come so far. */
export function unansweredError(phase: OpeningPhase): ConnectError {
  if (phase === "connecting") {
    return new ConnectError("nothing answers there", { reason: "timed_out" });
  }
  const what = phase === "encrypting" ? "its TLS handshake" : "the request for a WebSocket";
  return new ConnectError(`a connection is accepted there, but ${what} is not answered`, {
    reason: "silent",
  });
}
