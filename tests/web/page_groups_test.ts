/**
 * Groups of workers on the page, in a browser: the list, one of them with its dead jobs, and what can be done with it.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect, type Connection } from "@dsmq/server";
import type { Page } from "playwright-core";
import { assertAccessible } from "../support/accessibility.ts";
import { testPage } from "../support/opened_page.ts";

/** Waits for a figure of a group. */
async function figure(page: Page, name: string, value: string): Promise<void> {
  await page.locator(`dt:text-is(${JSON.stringify(name)}) + dd:text-is(${JSON.stringify(value)})`)
    .waitFor();
}

/** Makes jobs of a group dead, each with this reason. */
async function makeDead(mq: Connection, topic: string, bodies: readonly string[], reason: string) {
  await mq.putMany(topic, bodies);
  for (const _ of bodies) await (await mq.claim(topic))!.dead(reason);
}

testPage(
  "groups are listed with what they have to do, and are found by their topic or name",
  async (opened) => {
    const { page, mq, show } = opened;
    await show("#/groups");
    await page.getByText("There are no groups.").waitFor();
    await makeDead(mq, "mails", ["broken"], "it is broken");
    await mq.putMany("mails", ["one", "two", "three"]);
    const held = (await mq.claim("mails"))!;
    await mq.createGroup({ prefix: "orders." }, { group: "billing" });
    const worker = mq.work({ prefix: "" }, () => {}, { group: "audit" });
    const row = page.getByRole("row", { name: "mails default" });
    await row.filter({ hasText: "1 held" }).waitFor();
    const cells = await row.getByRole("cell").allTextContents();
    assertEquals(cells.map((text) => text.trim()).filter((_, i) => i !== 3), [
      ...["mails", "default", "2 waiting", "1 held", "1 dead", "0 given up"],
      cells[7]!,
    ]);
    await page.getByRole("row", { name: "* audit" }).filter({ hasText: "1 worker" }).waitFor();
    await page.getByText("3 groups").waitFor();
    await page.getByLabel("Find a group").fill("BILL");
    await page.getByRole("link", { name: "orders.*" }).waitFor();
    assertEquals(await page.getByRole("link", { name: "mails" }).count(), 0);
    await page.getByLabel("Find a group").fill("nobody has this");
    await page.getByText("No group has this in its topic or its name.").waitFor();
    await held.release();
    await worker.stop();
  },
);

testPage(
  "a group shows its dead jobs with their reasons, and one or all are worked again",
  async (opened) => {
    const { page, mq, show } = opened;
    await makeDead(mq, "mails", ["first\nline", "second", ""], "<no stock>");
    await show("#/groups");
    await page.getByRole("link", { name: "mails" }).click();
    await page.getByRole("heading", { level: 1, name: "default" }).waitFor();
    const jobs = page.locator(".dead-jobs li");
    await jobs.nth(2).waitFor();
    for (const part of ["<no stock>", "Message 1, died", "1 attempt", "first"]) {
      assertStringIncludes((await jobs.first().textContent())!, part);
    }
    await figure(page, "Dead", "3");
    await page.getByRole("button", { name: "Show message 1" }).click();
    await page.getByRole("dialog").getByText("first\nline").waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Redrive message 2" }).click();
    await page.getByText("1 job put back to be worked again").waitFor();
    await figure(page, "Dead", "2");
    await jobs.nth(2).waitFor({ state: "detached" });
    assertEquals((await mq.claim("mails"))!.body, "second");
    await page.getByRole("button", { name: "Redrive all 2" }).click();
    await page.getByText("2 jobs put back to be worked again").waitFor();
    await page.getByText("No job is dead.").waitFor();
    await figure(page, "Waiting", "2");
  },
);

testPage(
  "of many dead jobs the oldest are shown, and of a group that is stalled it is said",
  async (opened) => {
    const { page, mq, show } = opened;
    await makeDead(mq, "t", Array.from({ length: 101 }, (_, i) => `job ${i}`), "x".repeat(900));
    await show("#/groups/topic/t/default");
    await page.getByText("The oldest 100 of 101").waitFor();
    assertEquals(await page.locator(".dead-jobs li").count(), 100);
    await page.getByText("Stalled: it takes no new messages").waitFor();
    await show("#/groups");
    await page.locator(".groups-table .row").getByText("stalled").waitFor();
  },
  { server: { limits: { unfinished: 101 } } },
);

testPage("a group is made, and deleted once it is sure that this is meant", async (opened) => {
  const { page, mq, show } = opened;
  await mq.putMany("mails.eu", ["one", "two"]);
  await show("#/groups");
  await page.getByRole("button", { name: "New group…" }).click();
  await page.getByLabel("Topic", { exact: true }).fill("mails.eu");
  await page.getByLabel("Name").fill("a/b ü");
  await page.getByRole("button", { name: "Make the group" }).click();
  await page.getByRole("heading", { level: 1, name: "a/b ü" }).waitFor();
  await figure(page, "Waiting", "2");
  await page.reload();
  await figure(page, "Waiting", "2");
  await show("#/groups");
  await page.getByRole("button", { name: "New group…" }).click();
  await page.getByLabel("all topics that begin with a text").check();
  await page.getByLabel("The topics begin with").fill("mails.");
  await page.getByLabel("Begins with").selectOption("now");
  await page.getByRole("button", { name: "Make the group" }).click();
  await page.getByText("Works on all topics mails.*").waitFor();
  await figure(page, "Waiting", "0");
  assertEquals((await mq.groups()).map(({ group }) => group).sort(), ["a/b ü", "default"]);
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("button", { name: "Keep it" }).click();
  assertEquals((await mq.groups()).length, 2);
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("button", { name: "Delete the group" }).click();
  await page.getByText("1 group").waitFor();
  assertEquals((await mq.groups()).map(({ group }) => group), ["a/b ü"]);
  await page.getByRole("button", { name: "New group…" }).click();
  await page.getByLabel("Topic", { exact: true }).fill("mails.eu");
  await page.getByLabel("Name").fill("a/b ü");
  await page.getByRole("button", { name: "Make the group" }).click();
  await page.getByText("There is a group with this name already.").waitFor();
});

const TOKENS = [
  { token: "the-token-of-an-administrator", permissions: ["read", "write", "work", "admin"] },
  { token: "a-token-that-works-on-mails", permissions: ["work"], topics: ["mails"] },
  { token: "a-token-that-reads-mails", permissions: ["read"], topics: ["mails"] },
] as const;

testPage(
  "who may work on a topic sees its groups, and may not delete them; who only reads sees none",
  async (opened) => {
    const { page, mq, show } = opened;
    await makeDead(mq, "mails", ["one"], "broken");
    await mq.createGroup("secret");
    const enter = async (token: string) => {
      await page.getByLabel("Token").fill(token);
      await page.getByRole("button", { name: "Connect" }).click();
    };
    await show("#/groups");
    await enter(TOKENS[1].token);
    await page.getByText("1 group").waitFor();
    await page.getByRole("link", { name: "mails" }).click();
    await page.getByRole("button", { name: "Redrive all 1" }).waitFor();
    assertEquals(await page.getByRole("button", { name: "Delete…" }).count(), 0);
    await show("#/groups/topic/secret/default");
    await page.getByText("You may not work on this, nor administer it.").waitFor();
    await page.getByRole("button", { name: "Forget token" }).click();
    await enter(TOKENS[2].token);
    await page.getByText("Connected").waitFor();
    assertEquals(await page.getByRole("link", { name: "Groups" }).count(), 0);
  },
  { server: { auth: { tokens: TOKENS } }, token: TOKENS[0].token, complaints: /401/ },
);

testPage("a message is put with a delay, which groups wait for", async (opened) => {
  const { page, mq, show } = opened;
  await mq.createGroup("mails");
  await show("#/topics/mails");
  await page.getByText("Attributes").click();
  await page.getByLabel("Put a message").fill("later");
  await page.getByLabel("Delay for groups, in seconds").fill("soon");
  await page.getByRole("button", { name: "Put", exact: true }).click();
  await page.getByText("A delay is a number of seconds, got: soon").waitFor();
  await page.getByLabel("Delay for groups, in seconds").fill("600.5");
  await page.getByRole("button", { name: "Put", exact: true }).click();
  await page.getByText("Stored as message 1").waitFor();
  assertEquals((await mq.read("mails"))!.delay, 600_500);
  await mq.put("mails", "now");
  assertEquals((await mq.claim("mails"))!.body, "now");
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const [width, height] of [[390, 844], [1280, 800]] as const) {
    testPage(
      `groups are accessible and fit the screen: ${colorScheme}, ${width} px`,
      async (opened) => {
        const { page, mq, show, server } = opened;
        await using other = await connect(server.url);
        await makeDead(mq, "mails", ["one", "x".repeat(500)], "a reason that is long ".repeat(20));
        await other.createGroup({ prefix: "a.topic.with.a.long.name.".repeat(4) }, {
          group: "and-a-group-with-a-long-name".repeat(3),
        });
        const fits = async () => {
          // Of a number with one digit axe-core does not know whether it is text.
          await assertAccessible(page, ["color-contrast"]);
          assert(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"));
        };
        await show("#/groups");
        await page.getByRole("link", { name: "mails" }).waitFor();
        await fits();
        await page.getByRole("button", { name: "New group…" }).click();
        await fits();
        await page.getByRole("button", { name: "Close" }).click();
        await page.getByRole("link", { name: "mails" }).click();
        await page.locator(".dead-jobs li").nth(1).waitFor();
        await fits();
        await page.getByRole("button", { name: "Delete…" }).click();
        await fits();
      },
      { browser: { colorScheme, viewport: { width, height } } },
    );
  }
}
