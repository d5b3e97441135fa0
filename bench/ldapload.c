/*
 * ldapload — a small LDAPv3 load generator: one thread, epoll, prebuilt BER.
 * It costs the machine far less than the server under test, so that on a
 * small machine the figure belongs to the server.
 *
 *   cc -O2 -o ldapload ldapload.c
 *   ldapload -p 3890 -D cn=app,... -w secret -b dc=example,dc=com \
 *            -m search -f '(uid=user%d)' -u 100000 -c 8 -t 5
 *
 * Modes (-m), each a closed loop on every connection:
 *   search   one search per operation; %d in the filter is a random user
 *   page     full read with the paged-results control (-z page size); an
 *            operation is one whole pass, 'entries/s' is the figure to read
 *   bind     simple bind as user %d on a held connection
 *   login    bind as the app, search the user, bind as the user (3 messages)
 *   connect  TCP connect, bind as user %d, unbind, close
 *   compare  compare -a attribute of user %d with -v value (%d allowed)
 *   modify   replace -a attribute (default description) of user %d
 *   add      add user %d counting up from -s; cn, sn, uid, objectClass
 *   whoami   RFC 4532: the cheapest operation, shows the wire's own cost
 *
 * User DNs come from -n, default 'uid=user%d,ou=people,<base>'.
 * The clock starts when every connection has bound as the app, so that slow
 * password hashes of the server are not counted as its slow searches.
 * Prints one line of key=value figures; -j prints JSON. Exit 1 where any
 * operation ended with an unexpected result code, 2 on a usage error.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct { uint8_t *p; size_t len, cap; } Buf;

static void need(Buf *b, size_t n) {
  if (b->len + n <= b->cap) return;
  while (b->len + n > b->cap) b->cap = b->cap ? b->cap * 2 : 1024;
  b->p = realloc(b->p, b->cap);
  if (!b->p) { perror("realloc"); exit(2); }
}
static void put(Buf *b, const void *d, size_t n) { need(b, n); memcpy(b->p + b->len, d, n); b->len += n; }
static void put1(Buf *b, uint8_t c) { put(b, &c, 1); }

/* A constructed element is opened with a 4-byte long-form length that close() fills in. */
static size_t open_tlv(Buf *b, uint8_t tag) { put1(b, tag); put(b, "\x83\0\0\0", 4); return b->len; }
static void close_tlv(Buf *b, size_t at) {
  size_t n = b->len - at;
  b->p[at - 3] = n >> 16; b->p[at - 2] = n >> 8; b->p[at - 1] = n;
}
static void octets(Buf *b, uint8_t tag, const void *d, size_t n) {
  size_t at = open_tlv(b, tag); put(b, d, n); close_tlv(b, at);
}
static void str(Buf *b, uint8_t tag, const char *s) { octets(b, tag, s, strlen(s)); }
static void integer(Buf *b, uint8_t tag, uint32_t v) {
  uint8_t d[5] = { 0, v >> 24, v >> 16, v >> 8, v };
  int i = 1; while (i < 4 && d[i] == 0) i++;
  if (d[i] & 0x80) i--;
  octets(b, tag, d + i, 5 - i);
}

static const char *host = "127.0.0.1", *app_dn = "", *app_pw = "", *base = "dc=example,dc=com",
  *mode = "search", *filter = "(uid=user%d)", *user_dn = NULL, *user_pw = "password%d",
  *cmp_attr = "description", *cmp_value = "load %d", *attrs = "";
static int port = 389, conns = 8, users = 1000, seconds = 5, page_size = 1000, pipeline = 1, json = 0, expect = 0, scope = 2;
static long start_at = 0;
static uint64_t rng = 88172645463325252ull;
static uint32_t rnd(void) { rng ^= rng << 13; rng ^= rng >> 7; rng ^= rng << 17; return rng >> 11; }

static char *subst(char *out, size_t n, const char *pattern, long k) {
  size_t o = 0;
  for (const char *s = pattern; *s && o + 24 < n; s++)
    if (s[0] == '%' && s[1] == 'd') { o += snprintf(out + o, n - o, "%ld", k); s++; } else out[o++] = *s;
  out[o] = 0;
  return out;
}

/* A filter is (attr=value), (attr=*) or (&…)/(|…)/(!…) of those: enough for what connectors send. */
static const char *put_filter(Buf *b, const char *s) {
  if (*s != '(') { fprintf(stderr, "bad filter at '%s'\n", s); exit(2); }
  s++;
  if (*s == '&' || *s == '|' || *s == '!') {
    size_t at = open_tlv(b, *s == '&' ? 0xa0 : *s == '|' ? 0xa1 : 0xa2);
    s++; while (*s == '(') s = put_filter(b, s);
    close_tlv(b, at);
    return s + 1;
  }
  const char *eq = strchr(s, '='), *end = strchr(s, ')');
  if (!eq || !end || eq > end) { fprintf(stderr, "bad filter at '%s'\n", s); exit(2); }
  const char *v = eq + 1;
  if (end - v == 1 && *v == '*') { octets(b, 0x87, s, eq - s); return end + 1; }
  int ge = eq[-1] == '>', le = eq[-1] == '<';
  if (memchr(v, '*', end - v)) {
    size_t at = open_tlv(b, 0xa4); octets(b, 4, s, eq - s);
    size_t seq = open_tlv(b, 0x30);
    const char *part = v;
    while (part <= end) {
      const char *star = memchr(part, '*', end - part);
      const char *stop = star ? star : end;
      if (stop > part) octets(b, part == v ? 0x80 : star ? 0x81 : 0x82, part, stop - part);
      if (!star) break;
      part = star + 1;
    }
    close_tlv(b, seq); close_tlv(b, at);
    return end + 1;
  }
  size_t at = open_tlv(b, ge ? 0xa5 : le ? 0xa6 : 0xa3);
  octets(b, 4, s, eq - s - (ge || le)); octets(b, 4, v, end - v);
  close_tlv(b, at);
  return end + 1;
}

static void bind_pdu(Buf *b, uint32_t id, const char *dn, const char *pw) {
  size_t m = open_tlv(b, 0x30); integer(b, 2, id);
  size_t o = open_tlv(b, 0x60); integer(b, 2, 3); str(b, 4, dn); str(b, 0x80, pw);
  close_tlv(b, o); close_tlv(b, m);
}
static void search_pdu(Buf *b, uint32_t id, const char *f, const uint8_t *cookie, size_t cookie_len, int paged) {
  size_t m = open_tlv(b, 0x30); integer(b, 2, id);
  size_t o = open_tlv(b, 0x63);
  str(b, 4, base); integer(b, 10, scope); integer(b, 10, 0); integer(b, 2, 0); integer(b, 2, 0);
  put(b, "\x01\x01\x00", 3);
  put_filter(b, f);
  size_t a = open_tlv(b, 0x30);
  for (const char *s = attrs; *s;) { size_t n = strcspn(s, ","); octets(b, 4, s, n); s += n + (s[n] == ','); }
  close_tlv(b, a); close_tlv(b, o);
  if (paged) {
    size_t cs = open_tlv(b, 0xa0), c = open_tlv(b, 0x30);
    str(b, 4, "1.2.840.113556.1.4.319");
    size_t v = open_tlv(b, 4), s = open_tlv(b, 0x30);
    integer(b, 2, page_size); octets(b, 4, cookie, cookie_len);
    close_tlv(b, s); close_tlv(b, v); close_tlv(b, c); close_tlv(b, cs);
  }
  close_tlv(b, m);
}
static void attribute(Buf *b, const char *name, const char *value) {
  size_t s = open_tlv(b, 0x30); str(b, 4, name);
  size_t v = open_tlv(b, 0x31);
  for (const char *p = value; *p;) { size_t n = strcspn(p, "|"); octets(b, 4, p, n); p += n + (p[n] == '|'); }
  close_tlv(b, v); close_tlv(b, s);
}

typedef struct {
  int fd, stage, inflight, closing; uint32_t id;
  Buf in; size_t in_at;
  Buf out; size_t out_at;
  uint8_t cookie[4096]; size_t cookie_len;
  long user; double began[64]; uint32_t sent, recv;
} Conn;

static Conn *cs; static int ep; static long next_user;
static int unbound; static double t0, t1;
static uint64_t ops, entries, bytes_in, results[128]; static double *lat; static size_t lat_n, lat_cap;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
static void finished(Conn *c) {
  double d = now() - c->began[c->recv++ % 64];
  if (lat_n == lat_cap) { lat_cap = lat_cap ? lat_cap * 2 : 1 << 16; lat = realloc(lat, lat_cap * sizeof *lat); if (!lat) exit(2); }
  lat[lat_n++] = d; ops++; c->inflight--;
}
static void watch(Conn *c, int op) {
  struct epoll_event e = { .events = EPOLLIN | (c->out_at < c->out.len ? EPOLLOUT : 0), .data.ptr = c };
  epoll_ctl(ep, op, c->fd, &e);
}
static void flush(Conn *c) {
  while (c->out_at < c->out.len) {
    ssize_t n = send(c->fd, c->out.p + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
    if (n < 0) { if (errno == EAGAIN || errno == ENOTCONN) break; fprintf(stderr, "send: %s\n", strerror(errno)); exit(1); }
    c->out_at += n;
  }
  if (c->out_at == c->out.len) c->out_at = c->out.len = 0;
  watch(c, EPOLL_CTL_MOD);
}
static int is(const char *m) { return strcmp(mode, m) == 0; }

/* Queue one operation of the mode; stage tells multi-message modes where they are. */
static void issue(Conn *c) {
  char a[512], d[512], w[256];
  const char *dnp = user_dn;
  if (c->stage == 0) { c->began[c->sent++ % 64] = now(); c->inflight++; c->user = is("add") ? next_user++ : (long)(rnd() % users); }
  subst(d, sizeof d, dnp, c->user); subst(w, sizeof w, user_pw, c->user);
  if (is("search")) search_pdu(&c->out, ++c->id, subst(a, sizeof a, filter, c->user), NULL, 0, 0);
  else if (is("page")) search_pdu(&c->out, ++c->id, subst(a, sizeof a, filter, c->user), c->cookie, c->cookie_len, 1);
  else if (is("bind") || is("connect")) bind_pdu(&c->out, ++c->id, d, w);
  else if (is("login")) {
    if (c->stage == 0) bind_pdu(&c->out, ++c->id, app_dn, app_pw);
    else if (c->stage == 1) search_pdu(&c->out, ++c->id, subst(a, sizeof a, filter, c->user), NULL, 0, 0);
    else bind_pdu(&c->out, ++c->id, d, w);
  } else {
    Buf *b = &c->out; size_t m = open_tlv(b, 0x30), o; integer(b, 2, ++c->id);
    if (is("compare")) {
      o = open_tlv(b, 0x6e); str(b, 4, d);
      size_t s = open_tlv(b, 0x30); str(b, 4, cmp_attr); str(b, 4, subst(a, sizeof a, cmp_value, c->user)); close_tlv(b, s);
    } else if (is("modify")) {
      o = open_tlv(b, 0x66); str(b, 4, d);
      size_t l = open_tlv(b, 0x30), s = open_tlv(b, 0x30); integer(b, 10, 2);
      snprintf(a, sizeof a, "load %u", rnd() % 1000000); attribute(b, cmp_attr, a);
      close_tlv(b, s); close_tlv(b, l);
    } else if (is("add")) {
      o = open_tlv(b, 0x68); str(b, 4, d);
      size_t l = open_tlv(b, 0x30);
      attribute(b, "objectClass", "inetOrgPerson");
      snprintf(a, sizeof a, "user%ld", c->user); attribute(b, "uid", a); attribute(b, "cn", a); attribute(b, "sn", a);
      close_tlv(b, l);
    } else if (is("whoami")) { o = open_tlv(b, 0x77); str(b, 0x80, "1.3.6.1.4.1.4203.1.11.3"); }
    else { fprintf(stderr, "unknown mode %s\n", mode); exit(2); }
    close_tlv(b, o); close_tlv(b, m);
  }
}

static size_t tlv(const uint8_t *p, size_t n, size_t *head) { /* total size of the element at p, 0 if incomplete */
  if (n < 2) return 0;
  size_t len = p[1]; *head = 2;
  if (len & 0x80) {
    size_t k = len & 0x7f; if (k > 4 || k == 0) { fprintf(stderr, "bad BER length from server\n"); exit(1); }
    if (n < 2 + k) return 0;
    len = 0; for (size_t i = 0; i < k; i++) len = len << 8 | p[2 + i];
    *head = 2 + k;
  }
  return *head + len <= n ? *head + len : 0;
}
static void dial(Conn *c) {
  struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
  if (inet_pton(AF_INET, host, &sa.sin_addr) != 1) { fprintf(stderr, "give -H as an IPv4 address\n"); exit(2); }
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (is("connect")) { struct linger l = { 1, 0 }; setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l); }
  if (connect(c->fd, (struct sockaddr *)&sa, sizeof sa) < 0) { fprintf(stderr, "connect: %s\n", strerror(errno)); exit(1); }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  c->in.len = c->in_at = c->out.len = c->out_at = 0;
  watch(c, EPOLL_CTL_ADD);
}

static int in_flight(void) { return is("login") || is("page") || is("bind") || is("connect") ? 1 : pipeline; }
static void begin(void) {
  t0 = now(); t1 = t0 + seconds;
  for (int i = 0; i < conns; i++) { while (cs[i].inflight < in_flight()) issue(&cs[i]); flush(&cs[i]); }
}

/* One response message: returns nothing, drives the connection's next step. */
static void message(Conn *c, const uint8_t *p, size_t n, int running) {
  size_t h, t = tlv(p, n, &h); p += h; n = t - h;
  t = tlv(p, n, &h); p += t; n -= t;                       /* messageID */
  t = tlv(p, n, &h); uint8_t op = p[0]; const uint8_t *body = p + h; size_t rest = n - t;
  if (op == 0x64) { entries++; return; }
  if (op == 0x73) return;
  size_t rh; tlv(body, t - h, &rh); int code = body[rh];   /* resultCode */
  if (op == 0x78 && c->id == 0) { fprintf(stderr, "notice of disconnection, code %d\n", code); exit(1); }
  results[code & 127]++;
  if (c->stage == -1) {
    c->stage = 0; c->inflight = 0; c->sent = c->recv = 0;
    if (code) { fprintf(stderr, "app bind failed: %d\n", code); exit(1); }
    if (--unbound == 0) begin();
    return;
  }
  if (is("login") && c->stage < 2) { c->stage++; issue(c); return; }
  else if (is("page")) {
    c->cookie_len = 0;
    const uint8_t *ctl = p + t; size_t ch;
    if (rest && ctl[0] == 0xa0 && tlv(ctl, rest, &ch)) {
      const uint8_t *q = ctl + ch; size_t qh, total = tlv(q, rest - ch, &qh);
      const uint8_t *end = q + total; q += qh;
      while (q < end) { size_t eh, et = tlv(q, end - q, &eh); if (q + et == end) { /* last element: controlValue */
          const uint8_t *v = q + eh; size_t vh; tlv(v, et - eh, &vh); v += vh;      /* SEQUENCE */
          size_t ih, it = tlv(v, end - v, &ih); v += it;                            /* size */
          size_t kh, kt = tlv(v, end - v, &kh); c->cookie_len = kt - kh;
          if (c->cookie_len > sizeof c->cookie) { fprintf(stderr, "cookie too long\n"); exit(1); }
          memcpy(c->cookie, v + kh, c->cookie_len); }
        q += et; }
    }
    if (c->cookie_len && running) { c->stage = 1; issue(c); return; }
    c->stage = 0; finished(c);
  } else if (is("connect")) {
    finished(c); epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
    send(c->fd, "\x30\x05\x02\x01\x02\x42\x00", 7, MSG_NOSIGNAL); close(c->fd); c->fd = -1;
    if (running) { dial(c); c->closing = 1; issue(c); }
    return;
  } else { c->stage = 0; finished(c); }
  if (running) while (c->inflight < in_flight()) issue(c);
}

static int by_value(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }
static double pct(double q) { return lat_n ? lat[(size_t)(q * (lat_n - 1))] * 1e3 : 0; }

int main(int argc, char **argv) {
  int o;
  while ((o = getopt(argc, argv, "H:p:D:w:b:m:f:u:c:t:z:n:W:a:v:s:P:A:e:S:j")) != -1) switch (o) {
    case 'H': host = optarg; break;      case 'p': port = atoi(optarg); break;
    case 'D': app_dn = optarg; break;    case 'w': app_pw = optarg; break;
    case 'b': base = optarg; break;      case 'm': mode = optarg; break;
    case 'f': filter = optarg; break;    case 'u': users = atoi(optarg); break;
    case 'c': conns = atoi(optarg); break; case 't': seconds = atoi(optarg); break;
    case 'z': page_size = atoi(optarg); break; case 'n': user_dn = optarg; break;
    case 'W': user_pw = optarg; break;   case 'a': cmp_attr = optarg; break;
    case 'v': cmp_value = optarg; break; case 's': start_at = atol(optarg); break;
    case 'P': pipeline = atoi(optarg); break; case 'A': attrs = optarg; break;
    case 'e': expect = atoi(optarg); break; case 'S': scope = atoi(optarg); break;
    case 'j': json = 1; break;
    default: fprintf(stderr, "see the head of ldapload.c\n"); return 2;
  }
  if (pipeline > 64) pipeline = 64;
  static char dn_default[512];
  if (!user_dn) { snprintf(dn_default, sizeof dn_default, "uid=user%%d,ou=people,%s", base); user_dn = dn_default; }
  next_user = start_at; rng ^= (uint64_t)getpid() << 20;
  cs = calloc(conns, sizeof *cs); ep = epoll_create1(0);
  int binds_first = !is("bind") && !is("login") && !is("connect") && *app_dn;
  unbound = conns;
  for (int i = 0; i < conns; i++) {
    dial(&cs[i]);
    if (!binds_first) continue;
    cs[i].stage = -1; bind_pdu(&cs[i].out, ++cs[i].id, app_dn, app_pw);
    flush(&cs[i]);
  }
  /* Until all have bound, the end is far: whoever does not answer at all is given a minute. */
  t0 = now(); t1 = t0 + 60;
  if (!binds_first) begin();
  struct epoll_event ev[256];
  while (now() < t1) {
    int k = epoll_wait(ep, ev, 256, 100);
    for (int i = 0; i < k; i++) {
      Conn *c = ev[i].data.ptr;
      if (c->fd < 0) continue;
      if (ev[i].events & EPOLLIN) for (;;) {
        need(&c->in, 65536);
        ssize_t n = recv(c->fd, c->in.p + c->in.len, 65536, 0);
        if (n == 0) { fprintf(stderr, "server closed the connection\n"); return 1; }
        if (n < 0) { if (errno == EAGAIN) break; fprintf(stderr, "recv: %s\n", strerror(errno)); return 1; }
        c->in.len += n; bytes_in += n;
        size_t h, t;
        c->closing = 0;
        while (!c->closing && (t = tlv(c->in.p + c->in_at, c->in.len - c->in_at, &h))) { size_t at = c->in_at; c->in_at += t; message(c, c->in.p + at, t, 1); }
        if (c->closing) break;
        if (c->in_at == c->in.len) c->in_at = c->in.len = 0;
        else if (c->in_at > 1 << 20) { memmove(c->in.p, c->in.p + c->in_at, c->in.len - c->in_at); c->in.len -= c->in_at; c->in_at = 0; }
        if (n < 65536) break;
      }
      flush(c);
    }
  }
  if (binds_first && unbound > 0) { fprintf(stderr, "%d connections had no answer to their bind\n", unbound); return 1; }
  double took = now() - t0;
  qsort(lat, lat_n, sizeof *lat, by_value);
  uint64_t bad = 0; for (int i = 0; i < 128; i++) if (i != 0 && i != expect && !(is("compare") && (i == 5 || i == 6))) bad += results[i];
  printf(json ? "{\"mode\":\"%s\",\"conns\":%d,\"seconds\":%.2f,\"ops\":%lu,\"ops_per_s\":%.0f,\"entries_per_s\":%.0f,\"mb_per_s\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"failed\":%lu}\n"
              : "mode=%s conns=%d seconds=%.2f ops=%lu ops_per_s=%.0f entries_per_s=%.0f mb_per_s=%.2f p50_ms=%.3f p99_ms=%.3f max_ms=%.3f failed=%lu\n",
    mode, conns, took, ops, ops / took, entries / took, bytes_in / took / 1e6, pct(.5), pct(.99), pct(1), bad);
  for (int i = 0; bad && i < 128; i++) if (i != 0 && results[i]) fprintf(stderr, "result code %d: %lu\n", i, results[i]);
  return bad ? 1 : 0;
}
