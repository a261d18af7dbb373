# targets.mk - what a person asks for: run, test, lint. Included by the Makefile.
#
# Each installs what is missing before anything is built: the compiler itself may be missing. So the
# build is a second make, and the variables of tests/boot.sh reach it and the script by the environment.

export DRIVER SMP MEM CPU FIRMWARE HEADLESS ACCEL APPEND TIMEOUT

JOBS := $(shell nproc 2>/dev/null || echo 2)
BUILD_ALL := $(MAKE) -s -j$(JOBS) --no-print-directory
COMMA := ,

# Our own example drivers are built when they are asked for: make run DRIVER=build/tests/drivers/NAME.sys
OUR_DRIVERS := $(filter build/tests/drivers/%.sys,$(subst $(COMMA), ,$(DRIVER)))

.PHONY: run test lint install

install:
	@tests/install.sh

run: install
	@$(BUILD_ALL) all $(if $(filter bios uefi,$(FIRMWARE)),iso) $(OUR_DRIVERS)
	@tests/boot.sh

test: install
	@$(BUILD_ALL) all iso test-drivers
	@tests/run.sh

lint:
	@tests/install.sh lint
	@$(BUILD_ALL) all
	@tests/lint.sh
