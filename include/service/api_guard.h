/*
 * api_guard -- the bearer tokens of the TLS port, and how often one may be wrong.
 *
 * A token is "pgt_" and 64 hex digits: 256 bits of chance.  Only its SHA-256 goes any further.
 *
 * Ten wrong ones from an address, and then one in six seconds; the others are answered 429
 * without asking the database.  A token that was good a while ago is asked for all the same, so
 * nobody shuts out those who share an address with him.
 */
#ifndef SERVICE_API_GUARD_H
#define SERVICE_API_GUARD_H

#include <stdbool.h>

struct api_guard;
struct http_request;
struct loop;

#define TOKEN_TEXT  69 /* "pgt_...", with its end mark */
#define TOKEN_FROM  71 /* "token:HEX", by which the database finds whose it is */
#define TOKEN_ERROR "who are you?"

struct api_guard *guard_new(struct loop *l);
void guard_free(struct api_guard *g);

void token_make(char token[TOKEN_TEXT], char from[TOKEN_FROM]);
/* false: there is none, more than one, or no such thing */
bool token_shown(const struct http_request *r, char from[TOKEN_FROM]);

enum guard_verdict { GUARD_GOOD, GUARD_WRONG, GUARD_UNKNOWN };

/* Whether this one may be asked for; if so, guard_told() follows.  from: "" when none was shown */
bool guard_admits(struct api_guard *g, const char *peer, const char *from);
void guard_told(
    struct api_guard *g, const char *peer, const char *from, enum guard_verdict verdict);

#endif
