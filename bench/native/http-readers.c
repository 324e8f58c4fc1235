/*
 * Readers over HTTP/1.1 and one who publishes to them: what the server is loaded with in `transports` and `idle`.
 *
 *   http-readers PORT READERS TOKENS MODE PUBLISH TEMPLATE
 *
 *   MODE      "short:MS" polls each MS milliseconds, the readers spread evenly over them; "long:SECONDS" polls with that
 *             `wait`, and again at once; "sse" reads an event stream
 *   others    as those of crowd.c; PUBLISH is a path
 *
 * Each reader has one connection that is kept. Prints "ready" when each has its first cursor, or RED_DOT on its stream.
 * Then takes the commands of load.h, a line each, until its input ends. Counts frames that begin with {"type":4, .
 */
#include "load.h"

#define OPENING_MAX 100
#define OPENING_NS 120000000000ull

enum mode { SHORT, LONG, SSE };
enum chunk { SIZE, DATA, DATA_END };

struct bytes {
  unsigned char *at;
  size_t length;
};

struct reader {
  int fd, live, busy; /* busy: a poll is not answered yet */
  int streaming;      /* the head of its event stream was read */
  enum chunk chunk;
  size_t chunk_left;
  struct bytes carry, text; /* what is left of the bytes, and of the text inside its chunks */
  char *cursor;
  uint64_t seq;
};

static struct reader readers[READERS_MAX];
static int opened, live, long_seconds;
static enum mode mode;
static uint64_t short_ns;
static unsigned char text[1 << 19];

static void keep(struct bytes *kept, const unsigned char *from, size_t length) {
  unsigned char *copy = length ? malloc(length) : NULL;
  if (length) memcpy(copy, from, length);
  free(kept->at);
  kept->at = copy, kept->length = length;
}

static void ask(struct reader *reader) {
  char request[1024], query[700] = "";
  if (mode == SSE) strcpy(query, "/stream");
  else if (reader->cursor && mode == LONG) snprintf(query, sizeof query, "?cursor=%s&wait=%d", reader->cursor, long_seconds);
  else if (reader->cursor) snprintf(query, sizeof query, "?cursor=%s", reader->cursor);
  int length = snprintf(request, sizeof request,
                        "GET /api/v1/events%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
                        "Accept: %s\r\n\r\n",
                        query, ports[0], tokens[reader - readers], mode == SSE ? "text/event-stream" : "application/json");
  if (reader->fd < 0) reader->fd = dial((uint64_t)(reader - readers));
  reader->busy = 1;
  counts.requests++;
  put(reader->fd, request, (size_t)length);
}

static void open_readers(void) {
  while (opened < wanted && opened - live < OPENING_MAX) {
    readers[opened].fd = -1;
    ask(&readers[opened++]);
  }
}

static void now_live(struct reader *reader) {
  if (!reader->live) reader->live = 1, live++;
}

/* The body of a poll's reply. */
static void reply(struct reader *reader, const unsigned char *body, size_t length, uint64_t now) {
  const char *mark = "{\"type\":4,", *cursor_mark = "],\"cursor\":\"";
  const unsigned char *at = body, *end = body + length, *next;
  for (at = memmem(at, length, mark, 10); at; at = next) {
    next = memmem(at + 10, (size_t)(end - at - 10), mark, 10);
    delivered(at, (size_t)((next ? next : end) - at), (int)(reader - readers), &reader->seq, now);
  }
  for (at = NULL, next = body; (next = memmem(next, (size_t)(end - next), cursor_mark, 12)); next++) at = next;
  const unsigned char *quote = at ? memchr(at + 12, '"', (size_t)(end - at - 12)) : NULL;
  if (!quote) fail("a reply without a cursor");
  size_t size = (size_t)(quote - at - 12);
  if (size > 500) fail("a cursor of more than 500 bytes");
  if (!reader->cursor || strlen(reader->cursor) != size || memcmp(reader->cursor, at + 12, size) != 0) {
    free(reader->cursor);
    reader->cursor = strndup((const char *)at + 12, size);
  }
  reader->busy = 0;
  now_live(reader);
  if (mode == LONG) ask(reader);
}

static void line_of_stream(struct reader *reader, const unsigned char *line, size_t length, uint64_t now) {
  if (length < 6 || memcmp(line, "data: ", 6) != 0) return;
  line += 6, length -= 6;
  if (length >= 11 && memcmp(line, "{\"type\":103", 11) == 0) now_live(reader);
  if (length >= 10 && memcmp(line, "{\"type\":4,", 10) == 0)
    delivered(line, length, (int)(reader - readers), &reader->seq, now);
}

/* Takes chunks apart; appends to `text` what is in them. @returns the bytes taken */
static size_t dechunk(struct reader *reader, const unsigned char *bytes, size_t length, size_t *filled) {
  size_t at = 0;
  for (;;) {
    if (reader->chunk == DATA) {
      size_t part = length - at < reader->chunk_left ? length - at : reader->chunk_left;
      if (*filled + part > sizeof text) fail("too much text at once");
      memcpy(text + *filled, bytes + at, part);
      *filled += part, at += part, reader->chunk_left -= part;
      if (reader->chunk_left) return at;
      reader->chunk = DATA_END;
    }
    const unsigned char *end = memmem(bytes + at, length - at, "\r\n", 2);
    if (!end) return at;
    if (reader->chunk == SIZE) {
      reader->chunk_left = strtoul((const char *)bytes + at, NULL, 16);
      if (reader->chunk_left == 0) fail("an event stream ended");
      reader->chunk = DATA;
    } else {
      reader->chunk = SIZE;
    }
    at = (size_t)(end + 2 - bytes);
  }
}

static size_t read_stream(struct reader *reader, const unsigned char *bytes, size_t length, uint64_t now) {
  size_t filled = reader->text.length, start = 0;
  if (filled) memcpy(text, reader->text.at, filled);
  size_t taken = dechunk(reader, bytes, length, &filled);
  for (unsigned char *end; (end = memchr(text + start, '\n', filled - start)); start = (size_t)(end + 1 - text))
    line_of_stream(reader, text + start, (size_t)(end - text) - start, now);
  keep(&reader->text, text + start, filled - start);
  return taken;
}

/* @returns the bytes taken: 0 until the whole reply is there */
static size_t read_reply_of(struct reader *reader, unsigned char *bytes, size_t length, uint64_t now) {
  bytes[length] = 0;
  unsigned char *end = memmem(bytes, length, "\r\n\r\n", 4);
  if (!end) return 0;
  if (memcmp(bytes, "HTTP/1.1 200", 12) != 0) {
    fprintf(stderr, "http-readers: the server answered: %s\n", (char *)bytes);
    exit(1);
  }
  size_t head = (size_t)(end + 4 - bytes);
  if (mode == SSE) return reader->streaming = 1, head;
  char *size = strcasestr((char *)bytes, "\r\ncontent-length:");
  if (!size || (unsigned char *)size > end) fail("a reply without a length");
  size_t body = strtoul(size + 17, NULL, 10);
  if (length < head + body) return 0;
  reply(reader, bytes + head, body, now);
  return head + body;
}

static void read_bytes(struct reader *reader) {
  size_t have = reader->carry.length, at = 0, taken;
  if (have) memcpy(incoming, reader->carry.at, have);
  ssize_t got = read(reader->fd, incoming + have, sizeof incoming - 1 - have);
  if (got == 0 && !reader->busy && mode != SSE) {
    /* The server ends connections that were not used for a while. */
    close(reader->fd);
    reader->fd = -1;
    return;
  }
  if (got <= 0) fail("a reader was cut");
  counts.in += (uint64_t)got;
  have += (size_t)got;
  uint64_t now = now_ns();
  while (at < have) {
    taken = reader->streaming ? read_stream(reader, incoming + at, have - at, now)
                              : read_reply_of(reader, incoming + at, have - at, now);
    if (taken == 0) break;
    at += taken;
  }
  keep(&reader->carry, incoming + at, have - at);
}

static void on_event(uint64_t tag) {
  if (tag >= READERS_MAX) read_reply(&publishers[tag - READERS_MAX]);
  else read_bytes(&readers[tag]);
}

/* Short polls of all readers, spread over their interval. One that is not answered yet is left out. */
static void short_polls(uint64_t now) {
  static uint64_t began, sent;
  if (mode != SHORT || live < wanted) return;
  if (!began) began = now;
  uint64_t due = (uint64_t)((double)(now - began) * wanted / (double)short_ns);
  /* After a long turn the missed ones are not made up for at once. */
  if (due > sent + (uint64_t)wanted) sent = due - (uint64_t)wanted;
  for (; sent < due; sent++) {
    struct reader *reader = &readers[sent % (uint64_t)wanted];
    if (!reader->busy) ask(reader);
  }
}

static char *turn(int timeout_ms) {
  char *line = wait_for(timeout_ms, on_event);
  short_polls(now_ns());
  return line;
}

static int publish(uint64_t due) {
  struct publisher *publisher = free_publisher();
  if (publisher) post(publisher, due);
  return publisher != NULL;
}

static int publishing(void) { return any_busy(); }

int main(int argc, char **argv) {
  if (argc != 7) return fprintf(stderr, "http-readers PORT READERS TOKENS MODE PUBLISH TEMPLATE\n"), 2;
  load_begin(argv);
  int number = 0;
  if (sscanf(argv[4], "short:%d", &number) == 1) mode = SHORT, short_ns = (uint64_t)number * 1000000u;
  else if (sscanf(argv[4], "long:%d", &number) == 1) mode = LONG, long_seconds = number;
  else if (strcmp(argv[4], "sse") == 0) mode = SSE;
  else return fprintf(stderr, "http-readers: unknown mode: %s\n", argv[4]), 2;
  uint64_t began = now_ns();
  while (live < wanted) {
    open_readers();
    turn(100);
    if (now_ns() - began > OPENING_NS) fail("not all were live in time");
  }
  say("ready");
  for (;;) {
    char *line = turn(mode == SHORT ? 1 : 100);
    if (line && !common_command(line)) fprintf(stderr, "http-readers: unknown command: %s\n", line);
  }
}
