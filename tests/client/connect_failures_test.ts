/**
 * Errors of Deno's network, and what the client makes of them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ConnectError } from "../../client/connect_error.ts";
import { type OpeningPhase, toConnectError } from "../../client/deno/connect_failure.ts";

Deno.test("each fault of a certificate, of a name and of a network has its cause, and is final if it will not change", () => {
  const peer = (text: string) => Object.assign(new Error(`invalid peer certificate: ${text}`));
  const coded = (code: string) => Object.assign(new Error(`${code} (os error 1)`), { code });
  const lookup = (text: string) => new Error(`failed to lookup address information: ${text}`);
  const times = "verification time 1795654719 (UNIX), but certificate is not valid";
  const cases: [OpeningPhase, Error, string, boolean, string][] = [
    [
      "encrypting",
      peer(`certificate expired: ${times} after 1609459200 (186195519 seconds ago)`),
      "certificate_expired",
      true,
      "the server's certificate has expired, on 2021-01-01",
    ],
    [
      "encrypting",
      peer("Expired"),
      "certificate_expired",
      true,
      "the server's certificate has expired",
    ],
    [
      "encrypting",
      peer(`certificate not valid yet: ${times} before 2177452800 (381798081 seconds in future)`),
      "certificate_not_yet_valid",
      true,
      "the server's certificate is not valid yet, but from 2039-01-01 on",
    ],
    [
      "encrypting",
      peer(
        'certificate not valid for name "h.test"; certificate is only valid for DnsName("a.test") or IpAddress(::1)',
      ),
      "certificate_wrong_name",
      true,
      "the server's certificate is not for h.test, but for a.test or ::1",
    ],
    [
      "encrypting",
      peer("NotValidForName"),
      "certificate_wrong_name",
      true,
      "the server's certificate is not for h.test",
    ],
    [
      "encrypting",
      peer("Other(OtherError(CaUsedAsEndEntity))"),
      "certificate_untrusted",
      true,
      "the server's certificate is that of an authority (CA:TRUE), which Deno does not accept for a server",
    ],
    [
      "encrypting",
      peer("Revoked"),
      "certificate_invalid",
      true,
      "the server's certificate cannot be used: Revoked",
    ],
    [
      "encrypting",
      new Deno.errors.InvalidData("received fatal alert: HandshakeFailure"),
      "tls_failed",
      true,
      "TLS failed: received fatal alert: HandshakeFailure",
    ],
    [
      "connecting",
      lookup("Name or service not known"),
      "name_not_found",
      true,
      'there is no host "h.test"',
    ],
    [
      "connecting",
      lookup("nodename nor servname provided, or not known"),
      "name_not_found",
      true,
      'there is no host "h.test"',
    ],
    [
      "connecting",
      lookup("Temporary failure in name resolution"),
      "name_not_found",
      false,
      'the name "h.test" cannot be looked up: Temporary failure',
    ],
    ["connecting", coded("ENETUNREACH"), "no_route", false, "the network is unreachable"],
    ["connecting", coded("EHOSTUNREACH"), "no_route", false, "the host is unreachable"],
    ["connecting", coded("ETIMEDOUT"), "timed_out", false, "nothing answered in time"],
    ["connecting", coded("EMFILE"), "no_resources", false, "too many open files"],
    ["connecting", coded("EADDRNOTAVAIL"), "no_resources", false, "no address or port left"],
    [
      "asking",
      new Deno.errors.InvalidData("received fatal alert: CertificateRequired"),
      "tls_failed",
      true,
      "TLS failed: received fatal alert: CertificateRequired",
    ],
    ["encrypting", coded("ECONNRESET"), "broken", false, "the connection broke: ECONNRESET"],
    ["asking", coded("ECONNRESET"), "broken", false, "the connection broke: ECONNRESET"],
  ];
  const refused = new Deno.errors.ConnectionRefused();
  for (
    const [url, text] of [
      ["ws://127.0.0.1:30008", "nothing listens there; to start a server: dsmq serve"],
      ["ws://127.0.0.1:9", "nothing listens there; to start a server: dsmq serve --port 9"],
      [
        "ws://[::1]:9",
        "nothing listens there; to start a server: dsmq serve --host [::1] --port 9",
      ],
      ["ws://h.test:9", "nothing listens there"],
      ["wss://h.test", "nothing listens there"],
      [
        "ws://h.test",
        "nothing listens there: an address without a port means port 80, and the default port of dsmq is 30008",
      ],
    ] as const
  ) {
    assertEquals((toConnectError(refused, new URL(url), "connecting") as Error).message, text);
  }
  for (const [phase, cause, reason, final, text] of cases) {
    const error = toConnectError(cause, new URL("wss://h.test/mq"), phase);
    assert(error instanceof ConnectError);
    assertEquals([error.reason, error.final, error.cause], [reason, final, cause]);
    assert(error.message.includes(text), error.message);
  }
});
