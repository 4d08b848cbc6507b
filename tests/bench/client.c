/*
 * The bench's yardstick: an SMTP STARTTLS client in C, as fast as OpenSSL lets it be.
 *
 *     client HOST PORT CA.pem NAME DIALOGS CONCURRENCY
 *
 * Each dialog: connect, read the greeting, EHLO, read the reply and find STARTTLS in it, STARTTLS,
 * read 220, a full TLS 1.3 handshake with chain and host name verified, EHLO, read the reply,
 * QUIT, close_notify, close. One SSL_CTX serves all, one SSL object serves one dialog.
 * It prints one line of JSON; times start when set-up is done.
 *
 * It uses memory BIOs, not SSL_set_fd: 5 reads and 5 writes a dialog instead of 18 and 7. That is
 * the faster way, if by little: over 40 rounds in turn SSL_set_fd cost 1.9 % more CPU, and 1.3 %
 * more with read-ahead on. What libcrypto does in between is nearly all there is.
 */
#define _GNU_SOURCE
#include "tunnel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
#define REPLY_LIMIT 4096
#define PATIENCE_MS 10000 /* nothing at all for so long: the rest has failed */

static const char HELO[] = "EHLO localhost\r\n";
static const char STARTTLS[] = "STARTTLS\r\n";
static const char QUIT[] = "QUIT\r\n";

enum phase { GREETING, OFFER, GO_AHEAD, HANDSHAKE, OFFER_INSIDE };

struct dialog {
    int fd;
    enum phase phase;
    SSL *ssl;
    size_t held; /* bytes of text in use */
    char text[REPLY_LIMIT];
};

struct reply {
    int code;
    bool offers_tls;
};

static struct sockaddr_in target;
static const char *target_name;
static SSL_CTX *context;
static int epoll_fd;
static struct {
    long wanted, started, done, failed;
} count;

/* ---- failures ---- */

/* Keep the first reason for the summary; a thousand more would say the same. */
static enum progress fail(const char *reason)
{
    static bool told;
    if (!told)
        fprintf(stderr, "client: first failure: %s\n", reason);
    told = true;
    return FAILED;
}

static enum progress fail_tls(SSL *ssl)
{
    long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK)
        return fail(X509_verify_cert_error_string(verdict));
    return fail(ERR_error_string(ERR_peek_last_error(), NULL));
}

/* ---- SMTP ---- */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The code of one reply line, or -1: three digits, then a hyphen, a space, or the end. */
static int line_code(const char *line, size_t length)
{
    if (length < 3 || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2]))
        return -1;
    if (length > 3 && line[3] != '-' && line[3] != ' ')
        return -1;
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

static bool has_keyword(const char *line, size_t length, const char *keyword)
{
    size_t size = strlen(keyword);
    return length >= 4 + size && strncasecmp(line + 4, keyword, size) == 0 &&
           (length == 4 + size || line[4 + size] == ' ');
}

/* Parse the held text as one reply: every line, one code, and nothing behind its last line. */
static enum progress parse_reply(const struct dialog *d, struct reply *reply)
{
    const char *line = d->text, *end = d->text + d->held, *feed;
    *reply = (struct reply){0};
    while ((feed = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        if (feed == line || feed[-1] != '\r')
            return fail("a reply line does not end with CR LF");
        size_t length = (size_t)(feed - line) - 1;
        int code = line_code(line, length);
        if (code < 0 || (line != d->text && code != reply->code))
            return fail("not an SMTP reply");
        if (line != d->text && has_keyword(line, length, "STARTTLS"))
            reply->offers_tls = true;
        reply->code = code;
        bool last = length == 3 || line[3] == ' ';
        line = feed + 1;
        if (last)
            return line == end ? READY : fail("bytes after the reply");
    }
    return d->held < sizeof d->text ? WAITING : fail("the reply is too long");
}

static enum progress receive_text(struct dialog *d)
{
    char *into = d->text + d->held;
    size_t room = sizeof d->text - d->held, got = 0;
    enum progress progress = d->ssl == NULL ? receive_bytes(d->fd, into, room, &got)
                                            : read_tunnel(d->ssl, into, room, &got);
    d->held += got;
    if (progress == ENDED)
        return fail("the server closed early");
    return progress == FAILED ? fail("cannot read") : progress;
}

/* ---- the dialog ---- */

static enum progress send_clear(struct dialog *d, const char *command, enum phase next)
{
    d->phase = next;
    d->held = 0;
    return send_bytes(d->fd, command, strlen(command)) ? WAITING : fail("cannot send");
}

/* Our Finished still waits in the tunnel and travels with it: the client speaks first inside. */
static enum progress ask_inside(struct dialog *d)
{
    size_t written;
    d->phase = OFFER_INSIDE;
    if (SSL_write_ex(d->ssl, HELO, strlen(HELO), &written) != 1)
        return fail_tls(d->ssl);
    return flush_tunnel(d->fd, d->ssl) ? WAITING : fail("cannot send");
}

static enum progress shake_hands(struct dialog *d)
{
    int done = SSL_do_handshake(d->ssl);
    if (done != 1 && SSL_get_error(d->ssl, done) == SSL_ERROR_WANT_READ)
        return flush_tunnel(d->fd, d->ssl) ? WAITING : fail("cannot send");
    if (done != 1 || SSL_get_verify_result(d->ssl) != X509_V_OK)
        return fail_tls(d->ssl);
    if (SSL_version(d->ssl) != TLS1_3_VERSION || SSL_session_reused(d->ssl))
        return fail("not a full TLS 1.3 handshake");
    return ask_inside(d);
}

/* Send ClientHello with the server's name, and ask for that name to be verified. */
static enum progress start_tls(struct dialog *d)
{
    d->phase = HANDSHAKE;
    d->held = 0;
    d->ssl = open_tunnel(context);
    SSL_set_connect_state(d->ssl);
    X509_VERIFY_PARAM *rules = SSL_get0_param(d->ssl);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_host(rules, target_name, 0) != 1 ||
        SSL_set_tlsext_host_name(d->ssl, target_name) != 1)
        return fail("the name cannot be set");
    return shake_hands(d);
}

/* QUIT and close_notify in one piece; 221 is not waited for, as our own client does not. */
static enum progress say_goodbye(struct dialog *d)
{
    size_t written;
    if (SSL_write_ex(d->ssl, QUIT, strlen(QUIT), &written) != 1)
        return fail_tls(d->ssl);
    SSL_shutdown(d->ssl);
    return flush_tunnel(d->fd, d->ssl) ? ENDED : fail("cannot send");
}

/* A whole reply came: check it and send what follows it. */
static enum progress answer(struct dialog *d, const struct reply *reply)
{
    switch (d->phase) {
    case GREETING:
        return reply->code == 220 ? send_clear(d, HELO, OFFER) : fail("no 220 greeting");
    case OFFER:
        if (reply->code != 250 || !reply->offers_tls)
            return fail("STARTTLS is not offered");
        return send_clear(d, STARTTLS, GO_AHEAD);
    case GO_AHEAD:
        return reply->code == 220 ? start_tls(d) : fail("STARTTLS is refused");
    case OFFER_INSIDE:
        if (reply->code != 250 || reply->offers_tls)
            return fail("EHLO inside TLS is answered wrongly");
        return say_goodbye(d);
    default:
        return fail("a reply during the handshake");
    }
}

/* Read until a whole reply is there or nothing more is: it may come in several records. */
static enum progress receive_reply(struct dialog *d, struct reply *reply)
{
    enum progress progress;
    do {
        progress = receive_text(d);
        if (progress == READY)
            progress = parse_reply(d, reply);
        else
            return progress;
    } while (progress == WAITING);
    return progress;
}

/* The descriptor is readable: go on as far as what arrived allows. */
static enum progress advance(struct dialog *d)
{
    if (d->ssl != NULL) {
        enum progress fed = feed_tunnel(d->fd, d->ssl);
        if (fed != READY)
            return fed == WAITING ? WAITING : fail("the server closed during TLS");
    }
    if (d->phase == HANDSHAKE)
        return shake_hands(d);
    struct reply reply;
    enum progress progress = receive_reply(d, &reply);
    return progress == READY ? answer(d, &reply) : progress;
}

/* ---- the process ---- */

static bool open_dialog(struct dialog *d)
{
    d->phase = GREETING;
    d->ssl = NULL;
    d->held = 0;
    d->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0)
        die("socket");
    setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(d->fd, (struct sockaddr *)&target, sizeof target) != 0 && errno != EINPROGRESS)
        return false;
    /* Readable is enough: the server speaks first, and a failed connect is readable as well. */
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = d};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, d->fd, &event) == 0;
}

static void close_dialog(struct dialog *d)
{
    close(d->fd);
    SSL_free(d->ssl);
    ERR_clear_error();
}

/* Put the next dialog into this slot, if one is left to do. */
static void begin(struct dialog *d)
{
    while (count.started < count.wanted) {
        count.started++;
        if (open_dialog(d))
            return;
        fail("cannot connect");
        count.failed++;
        close_dialog(d);
    }
}

static void pass_on(struct dialog *d)
{
    enum progress progress = advance(d);
    if (progress == WAITING)
        return;
    if (progress == ENDED)
        count.done++;
    else
        count.failed++;
    close_dialog(d);
    begin(d);
}

static void run(struct dialog *dialogs, long concurrency)
{
    struct epoll_event events[BATCH];
    for (long i = 0; i < concurrency; i++)
        begin(&dialogs[i]);
    while (count.done + count.failed < count.wanted) {
        int ready = epoll_wait(epoll_fd, events, BATCH, PATIENCE_MS);
        if (ready == 0) {
            fail("the server fell silent");
            count.failed = count.wanted - count.done;
        }
        for (int i = 0; i < ready; i++)
            pass_on(events[i].data.ptr);
    }
}

static SSL_CTX *make_context(const char *ca_file)
{
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    if (made == NULL || SSL_CTX_load_verify_file(made, ca_file) != 1)
        die("the CA file cannot be read");
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    return made;
}

static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static double wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Bytes. Not ru_maxrss, which begins with what the parent had when it started us. */
static long peak_rss(void)
{
    char line[128];
    long kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmHWM: %ld", &kilobytes) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return kilobytes * 1024;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: client HOST PORT CA.pem NAME DIALOGS CONCURRENCY\n");
        return 2;
    }
    target.sin_family = AF_INET;
    target.sin_port = htons((uint16_t)atoi(argv[2]));
    if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1)
        die("HOST is not an IPv4 address");
    target_name = argv[4];
    count.wanted = atol(argv[5]);
    long concurrency = atol(argv[6]);
    if (count.wanted < 1 || concurrency < 1)
        die("DIALOGS and CONCURRENCY are at least 1");
    allow_many_files();
    context = make_context(argv[3]);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct dialog *dialogs = calloc((size_t)concurrency, sizeof *dialogs);
    if (epoll_fd < 0 || dialogs == NULL)
        die("no memory for the dialogs");

    double wall = wall_seconds(), cpu = cpu_seconds();
    run(dialogs, concurrency);
    printf("{\"dialogs\": %ld, \"failures\": %ld, \"wall\": %.6f, \"cpu\": %.6f, "
           "\"peak_rss\": %ld, \"library\": \"%s\"}\n",
           count.done, count.failed, wall_seconds() - wall, cpu_seconds() - cpu, peak_rss(),
           OpenSSL_version(OPENSSL_VERSION));
    free(dialogs);
    SSL_CTX_free(context);
    return count.failed == 0 ? 0 : 1;
}
