/**
 * Going from view to view: where a new one begins, where one that is returned to is, and what the focus is on.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import type { Page } from "playwright-core";
import { testPage } from "../support/opened_page.ts";

const scrollOf = (page: Page) => page.evaluate("Math.round(scrollY)");
const focusedText = (page: Page) =>
  page.evaluate("`${document.activeElement.tagName} ${document.activeElement.innerText}`");

testPage(
  "a topic that is opened from a scrolled list begins at its top, and Back leads to where the list was",
  async ({ page, mq, show }) => {
    const topics = Array.from({ length: 80 }, (_, i) => `topic.${`${i}`.padStart(2, "0")}`);
    await Promise.all(topics.map((topic) => mq.put(topic, "x")));
    await show("#/");
    await page.getByText("80 topics").waitFor();
    await page.evaluate("scrollTo(0, document.body.scrollHeight)");
    const link = page.getByRole("link", { name: "topic.79" });
    await link.waitFor();
    const before = await scrollOf(page) as number;
    assert(before > 3000, `${before}`);
    await link.click();
    await page.locator(".tail .message").waitFor();
    assertEquals(await scrollOf(page), 0);
    await page.goBack();
    await link.waitFor();
    assertEquals(await scrollOf(page), before);
    await page.goForward();
    await page.locator(".tail .message").waitFor();
    assertEquals(await scrollOf(page), 0);
    // A link is not the way back.
    await page.getByRole("link", { name: "Topics" }).click();
    await page.getByText("80 topics").waitFor();
    assertEquals(await scrollOf(page), 0);
  },
  { browser: { viewport: { width: 390, height: 700 } } },
);

testPage(
  "Back leads to where a list was that has to be loaded first, unless it is scrolled meanwhile",
  async ({ page, server, show }) => {
    const open = () => connect(server.url);
    const others = await Promise.all(Array.from({ length: 60 }, open));
    await show("#/connections");
    await page.getByText("62 connections").waitFor();
    const bottom = "scrollTo(0, document.body.scrollHeight)";
    await page.evaluate(bottom);
    const last = page.locator('.rows [aria-rowindex="63"]');
    await last.waitFor();
    const before = await scrollOf(page) as number;
    assert(before > 1000, `${before}`);
    for (const isScrolled of [false, true]) {
      // A click would scroll up to the link first.
      await page.evaluate("location.hash = '#/server'");
      await page.getByText("Since the start").waitFor();
      // Where the list of connections is not there yet.
      await page.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))");
      assertEquals(await scrollOf(page), 0);
      // Before the list can have been loaded.
      const wheel = isScrolled ? "dispatchEvent(new Event('wheel'));" : "";
      await page.evaluate(`new Promise((resolve) => {
        addEventListener("hashchange", async () => {
          for (let i = 0; i < 20; i++) await undefined;
          ${wheel}
          resolve();
        }, { once: true });
        history.back();
      })`);
      await page.getByText("62 connections").waitFor();
      if (!isScrolled) await last.waitFor();
      await page.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))");
      assertEquals(await scrollOf(page), isScrolled ? 0 : before);
    }
    for (const other of others) await other.close();
  },
  { browser: { viewport: { width: 390, height: 700 } } },
);

testPage(
  "who leaves a list before it is loaded again comes back to where it was",
  async ({ page, server, show }) => {
    await page.addInitScript(`
      const held = [];
      globalThis.isHeld = false;
      globalThis.release = () => {
        isHeld = false;
        for (const deliver of held.splice(0)) deliver();
      };
      Object.defineProperty(WebSocket.prototype, "onmessage", {
        set(callback) {
          this.addEventListener("message", (event) =>
            isHeld ? held.push(() => callback.call(this, event)) : callback.call(this, event));
        },
      });`);
    const others = await Promise.all(Array.from({ length: 60 }, () => connect(server.url)));
    await show("#/connections");
    await page.getByText("62 connections").waitFor();
    await page.evaluate("scrollTo(0, document.body.scrollHeight)");
    const last = page.locator('.rows [aria-rowindex="63"]');
    await last.waitFor();
    const before = await scrollOf(page);
    await page.evaluate("location.hash = '#/server'");
    await page.getByText("Since the start").waitFor();
    await page.evaluate("scrollTo(0, 300)");
    const frames =
      "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))";
    await page.evaluate(frames);
    await page.evaluate("isHeld = true");
    await page.goBack();
    await page.getByText("Loading…").waitFor();
    await page.evaluate(frames);
    await page.goForward();
    await page.getByText("Since the start").waitFor();
    await page.evaluate("release()");
    await page.goBack();
    await last.waitFor();
    assertEquals(await scrollOf(page), before);
    for (const other of others) await other.close();
  },
  { browser: { viewport: { width: 390, height: 700 } } },
);

testPage(
  "with a change of the view its heading has the focus, and on loading nothing has",
  async ({ page, mq, show }) => {
    await mq.put("t", "x");
    await show("#/");
    const link = page.getByRole("link", { name: "t", exact: true });
    await link.waitFor();
    assertEquals(await page.evaluate("document.activeElement.tagName"), "BODY");
    await link.focus();
    await page.keyboard.press("Enter");
    await page.locator(".tail .message").waitFor();
    assertEquals(await focusedText(page), "H1 t");
    assertEquals(
      await page.evaluate("getComputedStyle(document.activeElement).outlineStyle"),
      "none",
    );
    for (const name of ["Server", "Connections", "Topics"]) {
      await page.getByRole("link", { name }).click();
      await page.getByRole("heading", { level: 1, name }).and(page.locator(":focus")).waitFor();
    }
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "Connections" }).and(page.locator(":focus"))
      .waitFor();
  },
);

testPage(
  "a view that fails says so, the others work, and it comes back when it is opened again",
  async ({ page, show }) => {
    // Of what the server view shows something is missing.
    await page.route("**/status", async (route) => {
      const response = await route.fetch();
      const status = await response.json();
      delete status.operation.memory;
      await route.fulfill({ response, json: status });
    });
    await show("#/server");
    await page.getByRole("heading", { name: "The page failed" }).waitFor();
    await page.getByRole("button", { name: "Load it again" }).waitFor();
    await page.getByRole("link", { name: "Topics" }).click();
    await page.getByText("There are no messages.").waitFor();
    await page.getByRole("link", { name: "Server" }).click();
    await page.getByRole("heading", { name: "The page failed" }).waitFor();
    await page.unroute("**/status");
    await page.waitForResponse(/status$/);
    await page.getByRole("link", { name: "Topics" }).click();
    await page.getByText("There are no messages.").waitFor();
    await page.getByRole("link", { name: "Server" }).click();
    await page.getByText("Since the start").waitFor();
  },
);
