/*
 * Many HTTP clients that send on one thread, so that the load costs less than what is loaded.
 *
 *   http-load PORT CONNECTIONS REQUESTS LABEL TOKENS PATH [TEMPLATE | EACH ROOM SENDERS]
 *   http-load PORT CONNECTIONS REQUESTS LABEL TOKENS @FILE
 *
 * TOKENS is a file of tokens, one a line; connection i signs in with token i modulo their number. Each connection stays
 * open and has one request in flight: a POST of a text message to PATH (or "PUT PATH", without a body; where it ends with "/A,B" each
 * connection asks for A and B in turn), whose clientId is LABEL and a number. With EACH it is a list of
 * so many messages to the managed room ROOM, from the people s0, s1 … of whom there are SENDERS, in turn. With TEMPLATE it is that text, with the
 * request's number in the place of each #. With @FILE the requests are those of the file, in turn: a method, a path and perhaps a body on each line, separated by a
 * space, with LABEL and the request's number in the place of each #. After REQUESTS
 * answers it prints "done SECONDS P50 P99 MAX", the latter three in milliseconds from a request's write until its answer is
 * there as a whole. It ends with code 1 when an answer, or one of a list, is not 200 or 201, or nothing comes for ten seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TOKENS_MAX 1024
#define SILENCE_MS 10000
#define ANSWER_MAX 131072
#define BODY_MAX 65536
#define LINES_MAX 1024

struct connection {
  int fd;
  const char *token;
  double sent_at;
  int have;
  int asked;
  char in[ANSWER_MAX];
};

static char tokens[TOKENS_MAX][64];
static double *latencies;
static const char *label, *path, *room, *template;
static int sent, answered, total, each, senders, line_count;
static char *lines[LINES_MAX];

static void fail(const char *what, const char *detail) {
  fprintf(stderr, "http-load: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
  exit(1);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* One message, or a list of them. */
static int body_of(char *body, int number) {
  if (template) {
    int length = 0;
    for (const char *c = template; *c && length < BODY_MAX - 16; c++)
      length += *c == '#' ? snprintf(body + length, 16, "%d", number) : (body[length] = *c, 1);
    body[length] = 0;
    return length;
  }
  if (each == 0)
    return snprintf(body, BODY_MAX,
                    "{\"clientId\":\"%s-%d\",\"type\":1,\"body\":{\"content\":\"The quick brown fox, number %d\"}}",
                    label, number, number);
  int length = snprintf(body, BODY_MAX, "{\"items\":[");
  for (int i = 0; i < each; i++)
    length += snprintf(body + length, BODY_MAX - length,
                       "%s{\"room\":\"%s\",\"from\":\"s%d\",\"clientId\":\"%s-%d-%d\",\"type\":1,"
                       "\"body\":{\"content\":\"The quick brown fox, number %d\"}}",
                       i == 0 ? "" : ",", room, i % senders, label, number, i, number);
  return length + snprintf(body + length, BODY_MAX - length, "]}");
}

/* A request without a body, for the connection's next word of the two. */
static int put_of(char *out, int size, struct connection *c) {
  const char *first = strrchr(path, '/') + 1, *comma = strchr(first, ',');
  const char *end = comma ? comma : first + strlen(first);
  int is_second = comma && c->asked++ % 2;
  const char *word = is_second ? comma + 1 : first;
  int length = is_second ? (int)strlen(word) : (int)(end - first);
  return snprintf(out, size, "%.*s%.*s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n\r\n", (int)(first - path), path,
                  length, word, c->token);
}

/* The next request of the file. */
static int line_of(char *out, int size, const char *token, int number) {
  static char line[BODY_MAX];
  int length = 0;
  for (const char *at = lines[number % line_count]; *at && length < BODY_MAX - 80; at++)
    length += *at == '#' ? snprintf(line + length, 80, "%s-%d", label, number) : (line[length] = *at, 1);
  line[length] = 0;
  char *address = strchr(line, ' ') + 1, *body = strchr(address, ' ');
  if (body) *body++ = 0;
  int head = (int)(address - line);
  return snprintf(out, size,
                  "%.*s%s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                  head, line, address, token, body ? strlen(body) : 0, body ? body : "");
}

static void read_lines(const char *from) {
  FILE *file = fopen(from, "r");
  static char line[BODY_MAX];
  while (file && line_count < LINES_MAX && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    if (!strchr(line, ' ')) fail("a line without a path", line);
    lines[line_count++] = strdup(line);
  }
  if (line_count == 0) fail("no requests", from);
  fclose(file);
}

static void send_next(struct connection *c) {
  static char body[BODY_MAX], out[BODY_MAX + 1024];
  int number = sent++;
  int size;
  if (line_count > 0)
    size = line_of(out, sizeof out, c->token, number);
  else if (strncmp(path, "PUT ", 4) == 0)
    size = put_of(out, sizeof out, c);
  else {
    int length = body_of(body, number);
    size = snprintf(out, sizeof out,
                    "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                    path, c->token, length, body);
  }
  c->sent_at = now_ms();
  c->have = 0;
  if (send(c->fd, out, size, MSG_NOSIGNAL) != size) fail("a request could not be sent", NULL);
}

/* Whether the answer is there as a whole. */
static int answer_complete(struct connection *c) {
  c->in[c->have] = 0;
  char *end = strstr(c->in, "\r\n\r\n");
  if (!end) return 0;
  if (strncmp(c->in, "HTTP/1.1 20", 11) != 0 || (c->in[11] != '0' && c->in[11] != '1')) fail("refused", c->in);
  char *field = strcasestr(c->in, "\r\nContent-Length:");
  if (!field || field > end) fail("an answer without a length", c->in);
  int complete = c->have >= end + 4 - c->in + atoi(field + 17);
  if (complete && each > 0 && strstr(end, "{\"status\":4")) fail("one of a list was refused", strstr(end, "{\"status\":4"));
  return complete;
}

static void on_readable(struct connection *c) {
  int got = recv(c->fd, c->in + c->have, sizeof c->in - 1 - c->have, 0);
  if (got <= 0) fail("a connection ended", NULL);
  c->have += got;
  if (!answer_complete(c)) return;
  latencies[answered++] = now_ms() - c->sent_at;
  if (sent < total) send_next(c);
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void connect_to(struct connection *c, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("no connection", NULL);
  int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int main(int argc, char **argv) {
  if (argc != 7 && argc != 8 && argc != 10)
    fail("usage: http-load PORT CONNECTIONS REQUESTS LABEL TOKENS PATH|@FILE [TEMPLATE | EACH ROOM SENDERS]", NULL);
  int port = atoi(argv[1]), connections = atoi(argv[2]), count = 0;
  total = atoi(argv[3]);
  label = argv[4];
  path = argv[6];
  if (argc == 8) template = argv[7];
  if (argc == 10) each = atoi(argv[7]), room = argv[8], senders = atoi(argv[9]);
  if (each < 0 || each > 200 || (each > 0 && senders < 1)) fail("no such lists", NULL);
  if (path[0] == '@') read_lines(path + 1);
  FILE *file = fopen(argv[5], "r");
  while (file && count < TOKENS_MAX && fscanf(file, "%63s", tokens[count]) == 1) count++;
  if (count == 0 || total < 1 || connections < 1 || strlen(label) > 48 || strlen(path) > 256) fail("nothing to send", NULL);

  latencies = calloc(total, sizeof *latencies);
  struct connection *all = calloc(connections, sizeof *all);
  int poll = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    struct connection *c = &all[i];
    c->token = tokens[i % count];
    connect_to(c, port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
  }

  double started_at = now_ms();
  for (int i = 0; i < connections && sent < total; i++) send_next(&all[i]);
  while (answered < total) {
    struct epoll_event events[256];
    int ready = epoll_wait(poll, events, 256, SILENCE_MS);
    if (ready <= 0) fail("no answer for ten seconds", NULL);
    for (int i = 0; i < ready; i++) on_readable(events[i].data.ptr);
  }
  double seconds = (now_ms() - started_at) / 1e3;

  qsort(latencies, total, sizeof *latencies, by_size);
  printf("done %.6f %.3f %.3f %.3f\n", seconds, latencies[total / 2], latencies[total * 99 / 100], latencies[total - 1]);
  return 0;
}
