import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { every, type Stop } from "../lib/interval.ts";
import { VERSION } from "../lib/version.ts";
import type { MetricsReport } from "./merged-metrics.ts";

/** How often the event loop's lag is sampled. Often enough to see a stall of a tenth of a second, cheap enough to forget. */
const LAG_SAMPLE_MS = 200;

/** A number that is read when somebody asks for it. */
export interface WatchedGauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => number | undefined;
}

/** How far a follower of the log is behind. */
export interface Lag {
  readonly events: number;
  /** How long the first event that it has not handled has waited. */
  readonly seconds: number;
}

/**
 * Everything that is counted, in the Prometheus text form. Labels have few values: never an id, a person's name or a path with ids
 * in it. Counting is cheap (under a microsecond); where it happens per frame, keep the bound child (`framesIn.labels(…)`).
 * prom-client's own process metrics are left out, since several of them are wrong on Bun; the ones below are measured here.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #lag: Histogram;

  /** Live connections by transport (websocket, sse, poll). */
  readonly connections: Gauge<"transport">;
  /** Connections ended, by close code. */
  readonly closes: Counter<"code">;
  /** WebSocket handshakes: accepted, bad_token (open, but nobody is signed in), gone (before its token was checked), closed at once (draining, banned, full), or refused by an error code. */
  readonly handshakes: Counter<"outcome">;
  readonly framesIn: Counter<"transport">;
  /** Events appended to the log. */
  readonly eventsAppended: Counter;
  /** Messages written. */
  readonly messages: Counter;
  readonly httpRequests: Counter<"method" | "route" | "status">;
  readonly httpSeconds: Histogram<"route">;
  /** Requests with a server key, by its name: there are at most a hundred at a time. */
  readonly keyRequests: Counter<"key" | "status">;
  /** Tokens of the product's own that were checked: accepted, refused. */
  readonly productTokens: Counter<"result">;
  /** Requests for the product's keys: read, failed. */
  readonly keyFetches: Counter<"result">;
  /** Events that had left the log before a follower handled them. */
  readonly followerSkipped: Counter<"follower">;
  /** Batches that a follower has to try again. */
  readonly followerFailures: Counter<"follower">;
  /** Requests to webhooks: delivered, failed; and events that were given up: dead. */
  readonly webhookDeliveries: Counter<"result">;
  /** Answers of the hook before a send: allowed, changed, refused, none. */
  readonly sendHook: Counter<"result">;
  /** Sign-ins by password: done, wrong (the name or the password), refused (limits, bans, an overloaded server). */
  readonly signIns: Counter<"result">;
  /** Times that a rate had no room for what was asked, by its name in the table of limits. */
  readonly limitHits: Counter<"limit">;
  /** From handing a batch of writes over until it is on the disk. */
  readonly commitSeconds: Histogram;
  /** Batches of which nothing was stored. */
  readonly writeFailures: Counter;
  readonly #lags = new Map<string, () => Lag>();

  constructor() {
    const registers = [this.#registry];
    const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
      new Counter<L>({ name, help, labelNames, registers });

    this.connections = new Gauge({
      name: "parley_connections",
      help: "Live connections",
      labelNames: ["transport"],
      registers,
    });
    this.closes = counter("parley_closes_total", "Connections ended, by close code", ["code"]);
    this.handshakes = counter("parley_handshakes_total", "WebSocket handshakes", ["outcome"]);
    this.framesIn = counter("parley_frames_in_total", "Frames received from clients", ["transport"]);
    this.eventsAppended = counter("parley_events_appended_total", "Events appended to the log");
    this.messages = counter("parley_messages_total", "Messages written");
    this.httpRequests = counter("parley_http_requests_total", "HTTP requests", ["method", "route", "status"]);
    this.keyRequests = counter("parley_server_key_requests_total", "HTTP requests with a server key", [
      "key",
      "status",
    ]);
    this.productTokens = counter("parley_product_tokens_total", "Tokens of the product's own that were checked", [
      "result",
    ]);
    this.keyFetches = counter("parley_product_key_fetches_total", "Requests for the product's keys", ["result"]);
    this.followerSkipped = counter(
      "parley_follower_skipped_events_total",
      "Events that left the log before a follower handled them",
      ["follower"],
    );
    this.followerFailures = counter(
      "parley_follower_failures_total",
      "Batches of events that a follower could not handle",
      ["follower"],
    );
    this.webhookDeliveries = counter(
      "parley_webhook_deliveries_total",
      "Requests to webhooks, and events that were given up",
      ["result"],
    );
    this.sendHook = counter("parley_send_hook_total", "Answers of the hook before a send", ["result"]);
    this.signIns = counter("parley_sign_ins_total", "Sign-ins by password", ["result"]);
    this.limitHits = counter("parley_limit_hits_total", "Times that a rate had no room", ["limit"]);
    this.writeFailures = counter("parley_write_failures_total", "Batches of writes that could not be stored");
    this.commitSeconds = new Histogram({
      name: "parley_commit_seconds",
      help: "Time to store a batch of writes, the disk's sync included",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    });
    this.handshakes.inc({ outcome: "accepted" }, 0);
    // An alert on a rise sees the first one only where there was a 0 before it.
    for (const result of ["done", "wrong", "refused"]) this.signIns.inc({ result }, 0);
    for (const transport of ["websocket", "sse", "poll"]) this.connections.set({ transport }, 0);
    this.#lagGauges(registers);
    this.httpSeconds = new Histogram({
      name: "parley_http_request_seconds",
      help: "Time to answer an HTTP request, including waiting polls",
      labelNames: ["route"],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
      registers,
    });
    this.#lag = new Histogram({
      name: "parley_event_loop_lag_seconds",
      help: `How late a timer of ${LAG_SAMPLE_MS} ms fires`,
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    });
    processGauges(registers);
  }

  /** Starts sampling the event loop. */
  start(): Stop {
    let last = performance.now();
    return every(LAG_SAMPLE_MS, () => {
      const now = performance.now();
      this.#lag.observe(Math.max(0, now - last - LAG_SAMPLE_MS) / 1000);
      last = now;
    });
  }

  /** What was counted so far, over all labels; of the loop's lag the sum of its samples and their number. */
  async totals(): Promise<{
    requests: number;
    messages: number;
    events: number;
    lagSeconds: number;
    lagCount: number;
  }> {
    const [requests, messages, events, lag] = await Promise.all([
      this.httpRequests.get(),
      this.messages.get(),
      this.eventsAppended.get(),
      this.#lag.get(),
    ]);
    const sum = ({ values }: { values: readonly { value: number }[] }) =>
      values.reduce((all, { value }) => all + value, 0);
    const part = (end: string) => lag.values.find(({ metricName }) => metricName?.endsWith(end))?.value ?? 0;
    return {
      requests: sum(requests),
      messages: sum(messages),
      events: sum(events),
      lagSeconds: part("_sum"),
      lagCount: part("_count"),
    };
  }

  /** Shows the lag of a follower until it is stopped; it is asked for at each scrape. */
  watchLag(follower: string, read: () => Lag): Stop {
    this.#lags.set(follower, read);
    return () => void this.#lags.delete(follower);
  }

  /** Adds gauges that are read at each scrape. What reads as undefined is not known now, and is left out. */
  watch(gauges: readonly WatchedGauge[]): void {
    for (const { name, help, read } of gauges) {
      new Gauge({
        name,
        help,
        registers: [this.#registry],
        collect() {
          const value = read();
          if (value === undefined) this.remove();
          else this.set(value);
        },
      });
    }
  }

  #lagGauges(registers: Registry[]): void {
    const lags = this.#lags;
    const gauge = (name: string, help: string, of: (lag: Lag) => number) =>
      new Gauge({
        name,
        help,
        labelNames: ["follower"],
        registers,
        collect() {
          this.reset();
          for (const [follower, read] of lags) this.set({ follower }, of(read()));
        },
      });
    gauge("parley_follower_lag_events", "Events that a follower of the log has not handled", ({ events }) => events);
    gauge("parley_follower_lag_seconds", "How long the first of them has waited", ({ seconds }) => seconds);
  }

  readonly contentType = "text/plain; version=0.0.4; charset=utf-8";

  /** The same numbers for another process, which adds them to those of others (`merged-metrics.ts`). */
  report(): Promise<MetricsReport> {
    return this.#registry.getMetricsAsJSON();
  }

  /** The page that a scrape gets. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/** Read at the moment of a scrape. */
function processGauges(registers: Registry[]): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });

  const startedAt = performance.timeOrigin / 1000;
  gauge("process_start_time_seconds", "When the process began, in seconds since 1970", () => startedAt);
  new Gauge({ name: "parley_build_info", help: "Always 1", labelNames: ["version", "bun"], registers }).set(
    { version: VERSION, bun: Bun.version },
    1,
  );
  gauge("process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
  gauge("parley_uptime_seconds", "Time since the process began", () => process.uptime());
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time used, user and system",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}
