/*
 * The load of the daemon's bench: asks for policies over socketmap as Postfix does.
 *
 *     policy_load HOST PORT MAP ANSWERS SECONDS CONNECTIONS < NAMES
 *
 * Each connection has one request under way and asks for the next name as soon as it is answered;
 * the names, one a line, are taken in turn. It ends after so many answers or so many seconds,
 * whichever comes first, and prints one line of JSON: what came of the requests, and how long the
 * answers took, each from its request's first byte to its own last one. The clock starts when every
 * connection has had an answer about a parent domain, for which nobody has to look anything up.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
#define PARENT ".example"
#define REPLY_LIMIT (100000 + 16) /* Postfix's own limit, and what a netstring adds */
#define NAME_LIMIT 1024
#define PATIENCE_MS 10000 /* no answer at all for so long: the rest is lost */
#define NANOSECONDS 1000000000L

struct request {
    char *bytes;
    size_t length;
};

struct connection {
    int fd;
    long asked_at; /* nanoseconds */
    size_t held;   /* bytes of the reply in use */
    char reply[REPLY_LIMIT];
};

static struct {
    struct request *items;
    size_t count, next;
} names;

static struct {
    long wanted, asked, found, notfound, lost, until;
    uint32_t *took; /* nanoseconds, of each answer */
} load;

static void die(const char *reason)
{
    fprintf(stderr, "policy_load: error: %s\n", reason);
    exit(2);
}

static long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static long answered(void)
{
    return load.found + load.notfound + load.lost;
}

/* ---- requests ---- */

static struct request netstring(const char *map, const char *name)
{
    struct request made;
    int payload = snprintf(NULL, 0, "%s %s", map, name);
    int length = asprintf(&made.bytes, "%d:%s %s,", payload, map, name);
    if (length < 0)
        die("no memory for the names");
    made.length = (size_t)length;
    return made;
}

static void read_names(const char *map)
{
    char line[NAME_LIMIT];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        names.items = realloc(names.items, (names.count + 1) * sizeof *names.items);
        if (names.items == NULL)
            die("no memory for the names");
        names.items[names.count++] = netstring(map, line);
    }
    if (names.count == 0)
        die("there are no names");
}

/* ---- replies ---- */

/* The length of the whole reply, 0 while it is not there, -1 if it is no netstring. */
static long whole(const struct connection *c)
{
    size_t place = 0, length = 0;
    while (place < c->held && c->reply[place] >= '0' && c->reply[place] <= '9' && place < 6)
        length = length * 10 + (size_t)(c->reply[place++] - '0');
    if (place == c->held)
        return place < 6 ? 0 : -1;
    size_t end = place + 1 + length;
    if (place == 0 || c->reply[place] != ':' || end >= REPLY_LIMIT)
        return -1;
    if (c->held <= end)
        return 0;
    return c->reply[end] == ',' && c->held == end + 1 ? (long)end + 1 : -1;
}

static void count(const struct connection *c)
{
    const char *payload = (const char *)memchr(c->reply, ':', c->held) + 1;
    if (strncmp(payload, "OK ", 3) == 0)
        load.found++;
    else if (strncmp(payload, "NOTFOUND ", 9) == 0)
        load.notfound++;
    else
        load.lost++;
}

/* ---- connections ---- */

/* A request fits into the socket, for nothing else is under way. */
static void say(struct connection *c, const struct request *request)
{
    c->held = 0;
    c->asked_at = now();
    if (send(c->fd, request->bytes, request->length, MSG_NOSIGNAL) != (ssize_t)request->length)
        die("a request cannot be sent");
}

/* Tell whether the reply is whole now. */
static bool receive(struct connection *c)
{
    ssize_t got = recv(c->fd, c->reply + c->held, sizeof c->reply - c->held, 0);
    if (got <= 0)
        die("the daemon has hung up");
    c->held += (size_t)got;
    long length = whole(c);
    if (length < 0)
        die("a reply is no netstring");
    return length > 0;
}

static void ask(struct connection *c)
{
    if (load.asked == load.wanted)
        return;
    say(c, &names.items[names.next]);
    names.next = (names.next + 1) % names.count;
    load.asked++;
}

static void hear(struct connection *c)
{
    if (!receive(c))
        return;
    long took = now() - c->asked_at;
    load.took[answered()] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
    count(c);
    ask(c);
}

static void open_connection(struct connection *c, const struct sockaddr_in *target, int epoll_fd)
{
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)target, sizeof *target) != 0)
        die("cannot connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
        die("epoll");
}

static void greet(struct connection *c, const struct request *request)
{
    say(c, request);
    while (!receive(c))
        ;
}

static void run(struct connection *connections, long concurrency, int epoll_fd)
{
    struct epoll_event events[BATCH];
    for (long i = 0; i < concurrency; i++)
        ask(&connections[i]);
    while (answered() < load.wanted && now() < load.until) {
        int ready = epoll_wait(epoll_fd, events, BATCH, PATIENCE_MS);
        if (ready == 0)
            die("the daemon has fallen silent");
        for (int i = 0; i < ready; i++)
            hear(events[i].data.ptr);
    }
}

/* ---- the process ---- */

static int by_size(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* In microseconds: what so many of a hundred answers took at most. */
static double percentile(long hundredth)
{
    long place = (answered() - 1) * hundredth / 100;
    return answered() > 0 ? load.took[place] / 1e3 : 0.0;
}

static void report(double wall)
{
    qsort(load.took, (size_t)answered(), sizeof *load.took, by_size);
    printf("{\"found\": %ld, \"notfound\": %ld, \"lost\": %ld, \"wall\": %.6f, "
           "\"p50\": %.1f, \"p99\": %.1f}\n",
           load.found, load.notfound, load.lost, wall, percentile(50), percentile(99));
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: policy_load HOST PORT MAP ANSWERS SECONDS CONNECTIONS < NAMES\n");
        return 2;
    }
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1)
        die("HOST is not an IPv4 address");
    load.wanted = atol(argv[4]);
    double seconds = atof(argv[5]);
    long concurrency = atol(argv[6]);
    if (load.wanted < 1 || seconds <= 0 || concurrency < 1)
        die("ANSWERS, SECONDS and CONNECTIONS are more than nothing");
    read_names(argv[3]);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = calloc((size_t)concurrency, sizeof *connections);
    load.took = calloc((size_t)load.wanted, sizeof *load.took);
    if (epoll_fd < 0 || connections == NULL || load.took == NULL)
        die("no memory for the connections");
    struct request parent = netstring(argv[3], PARENT);
    for (long i = 0; i < concurrency; i++) {
        open_connection(&connections[i], &target, epoll_fd);
        greet(&connections[i], &parent);
    }

    long began = now();
    load.until = began + (long)(seconds * NANOSECONDS);
    run(connections, concurrency, epoll_fd);
    report((double)(now() - began) / NANOSECONDS);
    return 0;
}
