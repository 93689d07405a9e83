# One archive per layer, lowest first: a function that reaches up does not link.
#
#   make                      build            make check [SAN=address,undefined]   all tests
#   make demo [ONCE=1]        the main job     make install DESTDIR=... prefix=...
#   make bench soak fuzz lint tidy format valgrind coverage clean dist
ifeq ($(filter demo check lint clean dist format deps,$(MAKECMDGOALS)),)
-include config.mk
else
-include $(wildcard config.mk)
endif

B       := build$(if $(SAN),-san)$(if $(COV),-cov)
LAYERS  := base model codec store service sim

# every file of a layer's folder belongs to it
$(foreach l,$(LAYERS),$(eval $(l) := $(patsubst src/$(l)/%.c,%,$(filter-out %/powergate-sim.c,$(wildcard src/$(l)/*.c)))))
daemon  := powergated settings settings_try
ctl     := $(patsubst src/prog/%.c,%,$(wildcard src/prog/ctl_*.c)) powergatectl settings

CSTD    := -std=c17 -D_GNU_SOURCE -Iinclude -I$(B)/gen
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wwrite-strings -Wvla $(if $(WERROR),-Werror)
HARDEN  := $(if $(SAN)$(COV),,-D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection)
OPT     := $(if $(COV),-O0 --coverage,$(if $(SAN),-O1 -fno-omit-frame-pointer,-O2))
CFLAGS  ?= -g
ALL_CFLAGS  = $(CSTD) $(OPT) $(WARN) $(HARDEN) -fPIE $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) \
              -DPOWERGATE_VERSION='"$(VERSION)"' -DPOWERGATE_SQLDIR='"$(datadir)/powergate/sql"' $(LIB_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),--coverage) $(LDFLAGS)

archive = $(B)/lib$(1).a
PROGRAMS := $(B)/powergated $(B)/powergatectl $(B)/powergate-sim

.PHONY: all
all: $(PROGRAMS)

config.mk: config.mk.in configure.ac
	tools/deps build
	autoconf
	./configure --quiet

define layer_rule
$(call archive,$(1)): $(patsubst %,$(B)/src/$(1)/%.o,$($(1)))
	rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

# The schema a program fits: the highest migration, and a hash over all of sql/.
SQL := $(sort $(wildcard sql/migrate/*.sql sql/functions/*.sql))
$(B)/gen/schema.h: $(SQL)
	@mkdir -p $(@D)
	v=$$(ls sql/migrate | tail -1 | cut -d_ -f1 | sed 's/^0*//'); h=$$(cat $(SQL) | sha256sum | cut -c1-16); \
	printf '#define POWERGATE_SCHEMA "%s:%s"\n' "$$v" "$$h" > $@

$(B)/%.o: %.c config.mk $(B)/gen/schema.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/powergated: $(patsubst %,$(B)/src/prog/%.o,$(daemon)) $(foreach l,service store codec model base,$(call archive,$(l)))
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(EVENT_LIBS) $(PQ_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(CURL_LIBS) $(CRYPTO_LIBS) $(SYSTEMD_LIBS)

$(B)/powergatectl: $(patsubst %,$(B)/src/prog/%.o,$(ctl)) $(foreach l,codec model base,$(call archive,$(l)))
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(EVENT_LIBS) $(PQ_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(CURL_LIBS)

$(B)/powergate-sim: $(B)/src/sim/powergate-sim.o $(foreach l,sim codec model base,$(call archive,$(l)))
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(EVENT_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(CRYPTO_LIBS)

# --- tests -------------------------------------------------------------------------------
UNIT    := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
unit_layers = $(foreach l,sim service store codec model base,$(call archive,$(l)))

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(unit_layers)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs check) $(EVENT_LIBS) $(PQ_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(CURL_LIBS) $(CRYPTO_LIBS)

.PHONY: check check-built
check:
	tools/deps build check proxy
	+$(MAKE) --no-print-directory config.mk
	+$(MAKE) --no-print-directory all check-built

check-built: all $(UNIT)
	tests/run $(B) $(UNIT)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
