/*
 * api -- the one door for people and programs: a table of routes, each a SQL function that
 * answers JSON, on a unix socket and, when there is a certificate, on a TLS port.
 *
 * Peer credentials lead to a principal, its role and its sites; who is none is refused.  On the
 * TLS port a bearer token leads there, and nothing else counts: whoever shows none that is good
 * learns not even which routes there are.  Each
 * route names the roles it is for and its site rule; one that does not keeps the daemon from
 * starting.  Every write is audited by the function it calls, a refused one by enter().
 * powergatectl, and whatever comes later, pass here.
 */
#ifndef SERVICE_API_H
#define SERVICE_API_H

#include "service/dispatch.h"
#include "service/gateway.h"
#include "service/pay.h"

struct api;
struct billing;
struct conf_list;
struct decider;
struct loop;
struct prices;
struct recon_conf;
struct seal;
struct simulate_limits;
struct simulator;

struct api_conf {
	char *socket;
	char *listen;            /* of the TLS port; port 0 is a free one */
	char *certificate, *key; /* empty: no such port */
};

struct refunds_conf {
	int64_t second_above; /* minor units: above it two people are needed */
	int64_t approval_us;  /* for so long a request can be approved */
};

struct api_parts {
	struct db *db;
	struct gateway *gateway;
	struct dispatch *dispatch;
	struct billing *billing;
	struct decider *decider;
	struct prices *prices;
	struct simulator *simulator;
	const struct simulate_limits *tariff_limits;
	struct pay *pay;
	struct seal *seal;
	const struct recon_conf *recon;
	const int64_t *review_voices, *tariff_voices;
	const struct refunds_conf *refunds;
	const struct conf_list *sources; /* of payments: struct pay_source */
};

struct api *api_new(
    struct loop *l, const struct api_conf *conf, const struct api_parts *parts, struct err *e);
int api_tls_port(const struct api *a); /* 0: none */
/* Certificate and key again from their files; on an error what was there goes on. */
int api_load_tls(struct api *a, struct err *e);
void api_free(struct api *a);

#endif
