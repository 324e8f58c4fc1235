import { expect } from "bun:test";
import * as keys from "../src/keys/key-actions.ts";
import type { Rig } from "./admin-action-cases.ts";

/** Of each action for the product's own backend. @param rig is called when a case runs: before, nothing is open */
export const serverCases = (rig: () => Rig): Record<string, Record<string, () => Promise<void>>> => ({
  "keys/key": {
    async addKey() {
      const { context, codeOf } = rig();
      const wish = { name: "shop", scopes: ["users"], expiresAt: null, rate: null };
      const { id, key } = await keys.addKey(context, wish);
      expect(await context.serverKeys.find(key)).toMatchObject({ id, name: "shop" });
      expect(await codeOf(keys.addKey(context, wish))).toBe("name_taken");
      for (const wrong of [{ name: "a shop" }, { scopes: [] }, { scopes: ["all"] }, { rate: 0 }, { expiresAt: 1 }]) {
        expect(await codeOf(keys.addKey(context, { ...wish, name: "other", ...wrong }))).toBe("invalid");
      }
    },
    async listKeys() {
      const { context, clock } = rig();
      await keys.addKey(context, { name: "listed", scopes: ["rooms", "rooms"], expiresAt: null, rate: 7 });
      expect((await keys.listKeys(context)).at(-1)).toEqual({
        ...{ id: expect.any(Number), name: "listed", scopes: ["rooms"], createdAt: clock.now() },
        ...{ expiresAt: null, lastUsedAt: null, rate: 7 },
      });
    },
    async revokeKey() {
      const { context, codeOf } = rig();
      const { id } = await keys.addKey(context, { name: "gone", scopes: ["feed"], expiresAt: null, rate: null });
      expect(await keys.revokeKey(context, "gone")).toEqual({ id });
      expect(await codeOf(keys.revokeKey(context, "gone"))).toBe("not_found");
    },
  },
});
