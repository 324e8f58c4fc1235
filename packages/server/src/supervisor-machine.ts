import { samplerOf } from "./admin/all-nodes.ts";
import { type NodeNumbers, numbersHere } from "./admin/node-here.ts";
import type { Sampler } from "./admin/sampler.ts";
import type { SeriesName } from "./admin/series.ts";
import type { Context } from "./context.ts";
import { askAll, type MachineMetrics } from "./processes/machine-metrics.ts";
import type { MachineQuestion } from "./processes/messages.ts";
import type { WorkerLines } from "./processes/worker-lines.ts";

interface MachineParts {
  readonly lines: WorkerLines;
  readonly metrics: MachineMetrics;
  readonly context: Context;
}

/** What a worker is told of the machine when a client asks it. */
export async function answerMachine(question: MachineQuestion, { metrics, context }: MachineParts): Promise<unknown> {
  if ("metrics" in question) return metrics.text();
  const { name, ...range } = question.series;
  return context.series.read(name as SeriesName, range);
}

/** Measures all processes together. */
export function machineSampler({ lines, metrics, context }: MachineParts): Pick<Sampler, "sample"> {
  return samplerOf(context.presence, async () => {
    const answers = await askAll<NodeNumbers>(lines, { numbers: true });
    const nodes = [numbersHere(context), ...answers.values()].filter((one) => one !== undefined);
    return { nodes, totals: [await metrics.totals()] };
  });
}
