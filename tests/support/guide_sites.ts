/**
 * The configurations of nginx and Caddy that `docs/guide.md` shows.
 *
 * @module
 */

import { ROOT } from "./program.ts";
import { CERT_FILE, KEY_FILE, type ProxyProgram, ReverseProxy } from "./reverse_proxy.ts";

const guide = await Deno.readTextFile(new URL("docs/guide.md", ROOT));
const blocks = (language: string) =>
  [...guide.matchAll(RegExp("```" + language + "\n([^]*?)```", "g"))].map(([, block]) => block!);
const [site, nginxPath] = blocks("nginx");

/** That of nginx at the root. */
export const nginxSite: string = site!;
const [caddySite, caddyPath] = blocks("caddyfile");

/** A configuration, and where clients find the server behind it. */
export interface GuideSite {
  readonly program: ProxyProgram;
  readonly site: string;
  readonly url: string;
}

/** The guide's configurations. */
export const SITES: readonly GuideSite[] = [
  { program: "nginx", site: nginxSite, url: "wss://mq.example.org" },
  {
    program: "nginx",
    site: nginxSite.replace(/^ *location[^]*?\}\n/m, nginxPath!),
    url: "wss://mq.example.org/mq/",
  },
  { program: "caddy", site: caddySite!, url: "wss://mq.example.org" },
  { program: "caddy", site: caddyPath!, url: "wss://example.org/mq/" },
];

/**
 * Those below a path, as the guide has them for a handler with this path: it is left on.
 */
export const HANDLER_SITES: readonly GuideSite[] = SITES.filter(({ url }) => url.endsWith("/mq/"))
  .map(({ program, site, url }) => ({
    program,
    url,
    site: site.replace("127.0.0.1:30008/;", "127.0.0.1:30008;").replace("handle_path", "handle"),
  }));

/** Starts a proxy in front of a server. */
export function startProxy(
  program: ProxyProgram,
  site: string,
  { port }: { readonly port: number },
): Promise<ReverseProxy> {
  const own = site.replaceAll("127.0.0.1:30008", `127.0.0.1:${port}`)
    .replace(/\S+\.pem;/, `${CERT_FILE};`).replace(/\S+\.key;/, `${KEY_FILE};`);
  return ReverseProxy.start(program, own);
}
