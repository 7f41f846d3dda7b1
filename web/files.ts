/**
 * The files that browsers load: the page, and the client. They are built by `deno task build:web`, and loaded as text, so that
 * they are in the package and in a compiled server alike.
 *
 * @module
 */

import clientJs from "./built/client.js" with { type: "text" };
import clientTypes from "./built/client.d.ts" with { type: "text" };
import indexHtml from "./built/index.html" with { type: "text" };
import iconSvg from "./built/icon.svg" with { type: "text" };
import pageCss from "./built/page.css" with { type: "text" };
import pageJs from "./built/page.js" with { type: "text" };

/** The text of a file, and its media type. */
export interface WebFile {
  readonly type: string;
  readonly text: string;
}

const SCRIPT = "text/javascript; charset=utf-8";

/** The files by their paths. */
export const WEB_FILES: Readonly<Record<string, WebFile>> = {
  "/": { type: "text/html; charset=utf-8", text: indexHtml },
  "/client.js": { type: SCRIPT, text: clientJs },
  // What compilers and editors ask for; a browser never does.
  "/client.d.ts": { type: "application/typescript; charset=utf-8", text: clientTypes },
  "/page.js": { type: SCRIPT, text: pageJs },
  "/page.css": { type: "text/css; charset=utf-8", text: pageCss },
  "/icon.svg": { type: "image/svg+xml", text: iconSvg },
};
