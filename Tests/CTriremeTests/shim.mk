# The shim's own tests: optimised, then the rings under ThreadSanitizer, then all of it under
# AddressSanitizer and UndefinedBehaviorSanitizer. Included by the top Makefile; also stands alone:
#   make -f Tests/CTriremeTests/shim.mk shim-test

SHIM_CC := $(shell command -v clang 2>/dev/null || command -v gcc)
SHIM_DIRECTORY := .build/shim
SHIM_SOURCES := $(wildcard Sources/CTrireme/*.c) $(wildcard Tests/CTriremeTests/*.c)
SHIM_INPUTS := $(SHIM_SOURCES) $(wildcard Sources/CTrireme/*.h Sources/CTrireme/include/*.h Tests/CTriremeTests/*.h)
SHIM_FLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -ISources/CTrireme/include -ISources/CTrireme -ITests/CTriremeTests
SHIM_LIBRARIES := -luring -lnuma -lpthread

# Every call to the kernel names its site (Sources/CTrireme/faults_sites.h), so that the tests can make it fail.
SHIM_SYSTEM_CALLS := open|openat|mmap|pread|pwrite|read|write|fsync|fdatasync|ftruncate|fallocate|fstat|statfs|statvfs|flock|fcntl|socket|setsockopt|getsockopt|getsockname|bind|connect|ioctl|getifaddrs|setns|eventfd|madvise|pthread_create|io_uring_queue_init_params|io_uring_register_[a-z_]+|io_uring_get_probe_ring|io_uring_enter2?
.PHONY: shim-sites
shim-sites:
	@bare=$$(grep -nE '(^|[^A-Za-z0-9_>."/`])($(SHIM_SYSTEM_CALLS))\(' $(filter-out Sources/CTrireme/faults.c,$(wildcard Sources/CTrireme/*.c)) \
	  | grep -vE 'TRM_CALL|TRM_TRANSFER|^[^:]*:[0-9]*: *(//|static )|not a site|"see [a-z]+[(]' \
	  | while IFS=: read -r file line text; do \
	      sed -n "$$((line > 2 ? line - 2 : 1)),$${line}p" "$$file" | grep -q 'TRM_CALL\|TRM_TRANSFER' || echo "$$file:$$line:$$text"; done); \
	if [ -n "$$bare" ]; then echo "calls to the kernel without a site (Sources/CTrireme/faults_sites.h):"; echo "$$bare"; exit 1; fi

.PHONY: shim-test
shim-test: shim-sites $(SHIM_DIRECTORY)/tests $(SHIM_DIRECTORY)/tests-thread $(SHIM_DIRECTORY)/tests-address
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
