# drivers.mk - the example drivers, built as a driver author would: by mingw-w64 against its own DDK headers. Those whose
# names begin with seh_ are compiled by clang, which has Microsoft's __try; the import libraries and the linker are the same.
# Those whose names begin with msvc_ are compiled by clang for Microsoft's own target, without any header. million/ are those
# that tests/million.t runs; in it clang_ is compiled by clang as well.
#
# `make test-drivers` builds all of them to build/tests/drivers/, and the broken files that breakage.pl makes
# of one. Nothing of Kedge is in their include path.

DRIVER_CC := x86_64-w64-mingw32-gcc
DRIVER_CFLAGS := -O2 -g -Wall -Wextra -Werror -Wno-multichar -Wno-infinite-recursion -Wno-array-bounds -isystem /usr/x86_64-w64-mingw32/include/ddk
DRIVER_LDFLAGS := -nostdlib -Wl,--subsystem,native -Wl,--entry,DriverEntry -Wl,--image-base,0x10000
DRIVER_LIBS := -lntoskrnl -lhal
SEH_CC := clang --target=x86_64-w64-windows-gnu
SEH_CFLAGS := -fms-extensions -O2 -g -Wall -Wextra -Werror -Wno-unused-function -isystem /usr/x86_64-w64-mingw32/include \
    -isystem /usr/x86_64-w64-mingw32/include/ddk

MSVC_CC := clang --target=x86_64-pc-windows-msvc
MSVC_CFLAGS := -O2 -Wall -Wextra -Werror -ffreestanding

TEST_DRIVERS := $(patsubst tests/drivers/%.c,$(BUILD)/tests/drivers/%.sys,$(wildcard tests/drivers/*.c tests/drivers/million/*.c))
BROKEN_FILES := $(BUILD)/tests/drivers/broken/list

.PHONY: test-drivers
test-drivers: $(TEST_DRIVERS) $(BROKEN_FILES)

$(BUILD)/tests/drivers/%.sys: tests/drivers/%.c tests/drivers/drivers.mk
	$(call say,DRIVER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(DRIVER_CC) $(DRIVER_CFLAGS) $(DRIVER_LDFLAGS) -o $@ $< $(DRIVER_LIBS)

$(BUILD)/tests/drivers/seh_%.sys: tests/drivers/seh_%.c tests/drivers/seh.h tests/drivers/drivers.mk
	$(call say,DRIVER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(SEH_CC) $(SEH_CFLAGS) -c -o $(@:.sys=.o) $<
	$(Q)$(DRIVER_CC) $(DRIVER_LDFLAGS) -o $@ $(@:.sys=.o) $(DRIVER_LIBS)

$(BUILD)/tests/drivers/million/%.sys: tests/drivers/million/%.c tests/drivers/million/crew.h tests/drivers/cache.c \
    tests/drivers/drivers.mk
	$(call say,DRIVER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(DRIVER_CC) $(DRIVER_CFLAGS) $(DRIVER_LDFLAGS) -o $@ $< $(DRIVER_LIBS)

$(BUILD)/tests/drivers/million/clang_%.sys: tests/drivers/million/clang_%.c tests/drivers/million/crew.h tests/drivers/drivers.mk
	$(call say,DRIVER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(SEH_CC) $(SEH_CFLAGS) -c -o $(@:.sys=.o) $<
	$(Q)$(DRIVER_CC) $(DRIVER_LDFLAGS) -o $@ $(@:.sys=.o) $(DRIVER_LIBS)

define MSVC_DRIVER
	$(call say,DRIVER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(MSVC_CC) $(MSVC_CFLAGS) -c -o $(@:.sys=.o) $<
	$(Q)$(DRIVER_CC) $(DRIVER_LDFLAGS) -o $@ $(@:.sys=.o) $(DRIVER_LIBS)
endef

$(BUILD)/tests/drivers/msvc_%.sys: tests/drivers/msvc_%.c tests/drivers/drivers.mk
	$(MSVC_DRIVER)

$(BUILD)/tests/drivers/million/msvc_%.sys: tests/drivers/million/msvc_%.c tests/drivers/drivers.mk
	$(MSVC_DRIVER)

$(BROKEN_FILES): tests/drivers/breakage.pl $(BUILD)/tests/drivers/tapper.sys
	$(call say,BREAK,$(@D))
	$(Q)mkdir -p $(@D)
	$(Q)perl $^ $(@D) >$@
