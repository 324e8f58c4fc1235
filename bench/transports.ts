import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { Crowd, NUMBER } from "./crowd.ts";
import { MeasuredServer } from "./measured-server.ts";
import { compile } from "./native.ts";
import { QR_KINDS, type QrKind, type QrSample, signInByQr } from "./qr-sign-in.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { type Figure, figuresOf, takeTurns } from "./rounds.ts";
import { type SeededPerson, seed, writeTokens } from "./seed.ts";
import { TEXT } from "./send.ts";
import { warmUp } from "./warm-up.ts";

/**
 * What each transport costs the server, for choosing one: a thousand clients in one room, in which first nothing is said, then 0.1
 * and 10 messages a second; and what signing in by QR code costs. The reference is WebSocket.
 *
 * Each transport has its own server. The quiet measures are taken for all at the same time and last a minute, so that what
 * happens once a minute is in them; the messages of one transport come between those of the others. For the busy measure they take
 * turns, and the other three are stopped meanwhile.
 */
export const transports: Benchmark = {
  name: "transports",
  about: "CPU, requests and bytes of 1 000 clients on each transport, and of QR sign-ins (5 rounds take 17 minutes)",
  run: runTransports,
};

const CLIENTS = 1000;
const WAIT_SECONDS = 30;
const KINDS = [
  { name: "WebSocket", program: "crowd", live: '{"type":103', qr: "websocket" },
  { name: "SSE", program: "http-readers", live: "sse", qr: undefined },
  { name: "long poll", program: "http-readers", live: `long:${WAIT_SECONDS}`, qr: "long poll" },
  { name: "short poll, 1 s", program: "http-readers", live: "short:1000", qr: "short poll, 1 s" },
] as const;
const REST = { perSecond: 0, leadSeconds: 1, seconds: 60 };
const SLOW = { perSecond: 0.1, leadSeconds: 0, seconds: 60 };
const FAST = { perSecond: 10, leadSeconds: 2, seconds: 8 };
/** The time between the starts of the slow windows, so that the messages of one do not meet those of another. */
const APART_MS = 2500;
/** Nobody is cut as idle while others have their turn. */
const SETTINGS = { IDLE_MS: "600000" };

interface Subject {
  readonly name: string;
  readonly server: MeasuredServer;
  readonly crowd: Crowd;
  readonly people: readonly SeededPerson[];
}

type Sample = {
  cpu: number;
  requests: number;
  bytes: number;
  out: number;
  p50: number;
  p99: number;
  perClient: number;
};

async function runTransports({ rounds, only }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  const subjects: Subject[] = [];
  try {
    console.log(`transports, ${rounds} rounds, median (min–max); ${machine()}`);
    console.log(`${CLIENTS} clients in one room, all of whom get each message; --only rest, slow, fast or qr\n`);
    const programs = { crowd: await compile("crowd", folder), "http-readers": await compile("http-readers", folder) };
    for (const kind of KINDS) subjects.push(await openSubject(kind, { folder, program: programs[kind.program] }));
    const wanted = (part: string) => (only ?? part) === part;
    // This compiles what delivering needs.
    for (const { crowd } of subjects) await crowd.window({ ...FAST, recipients: CLIENTS }, () => undefined);
    if (wanted("rest")) printRest(await together(subjects, { window: REST, rounds }));
    if (wanted("slow")) printRate("0.1 messages/s", await together(subjects, { window: SLOW, rounds }));
    if (wanted("fast")) printRate("10 messages/s", await inTurns(subjects, rounds));
    if (wanted("qr")) printQr(await qrSignIns(subjects, rounds));
  } finally {
    for (const { crowd, server } of subjects) {
      await crowd.close();
      await server.kill();
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openSubject(
  kind: (typeof KINDS)[number],
  { folder, program }: { folder: string; program: string },
): Promise<Subject> {
  const own = join(folder, kind.name.replaceAll(/\W/g, "-"));
  const { people, rooms } = await seed(own, { people: CLIENTS, rooms: (uids) => [uids, uids.slice(0, 1)] });
  const tokens = await writeTokens(own, people);
  const server = await MeasuredServer.start(own, SETTINGS);
  const first = people[0] as SeededPerson;
  await warmUp({ url: server.url, token: first.token, roomId: rooms[1] as number });
  const template = JSON.stringify({ clientId: NUMBER, type: 1, body: { content: `t=${NUMBER} ${TEXT}` } });
  const publish = `/api/v1/rooms/${rooms[0]}/messages`;
  const wish = { program, folder: own, port: server.port, readers: CLIENTS, tokens, live: kind.live };
  const crowd = await Crowd.open({ ...wish, publish, template });
  return { name: kind.name, server, crowd, people };
}

interface Window {
  readonly perSecond: number;
  readonly leadSeconds: number;
  readonly seconds: number;
}

type Measured = Record<string, Record<keyof Sample, Figure>>;

/** Measures all at the same time, round after round. */
async function together(
  subjects: readonly Subject[],
  { window, rounds }: { window: Window; rounds: number },
): Promise<Measured> {
  const samples = new Map<string, Sample[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      subjects.map(async (subject, index) => {
        await Bun.sleep(window.perSecond > 0 ? index * APART_MS : 0);
        samples.get(subject.name)?.push(await measure(subject, window));
      }),
    );
  }
  return Object.fromEntries([...samples].map(([name, of]) => [name, figuresOf(of)]));
}

/** Measures one after the other, while the clients of the others are stopped. */
async function inTurns(subjects: readonly Subject[], rounds: number): Promise<Measured> {
  for (const { crowd } of subjects) await crowd.pause();
  const turns = subjects.map((subject) => [
    subject.name,
    async () => {
      subject.crowd.goOn();
      const sample = await measure(subject, FAST);
      await subject.crowd.pause();
      return sample;
    },
  ]);
  const measured = await takeTurns<string, Sample>(Object.fromEntries(turns), rounds);
  for (const { crowd } of subjects) crowd.goOn();
  return measured;
}

/** The figures are per delivery where there are deliveries, otherwise in total. */
async function measure({ server, crowd }: Subject, window: Window): Promise<Sample> {
  const of = await crowd.window({ ...window, recipients: CLIENTS }, () => server.cpuNanoseconds());
  const by = of.deliveries || 1;
  const cpu = (of.after - of.before) / 1000;
  return {
    cpu: cpu / by,
    requests: of.requests / by,
    bytes: (of.bytesOut + of.bytesIn) / by,
    out: of.bytesOut / by,
    p50: of.p50Ms,
    p99: of.p99Ms,
    perClient: (cpu / 1000 / CLIENTS) * (60 / window.seconds),
  };
}

function printRest(measured: Measured): void {
  console.log("When nothing is said, for each client and minute:\n");
  const reference = measured[KINDS[0].name]?.perClient as Figure;
  const each = (figure: Figure): Figure => divided(figure, CLIENTS);
  const rows = Object.entries(measured).map(([name, of]) => [
    name,
    shown(of.perClient),
    ratio(of.perClient, reference),
    shown(each(of.requests), 1),
    shown(each(of.bytes), 0),
  ]);
  console.log(`${table(["transport", "server CPU ms", "to WebSocket", "requests", "bytes"], rows)}\n`);
}

function printRate(title: string, measured: Measured): void {
  console.log(`At ${title}, for each event that a client gets:\n`);
  const reference = measured[KINDS[0].name]?.cpu as Figure;
  const rows = Object.entries(measured).map(([name, of]) => [
    name,
    shown(of.cpu, 1),
    ratio(of.cpu, reference),
    shown(of.requests, 2),
    shown(of.bytes, 0),
    shown(of.p50, 0),
    shown(of.p99, 0),
  ]);
  const head = ["transport", "server CPU µs", "to WebSocket", "requests", "bytes", "delay p50 ms", "delay p99 ms"];
  console.log(`${table(head, rows)}\n`);
}

async function qrSignIns(
  subjects: readonly Subject[],
  rounds: number,
): Promise<Record<string, Record<keyof QrSample, Figure>>> {
  for (const { crowd } of subjects) await crowd.pause();
  // One server for all: a sign-in does not depend on the transport that its crowd uses.
  const { server, people } = subjects[0] as Subject;
  const turns = QR_KINDS.map((kind: QrKind) => [kind, () => signInByQr(kind, { server, people })]);
  return takeTurns<string, QrSample>(Object.fromEntries(turns), rounds);
}

function printQr(measured: Record<string, Record<keyof QrSample, Figure>>): void {
  console.log("One sign-in by QR code, scanned after 3.5 s and confirmed after 4.5 s, with the phone's CPU:\n");
  const reference = measured.WebSocket?.cpu as Figure;
  const rows = Object.entries(measured).map(([name, of]) => [
    name,
    shown(of.cpu),
    ratio(of.cpu, reference),
    shown(of.requests, 0),
    shown(of.bytes, 0),
  ]);
  console.log(`${table(["by", "server CPU ms", "to WebSocket", "requests", "bytes"], rows)}\n`);
}

function divided({ median, min, max }: Figure, by: number): Figure {
  return { median: median / by, min: min / by, max: max / by };
}
