import { afterAll, beforeAll, expect, test } from "bun:test";
import { parser } from "@prometheus-io/lezer-promql";
import { TestServer } from "./harness.ts";

/** The alert rules of the runbook, as Prometheus would read them, against what a server shows. */
const RUNBOOK = new URL("../../../docs/runbook.md", import.meta.url);

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

const runbook = await Bun.file(RUNBOOK).text();
const yaml = /```yaml\n(groups:[\s\S]*?)```/.exec(runbook)?.[1] ?? "";
const { groups } = Bun.YAML.parse(yaml) as { groups: { name: string; rules: Rule[] }[] };
const rules = groups.flatMap(({ rules }) => rules);

/** Name and type of each metric of a server on which everything that makes labels here has happened. */
const types = new Map<string, string>();
const labels = new Map<string, Set<string>>();
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ RATE_LIMITS: "on" });
  for (let n = 0; n < 7; n++) await server.api.call("POST", "/logins", { name: "nobody", password: "not a password" });
  const page = await (await fetch(`${server.url}/metrics`)).text();
  for (const [, name = "", type = ""] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm)) types.set(name, type);
  for (const [, name = "", list = ""] of page.matchAll(/^(\w+)\{(.*)\} \S+$/gm)) {
    const found = labels.get(name) ?? new Set();
    labels.set(name, found);
    for (const [, label = "", value = ""] of list.matchAll(/(\w+)="([^"]*)"/g))
      found.add(label).add(`${label}=${value}`);
  }
}, 30_000);
afterAll(() => server.stop());

/** Labels that a scrape adds, and labels of followers, which a new server does not have. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  up: ["job", "instance"],
  parley_follower_lag_seconds: ["follower"],
};

interface Selector {
  readonly metric: string;
  readonly matchers: { label: string; operator: string; value: string }[];
}

/** Every selector of an expression, and every label that it groups by. @throws if it is not PromQL */
function read(expr: string): { selectors: Selector[]; grouped: string[] } {
  const selectors: Selector[] = [];
  const grouped: string[] = [];
  const textOf = (node: { from: number; to: number }) => expr.slice(node.from, node.to);
  parser.parse(expr).iterate({
    enter: (node) => {
      if (node.type.isError) throw new Error(`no PromQL at ${node.from}: ${expr}`);
      if (node.name === "VectorSelector")
        selectors.push({ metric: /^\w+/.exec(textOf(node))?.[0] ?? "", matchers: [] });
      if (node.name === "UnquotedLabelMatcher") {
        const [, label = "", operator = "", value = ""] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/.exec(textOf(node)) ?? [];
        selectors.at(-1)?.matchers.push({ label, operator, value });
      }
      if (node.name === "GroupingLabels") grouped.push(...(textOf(node).match(/\w+/g) ?? []));
    },
  });
  return { selectors, grouped };
}

/** `x_bucket` and the like belong to the histogram `x`. */
function typeOf(metric: string): string | undefined {
  return types.get(metric) ?? types.get(metric.replace(/_(bucket|sum|count)$/, ""));
}

test("MET-2: there are rules, each with a name of its own, a severity and a sentence that says what to do", () => {
  expect(rules.length).toBeGreaterThanOrEqual(12);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const rule of rules) {
    expect(rule.alert).toMatch(/^Parley[A-Z][A-Za-z]+$/);
    expect(["page", "look"]).toContain(rule.labels.severity);
    expect(rule.annotations.summary).toMatch(/^(\{\{|[A-Z]).{20,}[.?]$/);
    if (rule.for !== undefined) expect(rule.for).toMatch(/^\d+[smh]$/);
    expect(Object.keys(rule).filter((key) => !["alert", "expr", "for", "labels", "annotations"].includes(key))).toEqual(
      [],
    );
  }
});

test("MET-2: anything but PromQL is noticed", () => {
  for (const expr of ["sum((", "rate(x[5m]", "x > > 1", "x{a=5}"]) expect(() => read(expr)).toThrow("no PromQL");
});

test.each(rules.map((rule) => [rule.alert, rule] as const))(
  "MET-2: %s asks for what /metrics has",
  (_, { expr, annotations }) => {
    const { selectors, grouped } = read(expr);
    expect(selectors.length).toBeGreaterThan(0);
    const known = new Set(["instance", "job", "le"]);
    for (const { metric, matchers } of selectors) {
      expect([metric, ALSO[metric] !== undefined || typeOf(metric) !== undefined]).toEqual([metric, true]);
      const shown = labels.get(metric) ?? new Set(ALSO[metric]);
      for (const label of shown) known.add(label);
      for (const { label, operator, value } of matchers) {
        if (label === "job") continue;
        expect([metric, label, shown.has(label)]).toEqual([metric, label, true]);
        if (operator === "=") expect([...shown]).toContain(`${label}=${value}`);
      }
    }
    for (const label of grouped) expect([...known]).toContain(label);
    for (const [, label = ""] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) expect([...known]).toContain(label);
    // A rule looks at the rate of what only rises, and never at the rate of what goes up and down.
    for (const [, metric = ""] of expr.matchAll(/(?:rate|increase)\((\w+)/g))
      expect(typeOf(metric)).toMatch(/counter|histogram/);
  },
);

test("MET-2: the runbook's table names every metric, and none that is not there", () => {
  const table = runbook.slice(runbook.indexOf("## What to watch"), runbook.indexOf("### Alerts"));
  const named = new Set(
    [...table.matchAll(/`((?:parley|process)_\w+)(?:\{([\w,]+)\})?`/g)].map(([, name = ""]) => name),
  );
  expect([...types.keys()].filter((name) => !named.has(name))).toEqual([]);
  expect([...named].filter((name) => !types.has(name))).toEqual([]);
});
