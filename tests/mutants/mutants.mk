# mutants.mk - plants faults in copies of the kernel and sees whether the tests notice: make mutants [MUTANT="name name"].

.PHONY: mutants

mutants: install
	+@$(BUILD_ALL) all test-drivers
	@tests/mutants/mutants.pl $(MUTANT)
