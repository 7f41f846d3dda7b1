/**
 * Requests over HTTP/2 that are refused before their body has come: `curl` shows a response only if its request has ended.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { noCurl, startCurl } from "../support/curl.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openMounted } from "../support/mounted_server.ts";
import { openServer } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";

const [cert, key] = ["cert", "key"].map((what) =>
  Deno.readTextFileSync(new URL(`tests/fixtures/localhost_${what}.pem`, ROOT))
) as [string, string];

const LIMITS = { messageBytes: 1000 };

/** Servers on Deno's own transport, which has HTTP/2. */
const OPEN = {
  builtin: () => openServer({ cert, key, limits: LIMITS }),
  mounted: () => Promise.resolve(openMounted({ limits: LIMITS }, { cert, key })),
};

for (const [kind, open] of Object.entries(OPEN)) {
  const promise = "curl over HTTP/2 sees why a request is refused, whatever the size of its body";
  Deno.test({
    ...ignoredIf(noCurl, `${promise} (${kind})`),
    async fn() {
      await using server = await open();
      const file = await Deno.makeTempFile();
      try {
        for (const size of [10, 5_000_000]) {
          await Deno.writeTextFile(file, "x".repeat(size));
          for (
            const [status, path, ...more] of [
              [size === 10 ? 201 : 413, "/topics/t", "--data-binary", `@${file}`],
              [size === 10 ? 201 : 413, "/topics/t", "-X", "POST", "-T", file],
              [415, "/topics/t", "--data-binary", `@${file}`, "-H", "content-encoding: gzip"],
              [size === 10 ? 201 : 413, "/topics/t", "-X", "POST", "-T", "-"],
              [405, "/topics/t", "-T", file],
              [404, "/nothing", "--data-binary", `@${file}`],
            ] as const
          ) {
            const url = `https://localhost:${server.port}${path}`;
            const trusted = [
              "--cacert",
              `${new URL("tests/fixtures/localhost_cert.pem", ROOT).pathname}`,
            ];
            const shown = ["-o", "/dev/null", "-w", "%{http_version} %{http_code}"];
            await using program = startCurl("--http2", ...trusted, ...shown, ...more, url);
            if (more.at(-1) === "-") await program.input("x".repeat(size));
            const { stdout, stderr, code } = await program.end();
            assertEquals([stdout, stderr, code], [`2 ${status}`, "", 0], `${more}`);
          }
        }
      } finally {
        await Deno.remove(file);
      }
    },
  });
}
