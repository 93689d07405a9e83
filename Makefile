# One archive per layer, lowest first: a function that reaches up does not link.
#
#   make                      build            make check [SAN=address,undefined]   all tests
#   make demo [ONCE=1]        the main job     make install DESTDIR=... prefix=...
#   make bench soak fuzz lint tidy format valgrind coverage clean dist
ifeq ($(filter demo check clean dist format,$(MAKECMDGOALS)),)
-include config.mk
else
-include $(wildcard config.mk)
endif

B       := build$(if $(SAN),-san)$(if $(COV),-cov)
LAYERS  := base model codec store service sim

# every file of a layer's folder belongs to it
$(foreach l,$(LAYERS),$(eval $(l) := $(patsubst src/$(l)/%.c,%,$(filter-out %/powergate-sim.c,$(wildcard src/$(l)/*.c)))))
settings := settings settings_checks settings_money settings_notify
daemon  := powergated settings_try $(settings)
ctl     := $(patsubst src/prog/%.c,%,$(wildcard src/prog/ctl_*.c)) powergatectl $(settings)

CSTD    := -std=c17 -D_GNU_SOURCE -Iinclude -I$(B)/gen
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wwrite-strings -Wvla $(if $(WERROR),-Werror)
HARDEN  := $(if $(SAN)$(COV),,-D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection)
OPT     := $(if $(COV),-O0 --coverage,$(if $(SAN),-O1 -fno-omit-frame-pointer,-O2))
CFLAGS  ?= -g
ALL_CFLAGS  = $(CSTD) $(OPT) $(WARN) $(HARDEN) -fPIE $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) \
              -DPOWERGATE_VERSION='"$(VERSION)"' -DPOWERGATE_SQLDIR='"$(datadir)/powergate/sql"' -DPOWERGATE_LOCALEDIR='"$(datadir)/locale"' $(LIB_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),--coverage) $(LDFLAGS)

# One word a file instead of the whole command; V=1 shows it.
Q = $(if $(V),,@echo "  $(1)" $@;)

archive = $(B)/lib$(1).a
PROGRAMS := $(B)/powergated $(B)/powergatectl $(B)/powergate-sim

# What people read, in other languages: po/ says how a text gets there.
LINGUAS    := $(basename $(notdir $(wildcard po/*.po)))
CATALOGUES := $(patsubst %,$(B)/locale/%/LC_MESSAGES/powergate.mo,$(LINGUAS))

.PHONY: all
all: $(PROGRAMS) $(CATALOGUES)

$(B)/locale/%/LC_MESSAGES/powergate.mo: po/%.po
	@mkdir -p $(@D)
	$(call Q,MO)msgfmt --check-format --check-domain -o $@ $<

config.mk: config.mk.in configure.ac
	tools/deps build
	autoconf
	./configure --quiet

define layer_rule
$(call archive,$(1)): $(patsubst %,$(B)/src/$(1)/%.o,$($(1)))
	@rm -f $$@
	$$(call Q,AR)$(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

# The schema a program fits: the highest migration, and a hash over all of sql/.
SQL := $(sort $(wildcard sql/migrate/*.sql sql/functions/*.sql))
$(B)/gen/schema.h: $(SQL)
	@mkdir -p $(@D)
	$(call Q,GEN)v=$$(ls sql/migrate | tail -1 | cut -d_ -f1 | sed 's/^0*//'); h=$$(cat $(SQL) | sha256sum | cut -c1-16); \
	printf '#define POWERGATE_SCHEMA "%s:%s"\n' "$$v" "$$h" > $@

# what only a test program needs is kept too
.SECONDARY:

$(B)/%.o: %.c config.mk $(B)/gen/schema.h
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/powergated: $(patsubst %,$(B)/src/prog/%.o,$(daemon)) $(foreach l,service store codec model base,$(call archive,$(l)))
	$(call Q,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(EVENT_LIBS) $(PQ_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(ARCHIVE_LIBS) $(CURL_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS) $(SYSTEMD_LIBS)

$(B)/powergatectl: $(patsubst %,$(B)/src/prog/%.o,$(ctl)) $(foreach l,codec model base,$(call archive,$(l)))
	$(call Q,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(EVENT_LIBS) $(PQ_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(ARCHIVE_LIBS) $(CURL_LIBS) $(CRYPTO_LIBS)

$(B)/powergate-sim: $(B)/src/sim/powergate-sim.o $(foreach l,sim codec model base,$(call archive,$(l)))
	$(call Q,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(EVENT_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(ARCHIVE_LIBS) $(CRYPTO_LIBS)

$(B)/story: $(B)/demo/story.o $(B)/demo/world.o $(foreach l,service store codec model base,$(call archive,$(l)))
	$(call Q,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(EVENT_LIBS) $(PQ_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(ARCHIVE_LIBS) $(CURL_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS)

.PHONY: demo
demo:
	tools/deps build
	+$(MAKE) --no-print-directory config.mk
	+$(MAKE) --no-print-directory -j2 all build/story
	demo/run build $(if $(ONCE),once)

# --- tests -------------------------------------------------------------------------------
UNIT    := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
TOOLS   := $(patsubst tests/bench/%.c,$(B)/tests/bench/%,$(wildcard tests/bench/*.c))
all_layers = $(foreach l,sim service store codec model base,$(call archive,$(l)))
all_libs   = $(EVENT_LIBS) $(PQ_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(ARCHIVE_LIBS) $(CURL_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS)

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(all_layers)
	$(call Q,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs check) $(all_libs)

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(all_layers)
	$(call Q,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(all_libs)

year := $(patsubst tests/year/%.c,%,$(wildcard tests/year/*.c))
$(B)/tests/year/year: $(patsubst %,$(B)/tests/year/%.o,$(year)) $(patsubst %,$(B)/src/prog/%.o,$(settings)) $(all_layers)
	$(call Q,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(all_libs) -ldl

.PHONY: check check-built check-san valgrind coverage soak bench
check:
	tools/deps build check proxy
	+$(MAKE) --no-print-directory config.mk
	+$(MAKE) --no-print-directory -j2 check-built

check-built: all $(UNIT) $(B)/story $(B)/tests/year/year
	$(if $(SAN),CK_FORK=no ASAN_OPTIONS=detect_leaks=1) tests/run $(B) $(UNIT)

# Under sanitizers: all unit tests, and the stories that bring bytes from outside into the daemon.
# STORIES= runs them all.
SANITIZED = payments relay sessions delivery_faults messages hook_verify statement_check tariff providers debt ctl_local
check-san: export STORIES ?= $(SANITIZED)
check-san:
	+$(MAKE) --no-print-directory SAN=address,undefined check

valgrind:
	tools/deps check proxy valgrind
	+$(MAKE) --no-print-directory -j2 all $(UNIT) $(B)/story $(B)/tests/year/year
	VALGRIND=1 tests/run $(B) $(UNIT)

coverage:
	tools/deps check proxy coverage
	+$(MAKE) --no-print-directory -j2 COV=1 check-built
	gcovr --branches --print-summary --object-directory build-cov -r . -e tests -e demo

# Long stories: every test with the whole kill sweep, the whole year and twenty months, the demo ten
# times, ten million frames and half a million of whatever else is parsed.
soak:
	tools/deps check proxy fuzz
	+$(MAKE) --no-print-directory -j2 all $(UNIT) $(B)/story $(B)/tests/year/year $(FUZZ_PROGRAMS)
	SOAK=1 TEST_TIMEOUT=3600 tests/run $(B) $(UNIT)
	for n in 1 2 3 4 5 6 7 8 9 10; do demo/run $(B) once || exit 1; done
	tests/fuzz/run $(B) 10000000 fuzz_dlt645
	tests/fuzz/run $(B) 500000 $(filter-out fuzz_dlt645,$(FUZZERS))

bench: all $(B)/story $(TOOLS)
	tools/deps bench
	tests/bench/run $(B)

# --- fuzzing -----------------------------------------------------------------------------
FUZZ_RUNS ?= 1000000
FUZZ_CC   := clang -std=c17 -D_GNU_SOURCE -Iinclude -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
fuzz_src  := $(wildcard src/base/*.c src/model/*.c src/codec/*.c)
FUZZERS   := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS := $(patsubst %,$(B)/fuzz/%,$(FUZZERS) planted)

fuzz_obj  := $(patsubst %.c,$(B)/fuzz/%.o,$(fuzz_src))
fuzz_libs  = $(EVENT_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(ARCHIVE_LIBS) $(CRYPTO_LIBS)

$(B)/fuzz/src/%.o: src/%.c config.mk
	@mkdir -p $(@D)
	$(call Q,CC)$(FUZZ_CC) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/fuzz/%: tests/fuzz/%.c $(fuzz_obj)
	$(call Q,LD)$(FUZZ_CC) $(LIB_CFLAGS) -o $@ $^ $(fuzz_libs)

planted := src/codec/dlt645_items
$(B)/fuzz/planted: tests/fuzz/fuzz_dlt645.c $(planted).c $(filter-out $(B)/fuzz/$(planted).o,$(fuzz_obj))
	$(call Q,LD)$(FUZZ_CC) -DPLANTED_OVERFLOW $(LIB_CFLAGS) -o $@ $^ $(fuzz_libs)

.PHONY: fuzz
fuzz: config.mk
	tools/deps fuzz
	+$(MAKE) --no-print-directory $(FUZZ_PROGRAMS)
	tests/fuzz/run $(B) $(FUZZ_RUNS) $(FUZZERS)

# --- reading the sources -----------------------------------------------------------------
SOURCES := $(wildcard src/*/*.c include/*/*.h tests/*/*.c tests/*/*.h demo/*.c demo/*.h)
SCRIPTS := tools/deps tests/run tests/layers.sh tests/lib/pg.sh demo/run .ci/run $(wildcard tests/it/*.sh tests/*.sh tests/bench/run tests/fuzz/run tests/model.sh)

# A new text goes into po/powergate.pot and, untranslated, into each language.
.PHONY: po lint format tidy
po:
	tools/deps build
	tests/catalogues.sh --write

# ctuuninitvar takes a struct that a function fills in through a pointer for one that it reads.
lint: $(B)/powergatectl
	tools/deps lint
	clang-format --dry-run --Werror $(SOURCES)
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability \
	  --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
	  --suppress=ctuuninitvar -Iinclude src
	tests/layers.sh
	shellcheck -s sh $(SCRIPTS)
	mandoc -T lint -W warning man/*.[158]
	tests/conf_agrees.sh $(B)
	tests/catalogues.sh
	tests/unit_file.sh
	tests/model.sh

format:
	clang-format -i $(SOURCES)

# One program a file: several in one confuse its analyzer's notion of va_list.
tidy: config.mk $(B)/gen/schema.h
	tools/deps tidy
	printf '%s\n' $(wildcard src/*/*.c) | xargs -P 2 -I{} clang-tidy --quiet {} -- $(CSTD) $(LIB_CFLAGS) -DPOWERGATE_VERSION='"0"' -DPOWERGATE_SQLDIR='"."'

# --- installing --------------------------------------------------------------------------
.PHONY: install clean dist
install: all
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir) $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man5 \
	  $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(unitdir) $(DESTDIR)$(datadir)/powergate/sql/migrate \
	  $(DESTDIR)$(datadir)/powergate/sql/functions $(DESTDIR)$(datadir)/powergate/vouchers $(DESTDIR)$(datadir)/doc/powergate $(DESTDIR)$(sysconfdir)/powergate
	install -m 0755 $(B)/powergated $(B)/powergatectl $(DESTDIR)$(sbindir)
	install -m 0755 $(B)/powergate-sim $(DESTDIR)$(bindir)
	install -m 0644 man/*.1 $(DESTDIR)$(mandir)/man1
	install -m 0644 man/*.5 $(DESTDIR)$(mandir)/man5
	install -m 0644 man/*.8 $(DESTDIR)$(mandir)/man8
	for u in systemd/*; do sed 's#@sbindir@#$(sbindir)#' $$u > $(DESTDIR)$(unitdir)/$$(basename $$u); done
	install -m 0644 sql/migrate/*.sql $(DESTDIR)$(datadir)/powergate/sql/migrate
	install -m 0644 sql/functions/*.sql $(DESTDIR)$(datadir)/powergate/sql/functions
	install -m 0644 conf/vouchers/*.yaml $(DESTDIR)$(datadir)/powergate/vouchers
	for l in $(LINGUAS); do install -D -m 0644 $(B)/locale/$$l/LC_MESSAGES/powergate.mo \
	  $(DESTDIR)$(datadir)/locale/$$l/LC_MESSAGES/powergate.mo || exit 1; done
	install -m 0644 README.md LICENSE conf/powergated.yaml conf/haproxy.cfg conf/tariff-*.yaml \
	  conf/alerts.yaml conf/grafana-dashboard.json $(DESTDIR)$(datadir)/doc/powergate
	[ -e $(DESTDIR)$(sysconfdir)/powergate/powergated.yaml ] || \
	  install -m 0640 conf/powergated.yaml $(DESTDIR)$(sysconfdir)/powergate/powergated.yaml

clean:
	rm -rf build build-san build-cov

dist:
	git archive --prefix=powergate-$(shell sed -n 's/^AC_INIT(\[powergate\], \[\(.*\)\])/\1/p' configure.ac)/ -o powergate.tar.gz HEAD

-include $(shell find $(B) -name '*.d' 2>/dev/null)
