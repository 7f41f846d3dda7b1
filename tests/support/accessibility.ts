/**
 * What axe-core finds in a page: names that a screen reader needs, contrast, structure.
 *
 * @module
 */

import axe, { type AxeResults, type Result } from "axe-core";
import type { Page } from "playwright-core";

/**
 * Fails if axe-core finds a fault in what the page shows now, or cannot tell whether it is one.
 *
 * @param page it may forbid inline scripts: what Playwright evaluates is no part of the page
 * @param reviewed rules that axe-core cannot decide here, and that a person has looked at. Default: none
 * @throws with the rule, the element and what is wrong, for each
 */
export async function assertAccessible(
  page: Page,
  reviewed: readonly string[] = [],
): Promise<void> {
  if (await page.evaluate("typeof axe") === "undefined") await page.evaluate(axe.source);
  const { violations, incomplete } = await page.evaluate<AxeResults>("axe.run()");
  const faults = [...violations, ...incomplete.filter(({ id }) => !reviewed.includes(id))];
  if (faults.length === 0) return;
  throw new Error(`axe-core found in ${page.url()}:\n${faults.map(describe).join("\n")}`);
}

function describe({ id, help, nodes }: Result): string {
  const elements = nodes.map(({ target, html, any, all, none }) => {
    const reasons = [...any, ...all, ...none].map(({ message }) => message);
    return `  ${target.join(" ")}: ${html.slice(0, 200)}\n    ${reasons.join("\n    ")}`;
  });
  return [`${id}: ${help}`, ...elements].join("\n");
}
