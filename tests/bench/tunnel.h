/*
 * What the bench's client and server share: TLS as bytes in, bytes out.
 *
 * Both keep the socket and the SSL object apart, with a memory BIO on each side of it. The other
 * way, SSL_set_fd, lets libssl read the socket itself; it then asks the kernel for data that is
 * not there yet after every flight it sends, and sends the client's Finished and its first
 * command apart. Here one recv() takes whatever arrived and one send() carries whatever is due.
 */
#ifndef TUNNEL_H
#define TUNNEL_H

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define SCRATCH_SIZE 32768 /* more than one TLS record and its overhead */

/* What can become of an attempt to receive, to parse, or to shake hands. */
enum progress { READY, WAITING, ENDED, FAILED };

/* Say what went wrong, OpenSSL's reason included if it has one, and leave. */
static inline void die(const char *what)
{
    int error = errno;
    unsigned long reason = ERR_peek_last_error();
    if (reason != 0)
        fprintf(stderr, "%s: %s\n", what, ERR_error_string(reason, NULL));
    else
        fprintf(stderr, "%s (errno %d)\n", what, error);
    exit(2);
}

/* A TLS object that talks to two memory BIOs, which it owns. */
static inline SSL *open_tunnel(SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);
    BIO *incoming = BIO_new(BIO_s_mem());
    BIO *outgoing = BIO_new(BIO_s_mem());
    if (ssl == NULL || incoming == NULL || outgoing == NULL)
        die("no memory for a TLS object");
    SSL_set_bio(ssl, incoming, outgoing);
    return ssl;
}

/* Receive once. The descriptor is watched level-triggered: what is left is announced again. */
static inline enum progress receive_bytes(int fd, char *into, size_t room, size_t *count)
{
    ssize_t received = recv(fd, into, room, 0);
    if (received > 0) {
        *count = (size_t)received;
        return READY;
    }
    if (received == 0)
        return ENDED;
    return errno == EAGAIN || errno == EINTR ? WAITING : FAILED;
}

/* Hand what arrived on the socket to the TLS object, still encrypted. */
static inline enum progress feed_tunnel(int fd, SSL *ssl)
{
    static char scratch[SCRATCH_SIZE];
    size_t count;
    enum progress progress = receive_bytes(fd, scratch, sizeof scratch, &count);
    if (progress != READY)
        return progress;
    return BIO_write(SSL_get_rbio(ssl), scratch, (int)count) == (int)count ? READY : FAILED;
}

/* Read decrypted bytes. */
static inline enum progress read_tunnel(SSL *ssl, char *into, size_t room, size_t *count)
{
    if (SSL_read_ex(ssl, into, room, count) == 1)
        return READY;
    switch (SSL_get_error(ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return WAITING;
    case SSL_ERROR_ZERO_RETURN:
        return ENDED;
    default:
        return FAILED;
    }
}

/*
 * Send it all or fail. Nothing in this dialog is longer than a few kilobytes and each side waits
 * for the other's answer, so a socket's send buffer is never full.
 */
static inline bool send_bytes(int fd, const char *bytes, size_t count)
{
    return send(fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

/* Send what the TLS object has ready, in one piece. */
static inline bool flush_tunnel(int fd, SSL *ssl)
{
    BIO *outgoing = SSL_get_wbio(ssl);
    char *bytes;
    long count = BIO_get_mem_data(outgoing, &bytes);
    if (count <= 0)
        return true;
    bool sent = send_bytes(fd, bytes, (size_t)count);
    (void)BIO_reset(outgoing);
    return sent;
}

#endif
