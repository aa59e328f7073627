// The kernel's names for the constants of virtio rings, without its layout functions, which are C.
#pragma once

#define VIRTIO_RING_NO_LEGACY
#include <linux/virtio_ring.h>
