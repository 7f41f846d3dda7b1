/**
 * What a browser complains of: errors of scripts, refused requests, violations of the content security policy.
 *
 * @module
 */

import type { Page } from "playwright-core";

/**
 * Collects what the console of a page says as an error or a warning, and errors that no script has caught.
 *
 * @param page before it goes to its address
 * @returns the messages, which become more; a violation of the policy names it as "Content Security Policy"
 */
export function collectProblems(page: Page): readonly string[] {
  const problems: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(`${error}`));
  return problems;
}
