# targets.mk - what a person asks for: run, test, lint. Included by the Makefile.
#
# Each installs what is missing before anything is built: the compiler itself may be missing. So the
# build is a second make, and the variables of tests/boot.sh reach it and the script by the environment.

export DRIVER SMP MEM CPU FIRMWARE HEADLESS ACCEL APPEND TIMEOUT GDB_WAIT

BUILD_ALL := $(MAKE) -s --no-print-directory
COMMA := ,

-include $(wildcard tests/drivers/*.mk)

# Our own example drivers are built when they are asked for: make run DRIVER=build/tests/drivers/NAME.sys
OUR_DRIVERS := $(filter build/tests/drivers/%.sys,$(subst $(COMMA), ,$(DRIVER)))

.PHONY: run test lint install

install:
	@tests/install.sh

run: install
	+@$(BUILD_ALL) all $(if $(filter bios uefi,$(FIRMWARE)),iso) $(OUR_DRIVERS)
	@tests/boot.sh

test: install
	+@$(BUILD_ALL) all iso test-drivers
	@tests/run.sh

-include tests/bench/bench.mk
-include tests/mutants/mutants.mk
-include tests/models/models.mk

# Which test watches over which promise: tests/CONFORMANCE.md, from the tags in the tests.
.PHONY: conformance
conformance:
	@tests/conformance.pl >tests/CONFORMANCE.md.new; Status=$$?; mv tests/CONFORMANCE.md.new tests/CONFORMANCE.md; exit $$Status

# The rules need to know what each floor sees and what it is made of.
lint:
	@tests/install.sh lint
	+@$(BUILD_ALL) all
	@CC='$(CC)' CFLAGS='$(CFLAGS)' LD='$(LD)' NM='$(NM)' FLOORS='$(FLOORS)' \
	    $(foreach f,$(FLOORS),INC_$(f)='$(INC_$(f))' OBJ_$(f)='$(OBJ_$(f))') tests/lint.sh
