# The shim's own tests: optimised, then the rings under ThreadSanitizer, then all of it under
# AddressSanitizer and UndefinedBehaviorSanitizer. Included by the top Makefile; also stands alone:
#   make -f Tests/CTriremeTests/shim.mk shim-test

SHIM_CC := $(shell command -v clang 2>/dev/null || command -v gcc)
SHIM_DIRECTORY := .build/shim
SHIM_SOURCES := $(wildcard Sources/CTrireme/*.c) $(wildcard Tests/CTriremeTests/*.c)
SHIM_INPUTS := $(SHIM_SOURCES) $(wildcard Sources/CTrireme/*.h Sources/CTrireme/include/*.h Tests/CTriremeTests/*.h)
SHIM_FLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -ISources/CTrireme/include -ISources/CTrireme -ITests/CTriremeTests
SHIM_LIBRARIES := -luring -lnuma -lpthread

.PHONY: shim-test
shim-test: $(SHIM_DIRECTORY)/tests $(SHIM_DIRECTORY)/tests-thread $(SHIM_DIRECTORY)/tests-address
	$(SHIM_DIRECTORY)/tests $(SHIM_DIRECTORY)
	TSAN_OPTIONS=halt_on_error=1 $(SHIM_DIRECTORY)/tests-thread $(SHIM_DIRECTORY) rings
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $(SHIM_DIRECTORY)/tests-address $(SHIM_DIRECTORY)

$(SHIM_DIRECTORY)/tests: SHIM_SANITIZER :=
$(SHIM_DIRECTORY)/tests-thread: SHIM_SANITIZER := -fsanitize=thread
$(SHIM_DIRECTORY)/tests-address: SHIM_SANITIZER := -fsanitize=undefined,address -fno-sanitize-recover=all

$(SHIM_DIRECTORY)/tests $(SHIM_DIRECTORY)/tests-thread $(SHIM_DIRECTORY)/tests-address: $(SHIM_INPUTS)
	@mkdir -p $(SHIM_DIRECTORY)
	@echo "compiling $@"
	@$(SHIM_CC) $(SHIM_FLAGS) $(SHIM_SANITIZER) $(SHIM_SOURCES) -o $@ $(SHIM_LIBRARIES)

# Speeds of the shim's parts on this machine.
.PHONY: shim-measure
shim-measure: $(SHIM_DIRECTORY)/measure
	$(SHIM_DIRECTORY)/measure $(SHIM_DIRECTORY)

SHIM_MEASURED := Tests/CTriremeTests/measure/measure.c $(wildcard Sources/CTrireme/*.c)
$(SHIM_DIRECTORY)/measure: $(SHIM_MEASURED) $(SHIM_INPUTS)
	@mkdir -p $(SHIM_DIRECTORY)
	@echo "compiling $@"
	@$(SHIM_CC) $(SHIM_FLAGS) $(SHIM_MEASURED) -o $@ $(SHIM_LIBRARIES)
