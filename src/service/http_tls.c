/*
 * TLS in front of evhttp.
 *
 * A connection's handshake is part of what patience waits for, so whoever dials and says nothing
 * is sent away like on a bare port.  No resumption: a caller brings one request and goes.
 */
#include "service/http_parts.h"

#include "base/conf.h"
#include "base/err.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

/* Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

static int
tls_fault(struct err *e, const char *file)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return err_set(e, ERR_INPUT, "%s: %s", file, why != NULL ? why : "not understood");
}

static int
take_key(SSL_CTX *tls, const char *file, struct err *e)
{
	char text[16384];
	EVP_PKEY *key;
	BIO *in;
	int rc = 0;

	if (conf_secret_file(file, text, sizeof text, e) < 0)
		return -1;
	in = BIO_new_mem_buf(text, -1);
	/* without a password: nobody is there to be asked for one */
	key = PEM_read_bio_PrivateKey(in, NULL, NULL, (char[]){""});
	if (key == NULL || SSL_CTX_use_PrivateKey(tls, key) != 1 ||
	    SSL_CTX_check_private_key(tls) != 1)
		rc = tls_fault(e, file);
	EVP_PKEY_free(key);
	BIO_free(in);
	OPENSSL_cleanse(text, sizeof text);
	return rc;
}

static SSL_CTX *
tls_new(const char *certificate, const char *key, struct err *e)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(tls, CIPHERS) != 1)
		abort();
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(tls, 0);
	if (SSL_CTX_use_certificate_chain_file(tls, certificate) == 1) {
		if (take_key(tls, key, e) == 0)
			return tls;
	} else {
		tls_fault(e, certificate);
	}
	SSL_CTX_free(tls);
	return NULL;
}

int
http_secure(struct http *h, const char *certificate, const char *key, struct err *e)
{
	SSL_CTX *tls = tls_new(certificate, key, e);

	if (tls == NULL)
		return -1;
	SSL_CTX_free(h->tls); /* those who are here keep it until they leave */
	h->tls = tls;
	return 0;
}

int
http_secure_try(const char *certificate, const char *key, struct err *e)
{
	SSL_CTX *tls = tls_new(certificate, key, e);

	SSL_CTX_free(tls);
	return tls != NULL ? 0 : -1;
}

struct bufferevent *
tls_accept(struct http *h, struct event_base *base)
{
	SSL *ssl = SSL_new(h->tls);
	struct bufferevent *bev;

	if (ssl == NULL)
		abort();
	/* it frees the SSL only when it closes the socket too; evhttp sees that and does not */
	bev = bufferevent_openssl_socket_new(
	    base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL)
		abort();
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

void
tls_bye(struct http_request *r)
{
	SSL *ssl = r->http->tls != NULL ? bufferevent_openssl_get_ssl(r->bev) : NULL;

	if (ssl != NULL && SSL_is_init_finished(ssl))
		SSL_shutdown(ssl);
	ERR_clear_error();
}

void
tls_free(struct http *h)
{
	SSL_CTX_free(h->tls);
}
