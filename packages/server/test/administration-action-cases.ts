import { expect } from "bun:test";
import * as stats from "../src/admin/stats-actions.ts";
import type { Rig } from "./admin-action-cases.ts";

/** Of each action of `src/admin/`. @param rig is called when a case runs: before, nothing is open */
export const administrationCases = (rig: () => Rig): Record<string, Record<string, () => Promise<void>>> => ({
  "admin/stats": {
    async getStats() {
      const { context, person } = rig();
      const before = await stats.getStats(context);
      await person("pia");
      expect(await stats.getStats(context)).toMatchObject({ onlineNum: 0, people: before.people + 1 });
    },
  },
});
