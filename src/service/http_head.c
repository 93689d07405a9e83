/*
 * The head of a request, as strict as a proxy in front could be lax.
 *
 * evhttp cuts a header at a NUL, joins folded lines, ends lines at a bare LF, keeps "Length "
 * with its blank as a foreign header and takes the first of two Content-Lengths.  Each is a
 * way to have two readers see two requests in the same bytes, so each is refused.
 */
#include "service/http_parts.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>

void
head_scan_feed(struct head_scan *s, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && !s->done && s->fault == NULL; i++) {
		uint8_t c = bytes[i];

		if (c == '\n') {
			if (s->last != '\r')
				s->fault = "a line without CR";
			s->done = s->line == 0;
			s->line = 0;
		} else if (s->last == '\r') {
			s->fault = "a CR inside a line";
		} else if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) {
			s->fault = "a control character in the head";
		} else if (s->line == 0 && (c == ' ' || c == '\t')) {
			s->fault = "a folded header";
		} else if (c != '\r') {
			s->line++;
		}
		s->last = c;
	}
}

static bool
is_token(const char *name)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	    "!#$%&'*+-.^_`|~";
	size_t len = strspn(name, allowed);

	return len > 0 && name[len] == '\0';
}

static bool
takes_body(enum evhttp_cmd_type method)
{
	return method == EVHTTP_REQ_POST || method == EVHTTP_REQ_PUT || method == EVHTTP_REQ_PATCH;
}

const char *
head_fault(struct http_request *r)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(r->evreq);
	const struct evkeyval *h;
	const char *length = NULL;

	if (r->scan.fault != NULL)
		return r->scan.fault;
	for (h = TAILQ_FIRST(headers); h != NULL; h = TAILQ_NEXT(h, next)) {
		if (!is_token(h->key))
			return "a header's name is not a word";
		if (strcasecmp(h->key, "Transfer-Encoding") == 0)
			return "Transfer-Encoding is not taken";
		if (strcasecmp(h->key, "Content-Length") != 0)
			continue;
		if (length != NULL)
			return "more than one Content-Length";
		length = h->value;
		if (*length == '\0' || length[strspn(length, "0123456789")] != '\0')
			return "Content-Length is not plain digits";
	}
	/* evhttp would take such a body for the next request. */
	if (length != NULL && length[strspn(length, "0")] != '\0' &&
	    !takes_body(evhttp_request_get_command(r->evreq)))
		return "a body where none belongs";
	return NULL;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct decoder {
	const char *in;
	char *out;
	size_t len, room;
	const char *fault;
	bool too_long;
};

static void
decoder_put(struct decoder *d, char c)
{
	if (d->len == d->room)
		d->too_long = true;
	else
		d->out[d->len++] = c;
}

/* Decodes up to one of `ends` or the end of the text, and puts a NUL. */
static void
decode_until(struct decoder *d, const char *ends, bool in_path)
{
	for (; d->fault == NULL && strchr(ends, *d->in) == NULL; d->in++) { /* finds NUL as well */
		uint8_t c = (uint8_t)*d->in;

		if (c <= ' ' || c >= 0x7f || c == '#' || c == '\\') {
			d->fault = "a character in the URI that must be escaped";
		} else if (c == '%') {
			int high = hex_value(d->in[1]), low = high < 0 ? -1 : hex_value(d->in[2]);

			c = (uint8_t)(low < 0 ? 0 : high << 4 | low);
			if (low < 0)
				d->fault = "half an escape in the URI";
			else if (c < 0x20 || c == 0x7f)
				d->fault = "a control character in the URI";
			else if (in_path && (c == '/' || c == '\\'))
				d->fault = "an escaped slash in the path";
			d->in += 2;
		} else if (c == '+' && !in_path) {
			c = ' ';
		}
		if (d->fault == NULL)
			decoder_put(d, (char)c);
	}
	decoder_put(d, '\0');
}

/* No empty, "." or ".." segment; a slash may end it. */
static bool
is_plain_path(const char *path)
{
	while (*path == '/' && path[1] != '\0') {
		size_t len = strcspn(++path, "/");

		if (len == 0 || (path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.'))))
			return false;
		path += len;
	}
	return true;
}

const char *
uri_fault(struct http_request *r, bool *too_long)
{
	const char *uri = evhttp_request_get_uri(r->evreq);
	struct decoder d = {.in = uri, .out = r->text, .room = sizeof r->text - 1};

	*too_long = false;
	r->text_len = 0;
	if (uri == NULL || *uri != '/')
		return "the URI is not a path";
	decode_until(&d, "?", true);
	if (d.fault == NULL && !d.too_long && !is_plain_path(r->text))
		return "a path that climbs";
	while (d.fault == NULL && !d.too_long && *d.in != '\0') {
		size_t at = d.len;

		d.in++;
		decode_until(&d, "=&", false);
		if (*d.in == '=') {
			d.in++;
			decode_until(&d, "&", false);
		} else {
			decoder_put(&d, '\0');
		}
		r->text_len = at;
		if (!d.too_long && http_query(r, r->text + at) != NULL)
			return "a query with the same name twice";
	}
	*too_long = d.too_long;
	r->text_len = d.len;
	return d.too_long ? "a URI that is too long" : d.fault;
}

const char *
http_path(const struct http_request *r)
{
	return r->text;
}

const char *
http_query(const struct http_request *r, const char *name)
{
	const char *p = r->text, *end = r->text + r->text_len;

	for (p += strlen(p) + 1; p < end;) {
		const char *value = p + strlen(p) + 1;

		if (strcmp(p, name) == 0)
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

const char *
http_header(const struct http_request *r, const char *name)
{
	if (r->evreq == NULL)
		return NULL;
	return evhttp_find_header(evhttp_request_get_input_headers(r->evreq), name);
}

bool
http_header_once(const struct http_request *r, const char *name)
{
	const struct evkeyval *h;
	int n = 0;

	if (r->evreq == NULL)
		return false;
	h = TAILQ_FIRST(evhttp_request_get_input_headers(r->evreq));
	for (; h != NULL; h = TAILQ_NEXT(h, next))
		n += strcasecmp(h->key, name) == 0;
	return n == 1;
}

bool
http_header_at(const struct http_request *r, size_t n, const char **name, const char **value)
{
	const struct evkeyval *h;

	if (r->evreq == NULL)
		return false;
	h = TAILQ_FIRST(evhttp_request_get_input_headers(r->evreq));
	while (h != NULL && n-- > 0)
		h = TAILQ_NEXT(h, next);
	if (h == NULL)
		return false;
	*name = h->key;
	*value = h->value;
	return true;
}

struct span
http_body(const struct http_request *r)
{
	struct evbuffer *in;
	size_t len;

	if (r->evreq == NULL)
		return span_of("", 0);
	in = evhttp_request_get_input_buffer(r->evreq);
	len = evbuffer_get_length(in);
	return len > 0 ? span_of(evbuffer_pullup(in, -1), len) : span_of("", 0);
}

const char *
http_peer(const struct http_request *r)
{
	return r->peer;
}

bool
http_peer_uid(const struct http_request *r, uid_t *uid)
{
	if (r->is_unix)
		*uid = r->uid;
	return r->is_unix;
}
