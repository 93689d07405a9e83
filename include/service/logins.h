/*
 * logins -- who said its name, until the database has said what it is; and who has gone.
 *
 * Whatever has gathered while the last statement was under way goes together in the next: a
 * storm is a statement for hundreds, and one alone waits for nobody.  An identity stands once
 * in a statement; a second connection of the same name waits for the next, and takes over then.
 * Who has gone is written down before whoever comes after.
 */
#ifndef SERVICE_LOGINS_H
#define SERVICE_LOGINS_H

#include "store/store_meter.h"

#include <stdbool.h>

struct logins;
struct loop;
struct session;

/* s is NULL when it was forgotten meanwhile; o->mine is the receiver's, and NULL on error. */
typedef void login_fn(
    struct session *s, const struct session_opened *o, const struct err *e, void *arg);

struct logins *logins_new(struct loop *l, struct db *db, const char *node, login_fn *fn, void *arg);
void logins_free(struct logins *l); /* nobody is answered any more */
/* Name and peer are the session's own. */
void logins_open(struct logins *l, struct session *s, bool is_dtu);
void logins_forget(struct logins *l, struct session *s); /* it goes; fine if it never asked */
void logins_close(struct logins *l, const struct endpoint *ep, const char *why);

#endif
