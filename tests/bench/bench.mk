# bench.mk - `make bench [BASE=rev] [ROW=id] [WALL=n] [OFF=1]`: what a release build costs (tests/bench/bench.sh).

RELEASE := build/release
BENCH_DRIVERS := build/tests/bench.sys build/tests/wall.sys
BENCH_SOURCES := $(wildcard tests/bench/bench*.c)

build/tests/bench.sys: $(BENCH_SOURCES) tests/bench/bench.h
build/tests/wall.sys: tests/bench/wall.c
$(BENCH_DRIVERS): tests/bench/bench.mk
	@mkdir -p $(@D)
	@$(DRIVER_CC) $(DRIVER_CFLAGS) $(DRIVER_LDFLAGS) -o $@ $(filter %.c,$^) $(DRIVER_LIBS)

# The benchmark with one row marked, of the same code: made anew for each row.
build/tests/bench-row.sys: $(BENCH_SOURCES) tests/bench/bench.h always
	@mkdir -p $(@D)
	@$(DRIVER_CC) $(DRIVER_CFLAGS) -DROW='"$(ROW)"' $(DRIVER_LDFLAGS) -o $@ $(filter %.c,$^) $(DRIVER_LIBS)

.PHONY: bench always
bench: install
	+@$(BUILD_ALL) BUILD=$(RELEASE) EXTRA_CFLAGS=-DDEBUG=0 all
	+@$(BUILD_ALL) $(BENCH_DRIVERS) $(if $(ROW),build/tests/bench-row.sys)
	@BASE='$(BASE)' WALL='$(WALL)' OFF='$(OFF)' ROW='$(ROW)' BOUND='$(BOUND)' RELEASE=$(RELEASE) \
	    NM='$(NM)' READELF='$(READELF)' OBJDUMP='$(OBJDUMP)' tests/bench/bench.sh
