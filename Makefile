# njegate -- one Makefile for everything. `make help` lists what it does.
#
# Each folder is an archive and compiles with an include path that shows it only the folders it may
# use (docs/ARCHITECTURE.md); its unit tests link only those archives. An upward include or call
# therefore does not build.

SHELL   := /bin/bash
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
BUILD   ?= build
PREFIX  ?= /usr/local
PYTHON  ?= /usr/bin/python3
SAN     ?=
# V=1 prints the commands.
Q       := $(if $(V),,@)

# --- what Debian must have: one list -------------------------------------------------------------
DEBS_BUILD := gcc make pkg-config libc6-dev libevent-dev libssl-dev libsqlite3-dev libgmime-3.0-dev \
              libxml2-dev libunbound-dev libgsasl-dev libidn2-dev libjansson-dev libsystemd-dev dns-root-data
DEBS_CHECK := check python3 swaks openssl sqlite3 libasan8 libubsan1
DEBS_LINT  := clang clang-format clang-tidy cppcheck mandoc shellcheck
DEBS_FUZZ  := clang libclang-rt-14-dev

# --- flags ---------------------------------------------------------------------------------------
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
# Small functions of base/ are called from everywhere, byte by byte: the link step inlines them (a tenth of the
# CPU of a large message). clang would need a linker of its own for that.
OPT     ?= -O2 -g $(if $(findstring gcc,$(CC)),-flto=auto)
HARDEN  := -fstack-protector-strong -fPIE
ifeq ($(SAN),)
HARDEN  += -D_FORTIFY_SOURCE=2
endif
CFLAGS  := -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(HARDEN) $(SAN)
LDFLAGS := -pie -Wl,-z,relro,-z,now $(SAN)

pkg      = $(shell pkg-config $(1) $(2) 2>/dev/null)
# System headers, so that our warnings judge our code only.
SYSINC   = $(patsubst -I%,-isystem %,$(call pkg,--cflags,gmime-3.0 libxml-2.0))
LIBS     = -levent_core -lssl -lcrypto -lsqlite3 -lunbound -lgsasl -lidn2 \
           $(call pkg,--libs,gmime-3.0 libxml-2.0) -ljansson -lsystemd -lcrypt -lpthread

# --- the house: folder, archive, the folders it may include ---------------------------------------
FOLDERS := base db rscs security aliases gateway/smtp gateway/mail gateway/config gateway/file gateway/gate gateway operator daemon cli
MAY_base           := base
MAY_db             := base db
MAY_rscs           := base rscs
MAY_security       := base db security
MAY_aliases        := base db security aliases
MAY_gateway_smtp   := base db security gateway/smtp
MAY_gateway_mail   := base rscs security aliases gateway/mail
MAY_gateway_config := base db rscs security aliases gateway/smtp gateway/mail gateway/config
MAY_gateway_file   := $(MAY_gateway_config) gateway/file
MAY_gateway_gate   := $(MAY_gateway_config) gateway/gate
MAY_gateway        := $(MAY_gateway_file) gateway/gate gateway
MAY_operator       := $(MAY_gateway) operator
MAY_daemon         := $(MAY_operator) daemon
MAY_cli            := $(MAY_operator) cli

flat     = $(subst /,_,$(1))
ar       = $(BUILD)/lib$(flat).a
# One flat name a folder: the root of gateway/ must not hold that of gateway/smtp, jobs run beside each other.
inc      = $(BUILD)/inc/$(flat)
may      = $(MAY_$(flat))
srcs     = $(sort $(wildcard $(1)/*.c))
objs     = $(patsubst %.c,$(BUILD)/%.o,$(1))
# The two programs' main files stay out of the gateway archive.
PROGRAM_SRCS := daemon/njegated.c cli/njegate.c

.PHONY: all demo check unit standalone e2e replay lint asan bench fuzz install help clean deps longest format manuals
all: deps $(BUILD)/njegated $(BUILD)/njegate
	@if [ "$(BUILD)" = build ]; then ln -sf build/njegated njegated; ln -sf build/njegate njegate; fi

help:
	@echo 'make            build njegated and njegate (installs missing Debian packages)'
	@echo 'make demo       two nodes on loopback, mail both ways, shown as its readers see it'
	@echo 'make check      all tests: unit and golden (ASan, UBSan), fuzz seeds, end to end'
	@echo 'make unit       the unit tests only; U=rscs for one folder'
	@echo 'make standalone the NJE library and its tests in a tree without the other folders'
	@echo 'make e2e        the end-to-end tests only; E=name for one'
	@echo 'make lint       gcc and clang warnings, clang-tidy, cppcheck, format, man pages, scripts'
	@echo 'make asan       the programs with ASan and UBSan, in build/asan'
	@echo 'make bench      throughput, CPU and memory beside Postfix and the machine'"'"'s floors'
	@echo 'make fuzz       libFuzzer: T=target S=seconds (all targets, 60 s each, without T)'
	@echo 'make install    DESTDIR= PREFIX=/usr/local'
	@echo 'make deb        a Debian package, in build/deb'
	@echo 'make deb-upgrade  the package tests with a package of the commit before (FROM=commit) as the older one'
	@echo 'make manuals    the manual pages that come from tables, after a change of a table'
	@echo 'make longest    the longest functions and files'
	@echo 'make clean'

# --- packages ---------------------------------------------------------------------------------------
# Asks dpkg; calls apt-get only when something is missing.
define need
	@tests/need $(1)
endef
deps:
	$(call need,$(DEBS_BUILD))

# --- include roots ------------------------------------------------------------------------------------
# build/inc/<folder, flat>/ holds links to just the folders that <folder> may include. Sorted: the link to a
# folder holds those within it already.
$(BUILD)/inc/%/.made: Makefile
	@rm -rf $(dir $@); mkdir -p $(dir $@)
	@for f in $(sort $(MAY_$*)); do [ -e $(dir $@)$$f ] || \
	   { mkdir -p $(dir $@)$$(dirname $$f); ln -s $(CURDIR)/$$f $(dir $@)$$f; }; done
	@touch $@

$(BUILD)/gen/schema_sql.h: $(wildcard db/*.sql) Makefile
	@mkdir -p $(dir $@)
	@for f in $(sort $(wildcard db/*.sql)); do \
	   printf 'static const char %s[] =\n' "$$(basename $$f .sql | tr -c 'a-z0-9\n' _)_sql"; \
	   sed -e 's/\\/\\\\/g; s/"/\\"/g; s/^\(.*\)$$/    "\1\\n"/' $$f; echo '    "";'; done > $@

define folder_rules
$(call ar,$(1)): $(call objs,$(filter-out $(PROGRAM_SRCS),$(call srcs,$(1))))
	$(Q)rm -f $$@; ar rcs $$@ $$^
$(call objs,$(call srcs,$(1))): $(BUILD)/%.o: %.c $(call inc,$(1))/.made $(BUILD)/gen/schema_sql.h
	@mkdir -p $$(dir $$@)
	$(Q)$(CC) $(CFLAGS) -I$(call inc,$(1)) -I$(BUILD)/gen $$(SYSINC) -MMD -MP -c $$< -o $$@
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

# Archives in link order: the user before the used.
ARCHIVES := $(foreach f,operator gateway gateway/gate gateway/file gateway/config gateway/mail gateway/smtp aliases security db rscs base,$(call ar,$(f)))
$(BUILD)/njegated: $(BUILD)/daemon/njegated.o $(call ar,daemon) $(ARCHIVES)
	$(Q)$(CC) $(LDFLAGS) $< -Wl,--start-group $(call ar,daemon) $(ARCHIVES) -Wl,--end-group $(LIBS) -o $@
$(BUILD)/njegate: $(BUILD)/cli/njegate.o $(call ar,cli) $(ARCHIVES)
	$(Q)$(CC) $(LDFLAGS) $< -Wl,--start-group $(call ar,cli) $(ARCHIVES) -Wl,--end-group $(LIBS) -o $@

# --- unit tests -------------------------------------------------------------------------------------
# tests/unit/<folder>/test_*.c make one runner per folder, linked with that folder whole and with only
# the archives it may use.
TEST_CFLAGS = $(filter-out -Wmissing-prototypes,$(CFLAGS)) -Wno-conversion
test_name   = $(subst /,_,$(subst gateway/,,$(1)))
define test_rules
TESTS_$(1) := $$(sort $$(wildcard tests/unit/$(call test_name,$(1))/*.c))
$(BUILD)/tests/unit/$(call test_name,$(1))/%.o: tests/unit/$(call test_name,$(1))/%.c $(call inc,$(1))/.made
	@mkdir -p $$(dir $$@)
	$(Q)$(CC) $$(TEST_CFLAGS) -I$(call inc,$(1)) -Itests -I$(BUILD)/gen $$(SYSINC) -MMD -MP -c $$< -o $$@
$(BUILD)/check_$(call test_name,$(1)): $$(call objs,$$(TESTS_$(1))) $(BUILD)/tests/unit/main.o \
    $(BUILD)/tests/unit/feed.o $(foreach m,$(call may,$(1)),$(call ar,$(m)))
	$(Q)$(CC) $(LDFLAGS) $$(filter %.o,$$^) -Wl,--start-group -Wl,--whole-archive $(call ar,$(1)) \
	  -Wl,--no-whole-archive $$(filter-out $(call ar,$(1)),$$(filter %.a,$$^)) -Wl,--end-group \
	  $$(call pkg,--libs,check) $$(LIBS) -o $$@
endef
$(foreach f,$(FOLDERS),$(eval $(call test_rules,$(f))))
$(BUILD)/tests/unit/%.o: tests/unit/%.c $(BUILD)/inc/base/.made
	@mkdir -p $(dir $@)
	$(Q)$(CC) $(TEST_CFLAGS) -I$(BUILD)/inc/base -Itests -MMD -MP -c $< -o $@

RUNNERS := $(foreach f,$(FOLDERS),$(if $(wildcard tests/unit/$(call test_name,$(f))/*.c),$(BUILD)/check_$(call test_name,$(f))))
U ?=
run-unit: $(if $(U),$(BUILD)/check_$(U),$(RUNNERS))
	@tests/run-unit $^

SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
in_asan   = +@$(MAKE) --no-print-directory BUILD=build/asan OPT="-O1 -g" SAN="$(SANFLAGS)"
unit: deps
	$(call need,$(DEBS_CHECK))
	$(in_asan) run-unit U=$(U)
# The NJE library (rscs/) in a tree with nothing but base/: it needs no other folder.
standalone: deps
	$(call need,$(DEBS_CHECK))
	+@tests/standalone $(MAKE)
asan: deps
	$(in_asan) build/asan/njegated build/asan/njegate

# --- fuzzing ----------------------------------------------------------------------------------------
# tests/fuzz/fuzz_<t>.c with seeds in tests/fuzz/seeds/<t>/. Replayed (gcc, ASan) by make check.
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
$(BUILD)/tests/fuzz/%.o: tests/fuzz/%.c $(BUILD)/inc/operator/.made
	@mkdir -p $(dir $@)
	$(Q)$(CC) $(TEST_CFLAGS) -I$(BUILD)/inc/operator -Itests $(SYSINC) -MMD -MP -c $< -o $@
$(BUILD)/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/main.o $(ARCHIVES)
	$(Q)$(CC) $(LDFLAGS) $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS) -o $@
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(ARCHIVES)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS) -o $@
.PRECIOUS: $(BUILD)/tests/fuzz/%.o
run-replay: $(foreach f,$(FUZZERS),$(BUILD)/replay_$(f))
	@tests/run-replay $^
replay: deps
	$(in_asan) run-replay
T ?=
S ?= 60
fuzz: deps
	$(call need,$(DEBS_FUZZ))
	+@$(MAKE) --no-print-directory BUILD=build/fuzz CC=clang OPT="-O1 -g" \
	  SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" \
	  $(foreach f,$(if $(T),$(T),$(FUZZERS)),build/fuzz/fuzz_$(f))
	@tests/run-fuzz $(S) $(if $(T),$(T),$(FUZZERS))

# --- everything -------------------------------------------------------------------------------------
E ?=
e2e: all asan
	$(call need,$(DEBS_CHECK))
	@$(PYTHON) tests/e2e/run.py $(E)
check: all
	$(call need,$(DEBS_CHECK))
	+@tests/check $(MAKE)
demo: all
	$(call need,python3)
	@$(PYTHON) tests/demo.py
bench: all $(BUILD)/bench_store
	$(call need,$(DEBS_CHECK))
	@$(PYTHON) tests/bench/run.py

# The store alone, by hand: build/bench_store DIR.
$(BUILD)/bench_store: tests/bench/bench_store.c $(ARCHIVES)
	$(Q)$(CC) $(TEST_CFLAGS) $(LDFLAGS) -I$(call inc,gateway) $< -Wl,--start-group $(filter %.a,$^) \
	  -Wl,--end-group $(LIBS) -o $@

# --- lint -------------------------------------------------------------------------------------------
C_FILES = $(shell git ls-files '*.c' '*.h' 2>/dev/null)
lint: deps
	$(call need,$(DEBS_LINT) $(DEBS_CHECK))
	+@tests/lint $(MAKE)
format:
	clang-format -i $(C_FILES)
manuals: all
	$(PYTHON) docs/man/mkconf.py $(BUILD)/njegate > docs/man/njegate.conf.5
	$(PYTHON) docs/man/mkcommands.py operator > docs/man/njegate-commands.7
	$(PYTHON) docs/man/mktables.py docs/njegate-tables.rng > docs/man/njegate-tables.5
longest:
	@tests/longest $(C_FILES)

# --- install ----------------------------------------------------------------------------------------
SHARE    = $(DESTDIR)$(PREFIX)/share
GUIDES  := $(wildcard docs/guide/*.md)
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/lib/systemd/system
	install -m 755 $(BUILD)/njegated $(DESTDIR)$(PREFIX)/sbin/njegated
	install -m 755 $(BUILD)/njegate $(DESTDIR)$(PREFIX)/bin/njegate
	for f in docs/man/*.[1-9]; do install -D -m 644 $$f $(SHARE)/man/man$${f##*.}/$${f##*/}; done
	sed 's|@PREFIX@|$(PREFIX)|g' packaging/njegate.service.in > $(BUILD)/njegate.service
	install -m 644 $(BUILD)/njegate.service packaging/njegate.socket $(DESTDIR)/lib/systemd/system
	install -D -m 644 packaging/njegate.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/njegate.conf
	install -d $(SHARE)/doc/njegate/guide
	install -m 644 docs/njegate.conf.sample docs/njegate-tables.rng README.md $(SHARE)/doc/njegate
	$(if $(GUIDES),install -m 644 $(GUIDES) $(SHARE)/doc/njegate/guide)
	install -D -m 644 docs/njegate.bash-completion $(SHARE)/bash-completion/completions/njegate

# --- Debian package -----------------------------------------------------------------------------------
# The number of commits makes every version greater than the one before it.
VERSION ?= 0.1.$(shell git rev-list --count HEAD 2>/dev/null || echo 0)
DEB     ?= $(BUILD)/deb
.PHONY: deb deb-upgrade
deb: all
	@packaging/deb/build $(MAKE) $(BUILD) $(VERSION) $(DEB)
deb-upgrade: all
	+@packaging/deb/upgrade-test $(MAKE) $(BUILD) $(FROM)

clean:
	rm -rf build njegated njegate

-include $(shell find $(BUILD) -name '*.d' -type f -not -path '*/pkg/*' 2>/dev/null)
