# bench.mk - `make bench`: a release build under the instruction-counting switch, and one table.

RELEASE := build/release
BENCH_DRIVER := build/tests/bench.sys

$(BENCH_DRIVER): tests/bench/bench.c tests/bench/bench.mk
	@mkdir -p $(@D)
	@$(DRIVER_CC) $(DRIVER_CFLAGS) -Wno-array-bounds $(DRIVER_LDFLAGS) -o $@ $< $(DRIVER_LIBS)

.PHONY: bench
bench: install
	+@$(BUILD_ALL) BUILD=$(RELEASE) EXTRA_CFLAGS=-DDEBUG=0 all
	+@$(BUILD_ALL) $(BENCH_DRIVER)
	@BUILD=$(RELEASE) DRIVER=$(BENCH_DRIVER) SMP=1 ACCEL=virtual HEADLESS=1 APPEND=verifier=off tests/boot.sh >build/bench.log || \
	    { tail -n 25 build/bench.log; exit 1; }
	@tests/bench/table.pl tests/bench/rows.tsv build/bench.tsv <build/bench.log
