/**
 * A worker of a group in a browser: `mq.work` and `mq.claim` of `/client.js`, in a page and in the workers of one.
 *
 * @module
 */

import { PLACES, registerScripts, runInBrowser } from "../support/scripts_in_browser.ts";
import { proveWork, workThere } from "../support/worker_elsewhere.ts";

const { browser, testBoth } = registerScripts();

for (
  const [place, run] of [
    ["a page of the server", undefined],
    ["a module worker", PLACES["a module worker"]],
    ["a service worker", PLACES["a service worker"]],
  ] as const
) {
  testBoth(
    `${place} works on jobs, extends, fails and stops, over a restart of the server`,
    (transport) =>
      runInBrowser(
        transport,
        () => browser.newContext(),
        workThere,
        run,
        ({ server, next, restart }) => proveWork(server, next, restart),
      ),
  );
}
