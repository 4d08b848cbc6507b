/*
 * The bench's server: SMTP with STARTTLS as far as a probe goes, in one process.
 *
 *     server CHAIN.pem KEY.pem [PORT]
 *
 * It listens on 127.0.0.1 (port 0: any), prints the port on a line of its own, and leaves on
 * SIGTERM or SIGINT. Every handshake is a full TLS 1.3 one: no tickets, no session cache.
 *
 * It is also the witness. It counts full handshakes, and whole dialogs (EHLO, STARTTLS,
 * handshake, EHLO again, QUIT), and tells whoever sends it XTALLY, so that no client can be
 * faster by leaving something out.
 */
#define _GNU_SOURCE
#include "tunnel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BATCH 256
#define LINE_LIMIT 1024

static const char GREETING[] = "220 bench ESMTP\r\n";
static const char OFFER[] = "250-bench greets you\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n"
                            "250-8BITMIME\r\n250-STARTTLS\r\n250 ENHANCEDSTATUSCODES\r\n";
static const char OFFER_INSIDE[] = "250-bench greets you\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n"
                                   "250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";
static const char GO_AHEAD[] = "220 2.0.0 go ahead\r\n";
static const char GOODBYE[] = "221 2.0.0 bye\r\n";
static const char EARLY[] = "503 5.5.1 nothing may follow STARTTLS before the handshake\r\n";
static const char NOT_NOW[] = "503 5.5.1 bad sequence of commands\r\n";
static const char UNKNOWN[] = "502 5.5.1 not in this bench\r\n";

enum phase { CLEAR, HANDSHAKE, INSIDE, LEAVING };

struct connection {
    int fd;
    enum phase phase;
    SSL *ssl;
    bool greeted; /* EHLO was heard in the present phase */
    size_t held;  /* bytes of line in use */
    char line[LINE_LIMIT];
};

static SSL_CTX *context;
static int epoll_fd;
static struct {
    unsigned long handshakes, dialogs;
} tally;

/* ---- one connection ---- */

static void forget(struct connection *c)
{
    close(c->fd);
    SSL_free(c->ssl);
    free(c);
}

/* Queue or send a reply: inside TLS it goes out with whatever else is due. */
static bool say(struct connection *c, const char *text)
{
    size_t written;
    if (c->ssl == NULL)
        return send_bytes(c->fd, text, strlen(text));
    return SSL_write_ex(c->ssl, text, strlen(text), &written) == 1;
}

static bool tell_tally(struct connection *c)
{
    char text[100];
    snprintf(text, sizeof text, "250 handshakes=%lu dialogs=%lu\r\n", tally.handshakes,
             tally.dialogs);
    return say(c, text);
}

static bool greet(struct connection *c)
{
    c->greeted = true;
    return say(c, c->phase == INSIDE ? OFFER_INSIDE : OFFER);
}

/* Go ahead, unless somebody hurried: bytes after STARTTLS may be another's. */
static bool start_tls(struct connection *c)
{
    if (c->phase == INSIDE || !c->greeted)
        return say(c, NOT_NOW);
    if (c->held > 0) {
        say(c, EARLY);
        return false;
    }
    if (!say(c, GO_AHEAD))
        return false;
    c->ssl = open_tunnel(context);
    SSL_set_accept_state(c->ssl);
    c->phase = HANDSHAKE;
    c->greeted = false; /* RFC 3207, 4.2: forget what was learnt in clear */
    return true;
}

/* Say goodbye, end our side, and leave the other side the time to end its own. */
static bool leave(struct connection *c)
{
    bool said = say(c, GOODBYE);
    if (c->phase == INSIDE) {
        if (c->greeted)
            tally.dialogs++;
        SSL_shutdown(c->ssl);
        said = said && flush_tunnel(c->fd, c->ssl);
    }
    shutdown(c->fd, SHUT_WR);
    c->phase = LEAVING;
    return said;
}

static bool begins(const char *line, size_t length, const char *verb)
{
    size_t size = strlen(verb);
    return length >= size && strncasecmp(line, verb, size) == 0 &&
           (length == size || line[size] == ' ');
}

static bool obey(struct connection *c, const char *line, size_t length)
{
    if (begins(line, length, "EHLO"))
        return greet(c);
    if (begins(line, length, "STARTTLS"))
        return start_tls(c);
    if (begins(line, length, "QUIT"))
        return leave(c);
    if (begins(line, length, "XTALLY"))
        return tell_tally(c);
    return say(c, UNKNOWN);
}

/* Take the first line out of the buffer, without its CR LF; -1 while it is not whole. */
static ssize_t take_line(struct connection *c, char *line)
{
    char *end = memchr(c->line, '\n', c->held);
    if (end == NULL)
        return -1;
    size_t size = (size_t)(end - c->line) + 1;
    size_t length = size >= 2 && end[-1] == '\r' ? size - 2 : size - 1;
    memcpy(line, c->line, length);
    c->held -= size;
    memmove(c->line, c->line + size, c->held);
    return (ssize_t)length;
}

static bool obey_lines(struct connection *c)
{
    char line[LINE_LIMIT];
    ssize_t length;
    while ((c->phase == CLEAR || c->phase == INSIDE) && (length = take_line(c, line)) >= 0)
        if (!obey(c, line, (size_t)length))
            return false;
    return c->held < sizeof c->line;
}

static bool read_clear(struct connection *c)
{
    size_t count;
    switch (receive_bytes(c->fd, c->line + c->held, sizeof c->line - c->held, &count)) {
    case READY:
        c->held += count;
        return obey_lines(c);
    case WAITING:
        return true;
    default:
        return false;
    }
}

static bool read_inside(struct connection *c)
{
    enum progress progress = READY;
    size_t count;
    while (c->phase == INSIDE && progress == READY) {
        progress = read_tunnel(c->ssl, c->line + c->held, sizeof c->line - c->held, &count);
        if (progress == READY) {
            c->held += count;
            if (!obey_lines(c))
                return false;
        }
    }
    return progress <= WAITING && flush_tunnel(c->fd, c->ssl);
}

static bool shake_hands(struct connection *c)
{
    int done = SSL_do_handshake(c->ssl);
    bool going = done == 1 || SSL_get_error(c->ssl, done) == SSL_ERROR_WANT_READ;
    going = flush_tunnel(c->fd, c->ssl) && going; /* an alert is worth sending too */
    if (done != 1)
        return going;
    tally.handshakes++;
    c->phase = INSIDE;
    return going && read_inside(c); /* the first command often comes with Finished */
}

/* The client has been told goodbye: drop what it still sends, until it closes. */
static bool drain(struct connection *c)
{
    char scratch[512];
    size_t count;
    return receive_bytes(c->fd, scratch, sizeof scratch, &count) <= WAITING;
}

/* Do what can be done now; false when the connection is over. */
static bool advance(struct connection *c)
{
    if (c->phase == CLEAR)
        return read_clear(c);
    if (c->phase == LEAVING)
        return drain(c);
    enum progress fed = feed_tunnel(c->fd, c->ssl);
    if (fed != READY)
        return fed == WAITING;
    return c->phase == HANDSHAKE ? shake_hands(c) : read_inside(c);
}

/* ---- the process ---- */

static void watch(int fd, void *owner)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void welcome(int fd)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        die("no memory for a connection");
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(fd, c);
    if (!say(c, GREETING))
        forget(c);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        welcome(fd);
}

static SSL_CTX *make_context(const char *chain, const char *key)
{
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    if (made == NULL || SSL_CTX_use_certificate_chain_file(made, chain) != 1)
        die("the certificate chain cannot be read");
    if (SSL_CTX_use_PrivateKey_file(made, key, SSL_FILETYPE_PEM) != 1)
        die("the key cannot be read");
    SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
    SSL_CTX_set_options(made, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(made, 0);
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    return made;
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 || listen(fd, 4096) != 0)
        die("cannot listen on 127.0.0.1");
    return fd;
}

static void print_port(int listener)
{
    struct sockaddr_in here;
    socklen_t size = sizeof here;
    if (getsockname(listener, (struct sockaddr *)&here, &size) != 0)
        die("getsockname");
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
}

/* SIGTERM and SIGINT as a descriptor; the death of whoever started us counts as SIGTERM. */
static int watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        die("signalfd");
    return fd;
}

static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void serve(int *listener, int *signals)
{
    struct epoll_event events[BATCH];
    for (;;) {
        int count = epoll_wait(epoll_fd, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            void *owner = events[i].data.ptr;
            if (owner == signals)
                return;
            if (owner == listener)
                accept_all(*listener);
            else if (!advance(owner))
                forget(owner);
            ERR_clear_error();
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: server CHAIN.pem KEY.pem [PORT]\n");
        return 2;
    }
    allow_many_files();
    context = make_context(argv[1], argv[2]);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int signals = watch_signals();
    int listener = listen_on(argc > 3 ? atoi(argv[3]) : 0);
    watch(signals, &signals);
    watch(listener, &listener);
    print_port(listener);
    serve(&listener, &signals);
    SSL_CTX_free(context);
    return 0;
}
