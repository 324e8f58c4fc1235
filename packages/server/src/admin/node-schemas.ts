import { z } from "@hono/zod-openapi";
import { SIZES } from "../limits/sizes.ts";

export const nodeId = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .openapi({ description: "A node between one start and its end" });

export const missingNodes = z
  .array(nodeId)
  .max(SIZES.listedNodes.count)
  .openapi({ description: "Nodes that did not answer within a second: what they have is missing" });
