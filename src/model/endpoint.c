#include "model/endpoint.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

struct endpoint *
endpoint_new(int nmeters)
{
	return mem_new(sizeof(struct endpoint) + (size_t)nmeters * sizeof(struct meter));
}

void
endpoint_free(struct endpoint *ep)
{
	free(ep);
}

struct meter *
endpoint_meter(struct endpoint *ep, const char *address)
{
	for (int i = 0; i < ep->n; i++)
		if (strcmp(ep->meters[i].address, address) == 0)
			return &ep->meters[i];
	return NULL;
}

struct meter *
endpoint_meter_of(struct endpoint *ep, int64_t meter_id)
{
	for (int i = 0; i < ep->n; i++)
		if (ep->meters[i].id == meter_id)
			return &ep->meters[i];
	return NULL;
}
