import { expect } from "bun:test";
import { LogReader } from "../src/event-log/log-reader.ts";
import * as webhooks from "../src/webhooks/webhook-actions.ts";
import { bury } from "../src/webhooks/webhook-writes.ts";
import type { Rig } from "./admin-action-cases.ts";

const HOOK = { url: "http://127.0.0.1:9/", events: null };
const LETTER = { pos: 1, stream: "internal", seq: 1, type: -20, at: 1 };

/** The cases for the actions with webhooks. @param rig is called when a case runs: before that, nothing is open */
export const webhookCases = (rig: () => Rig): Record<string, Record<string, () => Promise<void>>> => {
  /** Nothing is sent: the case itself gives the answer. */
  const at = (reason?: string) => {
    const { context, ann, codeOf } = rig();
    const reader = new LogReader(context.db);
    return {
      context: { ...context, reader, webhooks: { tellAgain: async () => reason } },
      ann: { ...ann, ip: "192.0.2.1" },
      codeOf,
    };
  };
  const made = async () => {
    const { context, ann } = at();
    const { id } = await webhooks.addWebhook(context, ann, HOOK);
    const why = { attempts: 3, reason: "the answer is 500" };
    await context.writes.run(bury, { webhookId: id, letters: [LETTER, { ...LETTER, pos: 99_999 }], ...why });
    return id;
  };
  const remove = (id: number) => webhooks.removeWebhook(at().context, at().ann, id);
  return {
    "webhooks/webhook": {
      async addWebhook() {
        const { context, ann } = at();
        const { id, secret } = await webhooks.addWebhook(context, ann, { ...HOOK, events: ["ROOM"] });
        expect(secret).toStartWith("whsec_");
        expect(await webhooks.listWebhooks(context, ann)).toMatchObject([{ id, events: ["ROOM"], lag: 1 }]);
        await remove(id);
        const noted = context.db.selectFrom("audit").selectAll().where("target", "=", String(id)).orderBy("id");
        const lines = (await noted.execute()).filter(({ act }) => act.startsWith("webhook."));
        expect(lines).toMatchObject([
          { act: "webhook.add", uid: ann.uid, ip: ann.ip, after: '{"at":"http://127.0.0.1:9","events":["ROOM"]}' },
          { act: "webhook.remove", before: '{"at":"http://127.0.0.1:9"}', after: null },
        ]);
        expect(JSON.stringify(lines)).not.toContain(secret);
      },
      async listWebhooks() {
        const { context, ann } = at();
        const id = await made();
        expect(await webhooks.listWebhooks(context, ann)).toMatchObject([{ id, ...HOOK, behind: 0, deadLetters: 2 }]);
        await remove(id);
      },
      async changeWebhook() {
        const { context, ann, codeOf } = at();
        const id = await made();
        const changed = await webhooks.changeWebhook(context, ann, { id, url: "http://127.0.0.1:10/" });
        expect(changed).toMatchObject({ url: "http://127.0.0.1:10/", events: null });
        await remove(id);
        expect(await codeOf(webhooks.changeWebhook(context, ann, { id }))).toBe("not_found");
        const act = context.db.selectFrom("audit").selectAll().where("act", "=", "webhook.change");
        expect(await act.execute()).toMatchObject([
          { before: '{"at":"http://127.0.0.1:9","events":null}', after: '{"at":"http://127.0.0.1:10","events":null}' },
        ]);
      },
      async removeWebhook() {
        const { context, ann, codeOf } = at();
        const id = await made();
        await remove(id);
        expect(await webhooks.listWebhooks(context, ann)).toEqual([]);
        expect(await codeOf(remove(id))).toBe("not_found");
      },
      async listDeadLetters() {
        const { context, ann, codeOf } = at();
        const id = await made();
        const page = await webhooks.listDeadLetters(context, ann, { id, cursor: undefined, limit: 1 });
        expect(page).toMatchObject({ items: [{ pos: 1, event: "user.created", attempts: 3 }], nextCursor: "1" });
        const rest = await webhooks.listDeadLetters(context, ann, { id, cursor: "1", limit: 1 });
        expect(rest).toMatchObject({ items: [{ pos: 99_999 }], nextCursor: null });
        await remove(id);
        const gone = webhooks.listDeadLetters(context, ann, { id, cursor: undefined, limit: 1 });
        expect(await codeOf(gone)).toBe("not_found");
      },
      async retryDeadLetter() {
        const id = await made();
        const retry = (reason: string | undefined, pos = 1) =>
          webhooks.retryDeadLetter(at(reason).context, at().ann, { id, pos });
        expect(await retry("the answer is 500")).toEqual({ reason: "the answer is 500" });
        expect(await retry(undefined)).toEqual({ reason: null });
        const { codeOf } = at();
        expect(await codeOf(retry(undefined))).toBe("not_found");
        expect(await codeOf(retry(undefined, 99_999))).toBe("not_found");
        await remove(id);
      },
    },
  };
};
