# bench.mk - `make bench [BASE=rev] [WALL=1] [OFF=1]`: what a release build costs (tests/bench/bench.sh).

RELEASE := build/release
BENCH_DRIVERS := build/tests/bench.sys build/tests/wall.sys

$(BENCH_DRIVERS): build/tests/%.sys: tests/bench/%.c tests/bench/bench.mk
	@mkdir -p $(@D)
	@$(DRIVER_CC) $(DRIVER_CFLAGS) $(DRIVER_LDFLAGS) -o $@ $< $(DRIVER_LIBS)

.PHONY: bench
bench: install
	+@$(BUILD_ALL) BUILD=$(RELEASE) EXTRA_CFLAGS=-DDEBUG=0 all
	+@$(BUILD_ALL) $(BENCH_DRIVERS)
	@BASE='$(BASE)' WALL='$(WALL)' OFF='$(OFF)' BOUND='$(BOUND)' RELEASE=$(RELEASE) NM='$(NM)' READELF='$(READELF)' \
	    tests/bench/bench.sh
