/**
 * The page: begins here.
 *
 * @module
 */

import { h, render } from "preact";
import { App } from "./app.ts";
import { currentRoute } from "./router.ts";
import { ServerApi } from "./server_api.ts";
import { Session } from "./session.ts";

const base = new URL(".", location.href);
const url = new URL(base);
url.protocol = base.protocol === "https:" ? "wss:" : "ws:";

const build = document.querySelector<HTMLMetaElement>("meta[name=build]")!.content;
const session = new Session(new ServerApi(base.href), url.href, build);
render(h(App, { session, route: currentRoute() }), document.getElementById("page")!);
void session.run();
