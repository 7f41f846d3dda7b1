/**
 * The certificate and the key of TLS: a fault is found before anyone connects, and reported with the name of the file.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { TLS_OPTION_NAMES } from "../../server/auth_options.ts";
import { checkTls } from "../../server/certificate.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";

const fixtures = new URL("tests/fixtures/", ROOT);
const pem = (name: string) => Deno.readTextFileSync(new URL(`${name}.pem`, fixtures));

const cert = pem("localhost_cert");
const key = pem("localhost_key");
const chain = pem("tls/chain_cert");
const [leaf, above] = chain.split(/(?<=-----END CERTIFICATE-----\n)/) as [string, string];

const good: Record<string, [cert: string, key: string]> = {
  "as it is": [cert, key],
  "with a byte order mark": [`\uFEFF${cert}`, `\uFEFF${key}`],
  "with the line ends of Windows": [cert.replaceAll("\n", "\r\n"), key.replaceAll("\n", "\r\n")],
  "with the line ends of old Macs": [cert.replaceAll("\n", "\r"), key.replaceAll("\n", "\r")],
  "with text around it": [`subject=CN\n${cert}\nend`, `Key Attributes\n${key}`],
  "both in one file": [`${key}${cert}`, `${key}${cert}`],
  "with its issuer": [chain, pem("tls/chain_key")],
};

const bad: Record<string, [cert: string, key: string, reason: string]> = {
  "an empty certificate": ["", key, "Cannot use C.pem: it is empty"],
  "a blank certificate": ["\uFEFF \n", key, "Cannot use C.pem: it is empty"],
  "an empty key": [cert, "\n", "Cannot use K.pem: it is empty"],
  "an invalid certificate": [
    "secret",
    key,
    "Cannot use C.pem: there is no certificate in it: it is not in PEM",
  ],
  "an invalid key": [
    cert,
    "secret",
    "Cannot use K.pem: there is no private key in it: it is not in PEM",
  ],
  "the two swapped": [
    key,
    cert,
    "Cannot use C.pem: there is no certificate in it, but a private key",
  ],
  "the certificate twice": [
    cert,
    cert,
    "Cannot use K.pem: there is no private key in it, but a certificate",
  ],
  "a truncated certificate": [cert.slice(0, 300), key, "Cannot use C.pem: there is no certificate"],
  "a damaged certificate": [
    cert.replace(/\nMI.{30}/, "\nMIIBVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV"),
    key,
    "Cannot use C.pem: certificate number 1 in it is damaged",
  ],
  "a damaged certificate of the issuer": [
    `${leaf}${above.replace(/\nMI.{30}/, "\nMIIBVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV")}`,
    pem("tls/chain_key"),
    "Cannot use C.pem: certificate number 2 in it is damaged",
  ],
  "a damaged key": [
    cert,
    key.replace(/\nMI.{30}/, "\nMIGVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV"),
    "Cannot use K.pem: the private key in it is damaged, or of an unknown kind",
  ],
  "the key of another certificate": [
    cert,
    pem("localhost_renewed_key"),
    "Cannot use K.pem: the certificate in C.pem is for another key",
  ],
  "an encrypted key": [
    cert,
    pem("tls/locked_key"),
    "Cannot use K.pem: the key in it is locked with a",
  ],
  "a key in the old form of encryption": [
    cert,
    pem("tls/locked_old_key"),
    "Cannot use K.pem: the key in it is locked with a passphrase",
  ],
  "a curve that is not for TLS": [
    pem("tls/curve_cert"),
    pem("tls/curve_key"),
    "Cannot use K.pem: its key is ec secp256k1, and has to be RSA",
  ],
  "a short key": [
    pem("tls/short_cert"),
    pem("tls/short_key"),
    "Cannot use K.pem: its key is rsa 1024, and has to be RSA of at least 2048 bits",
  ],
  "the issuer first": [
    `${above}${leaf}`,
    pem("tls/chain_key"),
    "Cannot use C.pem: the certificate of the key must come first in it, but is number 2",
  ],
};

const NAMES = { cert: "C.pem", key: "K.pem" };
const NOW = Date.UTC(2027, 0);

for (const transport of ["builtin", "hardened"] as const) {
  for (const [what, [cert, key]] of Object.entries(good)) {
    Deno.test(`a certificate ${what} is accepted (${transport})`, async () => {
      await using server = await openServer({ cert, key, transport });
      const caCert = what === "with its issuer" ? above : pem("localhost_cert");
      using conn = await Deno.connectTls({
        hostname: "localhost",
        port: server.port,
        caCerts: [caCert],
        alpnProtocols: ["http/1.1"],
      });
      await conn.handshake();
    });
  }

  Deno.test(`an unusable certificate or key is refused at the start (${transport})`, async () => {
    for (const [what, [cert, key, reason]] of Object.entries(bad)) {
      const error = await assertRejects(() => openServer({ cert, key, transport }), RangeError);
      const expected = reason.replaceAll("C.pem", "cert").replaceAll("K.pem", "key");
      assertStringIncludes(error.message, expected, what);
    }
  });

  Deno.test(`a renewed certificate applies to new connections, and a faulty one to none (${transport})`, async () => {
    await using server = await openServer({ cert, key, transport });
    await server.setCertificate(pem("localhost_renewed_cert"), pem("localhost_renewed_key"));
    const renewed = pem("localhost_renewed_cert");
    await handshake(server.port, renewed);
    await assertRejects(() => handshake(server.port, cert), Error);
    for (const [what, [cert, key, reason]] of Object.entries(bad)) {
      const error = await assertRejects(() => server.setCertificate(cert, key), RangeError);
      const expected = reason.replaceAll("C.pem", "cert").replaceAll("K.pem", "key");
      assertStringIncludes(error.message, expected, what);
    }
    await handshake(server.port, renewed);
  });
}

async function handshake(port: number, caCert: string): Promise<void> {
  using conn = await Deno.connectTls({ hostname: "localhost", port, caCerts: [caCert] });
  await conn.handshake();
}

Deno.test("a fault is reported with the name of the file, and nothing of its contents", () => {
  for (const [what, [cert, key, reason]] of Object.entries(bad)) {
    const error = assertThrows(() => checkTls({ cert, key }, NAMES, NOW), RangeError);
    assertStringIncludes(error.message, reason, what);
    assert(!/secret|BEGIN|MI[IG]/.test(error.message), error.message);
  }
});

Deno.test("a certificate that clients will reject causes a warning, and the server starts", async () => {
  const nameless = [pem("tls/nameless_cert"), pem("tls/nameless_key")] as const;
  const cases: [cert: string, key: string, year: number, warnings: RegExp[]][] = [
    [cert, key, 2030, []],
    [cert, key, 2200, [/^cert has expired, on 2126-11-01T.*: clients will not trust it$/]],
    [cert, key, 2000, [/^cert is not valid yet, but from 2026-11-25T.* on: clients will not/]],
    [...nameless, 2030, [
      /^cert names no host \(subjectAltName\): clients will not trust it$/,
      /^cert is the certificate of an authority \(CA:TRUE\): clients on Deno will not trust it, make one with CA:FALSE$/,
    ]],
    [
      `${leaf}${cert}${above}`,
      pem("tls/chain_key"),
      2030,
      [
        /^certificate number 2 in cert is not the one that number 1 is signed with: clients/,
        /^certificate number 3 in cert is not the one that number 2 is signed with: clients/,
      ],
    ],
  ];
  for (const [cert, key, year, expected] of cases) {
    const now = Date.UTC(year, 0);
    const { warnings } = checkTls({ cert, key }, TLS_OPTION_NAMES, now);
    const logged: string[] = [];
    const log = { ...quiet, warn: (text: string) => logged.push(text) };
    const server = await openServer({ cert, key, log, clock: new ManualClock(now) });
    await server.shutdown();
    assertEquals(logged, warnings.map((warning) => `dsmq: ${warning}`));
    assertEquals(warnings.length, expected.length);
    for (const [i, form] of expected.entries()) assertMatch(warnings[i]!, form);
  }
});

Deno.test("a server without TLS accepts no certificate later, and one with TLS needs both parts", async () => {
  await using plain = await openServer();
  const error = await assertRejects(() => plain.setCertificate(cert, key), TypeError);
  assertStringIncludes(error.message, "the server was started without TLS");
  await using secure = await openServer({ cert, key });
  const half = secure.setCertificate as (cert?: unknown, key?: unknown) => Promise<void>;
  for (const args of [[], [cert], [undefined, key], [cert, 5]]) {
    await assertRejects(() => half.apply(secure, args as []), TypeError);
  }
});
