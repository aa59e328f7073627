// KVM's user-space interface, laid out as the kernel lays it out.
#pragma once

// Debian 12's <linux/stddef.h> declares flexible arrays with an empty struct, whose size is 0 in C
// but 1 in C++: structures grow, and with them the ioctl numbers that carry their sizes.
#include <linux/stddef.h>
#undef __DECLARE_FLEX_ARRAY
#define __DECLARE_FLEX_ARRAY(TYPE, NAME) TYPE NAME[0]  // NOLINT(bugprone-reserved-identifier)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <linux/kvm.h>
#pragma GCC diagnostic pop

static_assert(sizeof(kvm_irq_routing) == 8);
static_assert(sizeof(kvm_msrs) == 8);
static_assert(sizeof(kvm_cpuid2) == 8);
static_assert(sizeof(kvm_irq_routing_entry) == 48);
static_assert(sizeof(kvm_userspace_memory_region) == 32);
