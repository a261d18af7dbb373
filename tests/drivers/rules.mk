# rules.mk - a driver for each rule of the verifier, twice: NAME_fault.sys breaks it, NAME.sys does the same and does not.

RULE_SOURCES := $(wildcard tests/drivers/rules/*.c)
RULE_DRIVERS := $(RULE_SOURCES:tests/%.c=$(BUILD)/tests/%.sys) $(RULE_SOURCES:tests/%.c=$(BUILD)/tests/%_fault.sys)

test-drivers: $(RULE_DRIVERS)

$(BUILD)/tests/drivers/rules/%_fault.sys: tests/drivers/rules/%.c tests/drivers/drivers.mk
	$(call say,DRIVER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(DRIVER_CC) $(DRIVER_CFLAGS) -DFAULT $(DRIVER_LDFLAGS) -o $@ $< $(DRIVER_LIBS)

$(RULE_DRIVERS): $(wildcard tests/drivers/rules/*.h)
