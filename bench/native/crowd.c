/*
 * A crowd of WebSocket readers and one who publishes to them: what the server is loaded with in `fanout`, `idle`, `resume`
 * and `transports`.
 *
 *   crowd PORT[,PORT…] READERS TOKENS LIVE PUBLISH TEMPLATE [CURSORS]
 *
 *   PORT      of the server; of several nodes, over which the readers are spread in turn, while the first one is published to
 *   TOKENS    file with a token for each reader, one a line; the first one also publishes
 *   LIVE      what the last frame before a reader is live begins with; "" if it is live with the handshake
 *   PUBLISH   "ws", or the path that takes a POST
 *   TEMPLATE  file with the text to publish; each run of 20 "@" in it becomes a number that no other message has:
 *             nanoseconds of the monotonic clock when the message was due
 *   CURSORS   file with a cursor for each reader, one a line: each resumes from there. When all are live it prints
 *             "resumed NANOSECONDS FEWEST MOST OTHERS P50 P99 MAX": from the first connect until all were live, the messages
 *             that a reader got before it was, other logged frames in all, and microseconds from a reader's connect
 *
 * Prints "ready" when all are live. Then takes commands, a line each, until its input ends, those of load.h and:
 *
 *   rounds K N    N times: publishes K messages at once, waits until every reader has all of them
 *   rate K N      N messages, K each second, whether or not the earlier ones have arrived
 *   cursors FILE  writes the cursors of READY, one a line in the readers' order, and answers "written"
 *
 * These two never sleep: waking up a reader that does would count as the server's CPU. They answer
 * "done DELIVERIES NANOSECONDS FAR50 FAR99 FARMAX P50 P99 MAX", the last three in microseconds from when a message was due until a reader had it, and
 * those before them from its answer until a reader on another node had it;
 * or "lost EXPECTED SEEN". Counts frames that begin with {"type":4, . Each reader sends a heartbeat every 10 s, as real
 * ones do.
 */
#include "load.h"

#define HEARTBEAT_NS 10000000000ull
#define OPENING_NS 120000000000ull

enum state { OPENING, STARTING, LIVE, CLOSED };

struct reader {
  int fd;
  enum state state;
  unsigned carried, missed;
  unsigned char *carry;
  char *cursor;
  uint64_t seq, dialled;
};

static struct reader readers[READERS_MAX];
static int opened, opening, opening_max = 400, live, resuming;
static const char *live_mark;
static uint64_t others;

static void open_readers(void) {
  while (opened < wanted && opening < opening_max) {
    struct reader *reader = &readers[opened];
    reader->dialled = now_ns();
    reader->fd = dial((uint64_t)opened);
    reader->state = OPENING;
    char request[512];
    int length = snprintf(request, sizeof request,
                          "GET /ws%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Protocol: parley, %s\r\n\r\n",
                          resuming ? "?resume=1" : "", ports[0], tokens[opened]);
    put(reader->fd, request, (size_t)length);
    opened++, opening++;
  }
}

static void publish_socket(void) {
  publishers[0].fd = dial(READERS_MAX);
  publisher_count = 1;
  char request[512], reply[1024];
  int length = snprintf(request, sizeof request,
                        "GET /publish HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        ports[0]);
  put_uncounted(publishers[0].fd, request, (size_t)length);
  if (read(publishers[0].fd, reply, sizeof reply) <= 0) fail("publisher's handshake");
}

/* Adds one masked frame (with the mask 0) to a buffer. */
static size_t masked(unsigned char *out, const char *payload, size_t length) {
  size_t head = 2;
  out[0] = 0x81;
  if (length < 126) {
    out[1] = (unsigned char)(0x80 | length);
  } else {
    out[1] = 0x80 | 126, out[2] = (unsigned char)(length >> 8), out[3] = (unsigned char)length;
    head = 4;
  }
  memset(out + head, 0, 4);
  memcpy(out + head + 4, payload, length);
  return head + 4 + length;
}

static int starts_with(const unsigned char *text, size_t length, const char *mark) {
  size_t size = strlen(mark);
  return length >= size && memcmp(text, mark, size) == 0;
}

static void keep_cursor(struct reader *reader, const unsigned char *payload, size_t length) {
  const char *mark = "\"cursor\":\"";
  const unsigned char *at = memmem(payload, length, mark, strlen(mark));
  if (!at) return;
  at += strlen(mark);
  const unsigned char *end = memchr(at, '"', length - (size_t)(at - payload));
  if (end) reader->cursor = strndup((const char *)at, (size_t)(end - at));
}

static void now_live(struct reader *reader) {
  reader->state = LIVE;
  live++, opening--;
}

/* A frame before its reader is live. */
static void first_frame(struct reader *reader, const unsigned char *payload, size_t length) {
  if (!resuming) {
    if (starts_with(payload, length, "{\"type\":101,")) keep_cursor(reader, payload, length);
    if (starts_with(payload, length, live_mark)) now_live(reader);
  } else if (starts_with(payload, length, "{\"type\":115,") && memmem(payload, length, "\"live\":true", 11)) {
    if (sample_count < SAMPLES_MAX) samples[sample_count++] = (uint32_t)((now_ns() - reader->dialled) / 1000);
    now_live(reader);
  } else if (starts_with(payload, length, "{\"type\":4,")) {
    reader->missed++;
  } else if (memmem(payload, length < 60 ? length : 60, "\"stream\":", 9) || starts_with(payload, length, "{\"type\":108,")) {
    others++;
  }
}

static void frame(struct reader *reader, const unsigned char *payload, size_t length, uint64_t now) {
  if (reader->state != LIVE) return first_frame(reader, payload, length);
  if (!starts_with(payload, length, "{\"type\":4,")) return;
  delivered(payload, length, (int)(reader - readers), &reader->seq, now);
}

/* The handshake is over. */
static void upgraded(struct reader *reader) {
  reader->state = STARTING;
  if (resuming) {
    char text[512];
    unsigned char bytes[600];
    int length = snprintf(text, sizeof text, "{\"type\":101,\"data\":{\"cursor\":\"%s\"}}", reader->cursor);
    put(reader->fd, bytes, masked(bytes, text, (size_t)length));
  } else if (!*live_mark) {
    now_live(reader);
  }
}

static void read_frames(struct reader *reader) {
  if (reader->carried) memcpy(incoming, reader->carry, reader->carried);
  ssize_t got = read(reader->fd, incoming + reader->carried, sizeof incoming - reader->carried);
  if (got <= 0) {
    fprintf(stderr, "crowd: reader %ld was cut\n", (long)(reader - readers));
    if (reader->state != LIVE) exit(1);
    reader->state = CLOSED;
    close(reader->fd);
    return;
  }
  counts.in += (uint64_t)got;
  uint64_t now = now_ns();
  size_t have = reader->carried + (size_t)got, at = 0;
  if (reader->state == OPENING) {
    const unsigned char *end = memmem(incoming, have, "\r\n\r\n", 4);
    if (end) {
      if (memcmp(incoming, "HTTP/1.1 101", 12) != 0) fail("a handshake was refused");
      at = (size_t)(end + 4 - incoming);
      upgraded(reader);
    }
  }
  while (reader->state != OPENING) {
    size_t left = have - at, head = 2;
    if (left < 2) break;
    size_t length = incoming[at + 1] & 127;
    if (length == 126) {
      if (left < 4) break;
      length = (size_t)incoming[at + 2] << 8 | incoming[at + 3], head = 4;
    } else if (length == 127) {
      if (left < 10) break;
      length = (size_t)incoming[at + 6] << 24 | (size_t)incoming[at + 7] << 16 | (size_t)incoming[at + 8] << 8 |
               incoming[at + 9];
      head = 10;
    }
    if (left < head + length) break;
    if ((incoming[at] & 15) == 1) frame(reader, incoming + at + head, length, now);
    at += head + length;
  }
  reader->carried = (unsigned)(have - at);
  if (reader->carried == 0) {
    free(reader->carry);
    reader->carry = NULL;
  } else {
    unsigned char *carry = malloc(reader->carried);
    memcpy(carry, incoming + at, reader->carried);
    free(reader->carry);
    reader->carry = carry;
  }
}

/* Heartbeats of all readers, spread over the ten seconds. */
static void heartbeats(uint64_t now) {
  static const unsigned char beat[] = {0x81, 0x80 | 10, 0, 0, 0, 0, '{', '"', 't', 'y', 'p', 'e', '"', ':', '2', '}'};
  static uint64_t began, sent;
  if (!*live_mark || live == 0) return;
  if (!began) began = now;
  uint64_t due = (uint64_t)((double)(now - began) * wanted / HEARTBEAT_NS);
  /* After a long turn the missed ones are not made up for at once. */
  if (due > sent + (uint64_t)wanted) sent = due - (uint64_t)wanted;
  for (; sent < due; sent++) {
    struct reader *reader = &readers[sent % (uint64_t)wanted];
    if (reader->state == LIVE) put(reader->fd, beat, sizeof beat);
  }
}

static void on_event(uint64_t tag) {
  if (tag >= READERS_MAX) {
    struct publisher *publisher = &publishers[tag - READERS_MAX];
    if (strcmp(target, "ws") != 0) read_reply(publisher);
    else if (read(publisher->fd, incoming, sizeof incoming) <= 0) fail("the publisher's connection");
  } else if (readers[tag].state != CLOSED) {
    read_frames(&readers[tag]);
  }
}

static char *turn(int timeout_ms) {
  char *line = wait_for(timeout_ms, on_event);
  heartbeats(now_ns());
  return line;
}

static void report(uint64_t began) {
  printf("done %llu %llu", (unsigned long long)counts.deliveries, (unsigned long long)(last_delivery - began));
  print_far();
  print_delays();
}

/* K messages by the publisher's socket, in one write. */
static void send_frames(int k, uint64_t due) {
  static unsigned char frames[PUBLISHERS_MAX * 8300];
  size_t length = 0;
  for (int i = 0; i < k; i++) {
    char text[8192];
    size_t bytes = fill(text, due);
    length += masked(frames + length, text, bytes);
  }
  put_uncounted(publishers[0].fd, frames, length);
}

static int publish(uint64_t due) {
  if (strcmp(target, "ws") == 0) return send_frames(1, due), 1;
  struct publisher *publisher = free_publisher();
  if (publisher) post(publisher, due);
  return publisher != NULL;
}

static int publishing(void) { return any_busy(); }

static void publish_at_once(int k) {
  if (strcmp(target, "ws") == 0) return send_frames(k, now_ns());
  for (int i = 0; i < k; i++)
    if (!publish(now_ns())) fail("more at once than publishers");
}

static void rounds(int k, int n) {
  begin();
  uint64_t began = now_ns(), expected = 0;
  for (int round = 0; round < n; round++) {
    expected += (uint64_t)k * (uint64_t)wanted;
    publish_at_once(k);
    while (counts.deliveries < expected || any_busy()) {
      turn(0);
      if (stalled(expected)) return;
    }
  }
  report(began);
}

static void rate(int per_second, int n) {
  begin();
  uint64_t began = now_ns(), expected = (uint64_t)n * (uint64_t)wanted;
  int sent = 0;
  while (counts.deliveries < expected || any_busy()) {
    uint64_t now = now_ns();
    while (sent < n) {
      uint64_t due = began + (uint64_t)sent * 1000000000u / (uint64_t)per_second;
      if (due > now || !publish(due)) break;
      sent++;
    }
    turn(0);
    if (stalled(expected)) return;
  }
  report(began);
}

static void read_cursors(const char *path) {
  resuming = 1;
  FILE *file = fopen(path, "r");
  char cursor[400];
  for (int i = 0; i < wanted; i++) {
    if (!file || fscanf(file, "%399s", cursor) != 1) fail("CURSORS");
    readers[i].cursor = strdup(cursor);
  }
  fclose(file);
}

static void write_cursors(const char *path) {
  FILE *file = fopen(path, "w");
  for (int i = 0; i < wanted; i++)
    if (!file || !readers[i].cursor || fprintf(file, "%s\n", readers[i].cursor) < 0) fail("cursors");
  fclose(file);
  say("written");
}

static void report_resumed(uint64_t began) {
  uint64_t elapsed = now_ns() - began;
  unsigned fewest = readers[0].missed, most = fewest;
  for (int i = 1; i < wanted; i++) {
    if (readers[i].missed < fewest) fewest = readers[i].missed;
    if (readers[i].missed > most) most = readers[i].missed;
  }
  printf("resumed %llu %u %u %llu", (unsigned long long)elapsed, fewest, most, (unsigned long long)others);
  print_delays();
}

int main(int argc, char **argv) {
  if (argc != 7 && argc != 8) return fprintf(stderr, "crowd PORT READERS TOKENS LIVE PUBLISH TEMPLATE [CURSORS]\n"), 2;
  load_begin(argv);
  live_mark = argv[4];
  if (argc == 8) read_cursors(argv[7]);
  if (strcmp(target, "ws") == 0) publish_socket();
  uint64_t began = now_ns();
  while (live < wanted) {
    open_readers();
    turn(100);
    if (now_ns() - began > OPENING_NS) fail("not all were live in time");
  }
  if (resuming) report_resumed(began);
  say("ready");
  for (;;) {
    char *line = turn(100), path[512];
    int k, n;
    if (!line || common_command(line)) continue;
    if (sscanf(line, "rounds %d %d", &k, &n) == 2) rounds(k, n);
    else if (sscanf(line, "rate %d %d", &k, &n) == 2) rate(k, n);
    else if (sscanf(line, "cursors %511s", path) == 1) write_cursors(path);
    else fprintf(stderr, "crowd: unknown command: %s\n", line);
  }
}
