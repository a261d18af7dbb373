# Kedge's build. `make` builds the kernel; `make run`, `make test`, `make bench` and `make lint` come from
# tests/targets.mk; `make iso` makes the medium. All products go to build/.
#
# Each floor of the house is compiled with its own include path, so that an include which looks up the
# house does not compile. A floor's sources are whatever .c and .S files lie in its folders. A floor that
# makes sources or needs a rule of its own keeps them in a build.mk beside its sources.

# ---- Tools ----

ifeq ($(origin CROSS_COMPILE),undefined)
CROSS_COMPILE := $(shell \
    if command -v x86_64-elf-gcc >/dev/null 2>&1; then echo x86_64-elf-; \
    elif command -v x86_64-linux-gnu-gcc >/dev/null 2>&1; then echo x86_64-linux-gnu-; \
    else case "$$(gcc -dumpmachine 2>/dev/null)" in (x86_64-*linux*) ;; (*) echo x86_64-linux-gnu-;; esac; fi)
endif
ifneq ($(filter default undefined,$(origin CC)),)
CC := $(CROSS_COMPILE)gcc
endif
ifneq ($(filter default undefined,$(origin LD)),)
LD := $(CROSS_COMPILE)ld
endif
OBJCOPY ?= $(CROSS_COMPILE)objcopy
READELF ?= $(CROSS_COMPILE)readelf
NM ?= $(CROSS_COMPILE)nm
OBJDUMP ?= $(CROSS_COMPILE)objdump

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

Q := $(if $(V),,@)
say = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-7s %s\n' $(1) $(2))

# ---- Products ----

BUILD := build
KERNEL := $(BUILD)/kedge.elf
KERNEL_DEBUG := $(BUILD)/kedge.debug
ISO := $(BUILD)/kedge.iso

.DEFAULT_GOAL := all
.PHONY: all iso clean
.DELETE_ON_ERROR:

# ---- Floors, from the ground up ----

FLOORS := rtl arch ke mm ex ob ps io vf ldr drivers multiboot tests boot

PORT := -Iarch/x86_64/include
INC_rtl := -Ikernel/rtl/include
INC_arch := $(INC_rtl) $(PORT) -Iarch/include
INC_ke := $(INC_arch) -Ikernel/ke/include
INC_mm := $(INC_ke) -Ikernel/mm/include
INC_ex := $(INC_rtl) $(PORT) -Ikernel/ke/include -Ikernel/mm/include -Ikernel/ex/include
INC_ob := $(INC_ex) -Ikernel/ob/include
INC_ps := $(INC_ob) -Ikernel/ps/include
INC_io := $(INC_ps) -Ikernel/io/include
INC_vf := $(INC_io) -Ikernel/vf/include
INC_ldr := $(INC_vf) -Ikernel/ldr/include
INC_drivers := $(INC_rtl) $(PORT) -Ikernel/ke/include -Ikernel/mm/include -Idrivers/include
INC_multiboot := $(INC_rtl) -Iboot/include
INC_tests := $(INC_ldr) -Iarch/include -Idrivers/include -Iboot/include -Itests -Iarch/x86_64 -Ikernel/ex -Idrivers
INC_boot := $(INC_tests)

sources = $(sort $(foreach d,$(1),$(wildcard $(d)/*.c $(d)/*.S)))
SRC_rtl := $(call sources,kernel/rtl)
SRC_arch := $(filter-out arch/x86_64/offsets.c,$(call sources,arch/x86_64))
SRC_ke := $(call sources,kernel/ke)
SRC_mm := $(call sources,kernel/mm)
SRC_ex := $(call sources,kernel/ex)
SRC_ob := $(call sources,kernel/ob)
SRC_ps := $(call sources,kernel/ps)
SRC_io := $(call sources,kernel/io)
SRC_vf := $(call sources,kernel/vf)
SRC_ldr := $(call sources,kernel/ldr)
SRC_drivers := $(call sources,drivers)
SRC_tests := $(call sources,tests $(filter-out tests/host tests/drivers tests/bench,$(patsubst %/,%,$(wildcard tests/*/))))
SRC_multiboot := $(call sources,boot/multiboot)
SRC_boot := $(call sources,boot)

# A build.mk may add to GEN_<floor> (sources that it makes under build/) and FLAGS_<floor>.
-include $(wildcard kernel/*/build.mk arch/x86_64/build.mk drivers/build.mk)

# ---- Compilation ----

CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mabi=ms -mgeneral-regs-only -mno-red-zone \
    -mcmodel=kernel -fno-strict-aliasing -fno-stack-protector -fshort-wchar -fomit-frame-pointer \
    -fasynchronous-unwind-tables -fcf-protection=none -Wall -Wextra -Werror -Wno-missing-field-initializers \
    -Wno-multichar $(EXTRA_CFLAGS)
ASFLAGS := -g -fno-pic -fno-pie -I$(BUILD) -Wa,--fatal-warnings
OFFSETS := $(BUILD)/asm_offsets.h
TOOLCHAIN := $(BUILD)/toolchain.ok

# trap.c and trap.S are two objects: trap.o and trap.S.o.
object = $(patsubst %.c,$(BUILD)/obj/%.o,$(patsubst %.S,$(BUILD)/obj/%.S.o,$(patsubst $(BUILD)/%,%,$(1))))

define FLOOR
OBJ_$(1) := $$(call object,$$(SRC_$(1)) $$(GEN_$(1)))
$$(OBJ_$(1)): FLOOR_FLAGS := $$(INC_$(1)) $$(FLAGS_$(1))
endef
$(foreach f,$(FLOORS),$(eval $(call FLOOR,$(f))))
OBJECTS := $(foreach f,$(FLOORS),$(OBJ_$(f)))

$(BUILD)/obj/%.o: %.c Makefile | $(TOOLCHAIN)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(FLOOR_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: $(BUILD)/%.c Makefile | $(TOOLCHAIN)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(FLOOR_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.S.o: %.S $(OFFSETS) Makefile | $(TOOLCHAIN)
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ASFLAGS) $(FLOOR_FLAGS) -MMD -MP -c -o $@ $<

# The offsets that assembly uses, as the C compiler lays the structures out. The file changes only when
# they do, so that assembly is not compiled again for every header.
$(BUILD)/asm_offsets.s: $(wildcard arch/x86_64/offsets.c) Makefile | $(TOOLCHAIN)
	$(Q)$(if $(filter %.c,$<),$(CC) $(CFLAGS) $(INC_ke) -MMD -MP -MT $@ -MF $(BUILD)/asm_offsets.d -S -o $@ $<,: >$@)

$(OFFSETS): $(BUILD)/asm_offsets.s
	$(Q)sed -n 's/^[[:space:]]*#@/#/p' $< >$@.new
	$(Q)cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(TOOLCHAIN):
	$(Q)mkdir -p $(@D)
	$(Q)command -v $(firstword $(CC)) >/dev/null || { echo "Kedge needs GCC for x86-64: $(firstword $(CC)) is not there" \
	    "(Debian, Ubuntu: apt install gcc binutils; others: set CROSS_COMPILE)" >&2; exit 1; }
	$(Q)echo 'int F(int A) { return A; }' | $(CC) -O2 -mabi=ms -mgeneral-regs-only -S -o - -x c - 2>/dev/null | \
	    grep -q '%ecx' || \
	    { echo "Kedge needs a compiler with -mabi=ms (GCC for x86-64): $(CC) cannot" >&2; exit 1; }
	$(Q)touch $@

-include $(OBJECTS:.o=.d) $(BUILD)/asm_offsets.d

# ---- Linking ----
#
# The image names its own functions: a first link places them, their sorted table is made from it, and the
# second link adds the table. Text lies before the table, so the addresses are the same in both.

LDFLAGS := -nostdlib -static -z max-page-size=0x1000 -z noexecstack --eh-frame-hdr --build-id=none -T linker.ld

# A source that goes away leaves nothing newer than the image: the list of objects tells.
.PHONY: ALWAYS
$(BUILD)/objects: ALWAYS
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(OBJECTS)' | cmp -s - $@ || echo '$(OBJECTS)' >$@

$(BUILD)/kedge.first: $(OBJECTS) $(BUILD)/obj/nosyms.o $(BUILD)/objects linker.ld
	$(Q)$(LD) $(LDFLAGS) -S -o $@ $(filter %.o,$^)

$(BUILD)/nosyms.S: Makefile
	$(Q)mkdir -p $(@D)
	$(Q)printf '.section .ksymtab,"a"\n.globl KSymCount,KSymTable,KSymNames\nKSymCount:KSymTable:KSymNames:.long 0\n' >$@

$(BUILD)/obj/nosyms.o $(BUILD)/obj/ksyms.o: $(BUILD)/obj/%.o: $(BUILD)/%.S | $(TOOLCHAIN)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -fno-pic -c -o $@ $<

$(BUILD)/ksyms.S: $(BUILD)/kedge.first boot/symbols.awk
	$(Q)$(READELF) -sW $< | LC_ALL=C awk -f boot/symbols.awk >$@

$(BUILD)/kedge.full: $(OBJECTS) $(BUILD)/obj/ksyms.o linker.ld boot/layout.awk
	$(call say,LD,$(KERNEL))
	$(Q)$(LD) $(LDFLAGS) -o $@ $(filter %.o,$^)
	$(Q)$(READELF) -lW $@ | awk -f boot/layout.awk

$(KERNEL_DEBUG): $(BUILD)/kedge.full
	$(Q)$(OBJCOPY) --only-keep-debug $< $@

$(KERNEL): $(BUILD)/kedge.full $(KERNEL_DEBUG)
	$(Q)$(OBJCOPY) --strip-debug --add-gnu-debuglink=$(KERNEL_DEBUG) $< $@

all: $(KERNEL)

# ---- The medium: make iso [DRIVER=a.sys,b.sys] puts drivers on it for the menu's third entry ----

COMMA := ,
ISO_DRIVERS := $(subst $(COMMA), ,$(DRIVER))

iso: $(ISO)

$(ISO): $(KERNEL) iso/grub.cfg iso/make.sh $(BUILD)/iso.drivers $(ISO_DRIVERS)
	$(call say,ISO,$@)
	$(Q)iso/make.sh $@ $(KERNEL) iso/grub.cfg $(ISO_DRIVERS)

# Another choice of drivers makes another medium.
$(BUILD)/iso.drivers: ALWAYS
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(ISO_DRIVERS)' | cmp -s - $@ || echo '$(ISO_DRIVERS)' >$@

clean:
	rm -rf $(BUILD)

-include tests/targets.mk
